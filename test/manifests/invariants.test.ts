/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment,
   @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call --
   the test looks into objects of every kind */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import { contentHash } from "../../src/manifests/content-hash";
import type { KubernetesObject } from "../../src/manifests/object";
import { stackObjects } from "../../src/manifests/stack-objects";
import { exampleBranch, exampleEvidence, exampleStack, exampleTenant } from "./example-stack";

/** What holds for the objects of every stack. The policy pack compares objects with these, and so relies on it. */

const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const automation = fc.constantFrom("auto", "pull-request", "manual" as const);
const rule = fc.record({
  namespaces: fc.array(name, { minLength: 1, maxLength: 2 }),
  cidrs: fc.constantFrom([], ["10.0.0.0/8"]),
  ports: fc.constantFrom([], [{ port: 80, protocol: "TCP" as const }]),
});

const tenant: fc.Arbitrary<Tenant> = fc
  .record({
    name,
    namespace: name,
    team: fc.array(name, { maxLength: 2 }),
    values: fc.constantFrom([], [{ path: "tenants/x/values.yaml", content: "a: 1\n" }]),
    secrets: fc.array(fc.record({ name, key: fc.constant("values.yaml") }), { maxLength: 2 }),
    repositorySecret: fc.option(name, { nil: undefined }),
    registrySecret: fc.option(name, { nil: undefined }),
    podSecurity: fc.constantFrom("restricted", "baseline", "privileged" as const),
    network: fc.record({ ingress: fc.array(rule, { maxLength: 2 }), egress: fc.array(rule, { maxLength: 2 }) }),
    policy: fc.record({ range: fc.constant(">=6.0.0"), automation, deny: fc.constant([]) }),
    admission: fc.constantFrom("deny", "audit", "off" as const),
    pinDigest: fc.constantFrom(undefined, true as const, { tag: "image.tag" }),
  })
  .map((changes) => ({ ...exampleTenant, ...changes }));

const stack = fc.record({ tenant, follow: fc.constantFrom("tags", "branch" as const), promotion: fc.boolean() });

interface Made {
  readonly config: StackConfig;
  readonly tenant: Tenant;
  readonly objects: readonly KubernetesObject[];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test looks into objects of every kind
type Any = any;

/** Checks something of the objects of many stacks. */
function always(check: (made: Made, of: (...kinds: string[]) => Any[]) => void): () => void {
  return () =>
    fc.assert(
      fc.property(stack, ({ tenant, follow }) => {
        const config: StackConfig = { ...exampleStack, follow, tenants: [tenant] };
        const evidence = follow === "tags" ? exampleEvidence : exampleBranch;
        const tenants = [{ tenant, source: "lock" as const, evidence, reasons: [] }];
        const objects = Array.from(stackObjects({ config, tenants }), ({ object }) => object);
        check({ config, tenant, objects }, (...kinds) => objects.filter(({ kind }) => kinds.includes(kind)));
      }),
    );
}

const isFlux = ({ apiVersion }: KubernetesObject) => apiVersion.includes(".fluxcd.io/");

describe("the objects of every stack", () => {
  it(
    "are in the tenant's or the authority namespace, except namespaces and the admission policy",
    always(({ config, tenant, objects }) => {
      for (const object of objects) {
        const { namespace } = object.metadata;
        if (namespace === undefined) {
          assert.match(object.kind, /^(?:Namespace|ValidatingAdmissionPolicy|ValidatingAdmissionPolicyBinding)$/);
        } else assert.ok([tenant.namespace, config.authorityNamespace].includes(namespace), namespace);
        if (isFlux(object)) assert.equal(namespace, config.authorityNamespace);
      }
    }),
  );

  it(
    "give no right over Flux, roles and guardrails, and none to get more rights",
    always((_, of) => {
      assert.deepEqual(of("ClusterRole", "ClusterRoleBinding"), []);
      for (const { apiGroups, resources, verbs } of of("Role").flatMap(({ rules }) => rules as Any[])) {
        assert.doesNotMatch(JSON.stringify([apiGroups, resources, verbs]), /\*|fluxcd|escalate|bind"|impersonate/);
        const writes = (verbs as string[]).some((verb) => !["get", "list", "watch"].includes(verb));
        const guarded =
          /resourcequotas|limitranges|namespaces|networkpolicies|"roles|rolebindings|serviceaccounts\/token/;
        if (writes) assert.doesNotMatch(JSON.stringify(resources), guarded);
      }
    }),
  );

  it(
    "bind only the tenant's account and its team, to roles of the namespace",
    always(({ config, tenant }, of) => {
      for (const { metadata, roleRef, subjects } of of("RoleBinding")) {
        assert.equal(metadata.namespace, tenant.namespace);
        assert.equal(roleRef.kind, "Role");
        assert.ok(of("Role").some((role) => role.metadata.name === roleRef.name));
        for (const { kind, name, namespace } of subjects) {
          if (kind === "Group") assert.ok(tenant.team.includes(name));
          else assert.deepEqual([kind, name, namespace], ["ServiceAccount", tenant.name, config.authorityNamespace]);
        }
      }
      for (const account of of("ServiceAccount")) assert.equal(account.automountServiceAccountToken, false);
    }),
  );

  it(
    "deny traffic by default, and open nothing to everybody",
    always((_, of) => {
      const policies = of("NetworkPolicy");
      const isDefaultDeny = ({ spec }: Any) =>
        JSON.stringify(spec) === JSON.stringify({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
      assert.ok(policies.some(isDefaultDeny));
      for (const { ingress = [], egress = [] } of policies.map(({ spec }) => spec)) {
        for (const peers of [...ingress.map(({ from }: Any) => from), ...egress.map(({ to }: Any) => to)]) {
          assert.ok(peers.length > 0);
          for (const { namespaceSelector, podSelector, ipBlock } of peers) {
            const labels = Object.keys(namespaceSelector?.matchLabels ?? {});
            // Without a namespace, pods of the own one.
            assert.ok(labels.length > 0 || ipBlock !== undefined || podSelector !== undefined);
          }
        }
      }
    }),
  );

  it(
    "bound the namespace: Pod Security, quota and limits",
    always(({ tenant }, of) => {
      const [namespace] = of("Namespace");
      assert.equal(namespace.metadata.labels["pod-security.kubernetes.io/enforce"], tenant.podSecurity);
      assert.ok(Object.keys(of("ResourceQuota")[0].spec.hard).length > 0);
      assert.ok(of("LimitRange")[0].spec.limits.length > 0);
    }),
  );

  it(
    "name special config by its content, never to be changed",
    always((_, of) => {
      for (const { metadata, immutable, data } of of("ConfigMap")) {
        assert.equal(immutable, true);
        assert.ok(metadata.name.endsWith(`-values-${contentHash({ data })}`));
      }
    }),
  );

  it(
    "run the release as the tenant's account, in its namespace and this cluster, with its own values",
    always(({ tenant }, of) => {
      const [{ spec }] = of("HelmRelease");
      assert.equal(spec.serviceAccountName, tenant.name);
      assert.deepEqual([spec.targetNamespace, spec.storageNamespace], [tenant.namespace, tenant.namespace]);
      for (const field of ["kubeConfig", "values"]) assert.equal(spec[field], undefined);
      for (const { kustomize, ...others } of spec.postRenderers ?? []) {
        assert.deepEqual([Object.keys(kustomize), others], [["images"], {}]);
        for (const { name, newName } of kustomize.images)
          assert.ok(tenant.images.includes(name) && newName === undefined);
      }
      assert.equal(spec.install.createNamespace, undefined);
      const configMaps = of("ConfigMap").map(({ metadata }) => metadata.name);
      const secrets = tenant.secrets.map((secret) => secret.name);
      for (const { kind, name, optional, targetPath } of spec.valuesFrom ?? []) {
        assert.ok((kind === "ConfigMap" ? configMaps : secrets).includes(name));
        assert.deepEqual([optional, targetPath], [undefined, undefined]);
      }
    }),
  );

  it(
    "fetch only releases where the stack follows tags, and only with the declared credentials",
    always(({ config, tenant }, of) => {
      for (const { metadata, spec } of of("GitRepository", "OCIRepository", "ImageRepository")) {
        const isOurs = metadata.labels["shared-authority/tenant"] === undefined;
        const declared = [tenant.repositorySecret, tenant.registrySecret, config.configRepository?.secretName];
        if (spec.secretRef !== undefined) assert.ok(declared.includes(spec.secretRef.name));
        for (const field of [
          "certSecretRef",
          "proxySecretRef",
          "serviceAccountName",
          "provider",
          "recurseSubmodules",
        ]) {
          assert.equal(spec[field], undefined);
        }
        if (config.follow !== "tags" || isOurs || spec.ref === undefined) continue;
        const fixed = "digest" in spec.ref ? "digest" : "commit";
        assert.deepEqual(Object.keys(spec.ref).sort(), [fixed, "tag"].sort());
      }
    }),
  );

  it(
    "commit only versions of this stack's tenants, to the stack file on the declared branch",
    always(({ config, tenant }, of) => {
      const { branch, promotionBranch, author } = config.configRepository!;
      for (const { spec } of of("ImageUpdateAutomation")) {
        assert.ok(Object.keys(spec.policySelector.matchLabels).length === 2);
        assert.deepEqual(spec.update, { strategy: "Setters", path: "Pulumi.prod.yaml" });
        assert.deepEqual(spec.git.push, { branch: tenant.policy.automation === "auto" ? branch : promotionBranch });
        assert.deepEqual(spec.git.checkout, { ref: { branch } });
        assert.deepEqual(spec.git.commit.author, author);
      }
    }),
  );
});
