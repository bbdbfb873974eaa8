import assert from "node:assert/strict";
import { emergencyVariable } from "../../src/config/emergency";
import type { StackConfig } from "../../src/config/stack-config";
import { annotation } from "../../src/manifests/annotation";
import type { KubernetesObject } from "../../src/manifests/object";
import { decidedObjects } from "../../src/policy-pack/decided-objects";
import type { Policy } from "../../src/policy-pack/define-policy";
import { judgeObjects } from "../../src/policy-pack/judge";
import { policies } from "../../src/policy-pack/policies";
import type { Resource } from "../../src/policy-pack/resource";
import {
  allObjectsOf,
  commitCharts,
  commitImages,
  config,
  evidenceOf,
  headOfMaster,
  objectsOf,
  podinfo,
  stackConfigOf,
  verdict,
  withField,
  withUnknown,
} from "./fixture";

function object(apiVersion: string, kind: string, namespace = "", fields: object = {}): KubernetesObject {
  return { apiVersion, kind, metadata: { name: "x", ...(namespace === "" ? {} : { namespace }) }, ...fields };
}

/** What the pack says of one resource of a run, with other arguments from the engine than `authority check` gives. */
async function verdictWith(
  kinds: string | readonly string[],
  change: (resource: Resource) => Partial<Resource>,
  objects: readonly KubernetesObject[] = allObjectsOf(),
  stack: StackConfig = config,
): Promise<string> {
  const changed = policies.map((policy): Policy => {
    const validate = policy.validateResource;
    return {
      ...policy,
      validateResource: (args, report) =>
        validate([kinds].flat().includes(String(args.props.kind)) ? { ...args, ...change(args) } : args, report),
    };
  });
  return (await judgeObjects(objects, changed, stack)).map(({ message }) => message).join("\n");
}

describe("decided-objects", () => {
  const legitimate: [string, StackConfig, KubernetesObject[]][] = [
    ["the untouched objects of a stack", config, allObjectsOf()],
    ["a tenant without special config", ...withConfig({ values: [] })],
    ["an OCI chart", ...withConfig({ chart: { kind: "oci", url: "oci://ghcr.io/stefanprodan/charts/podinfo" } })],
    ["declared prefixes", ...withConfig({ tag: "v6.14.1", prefix: { git: "release-", chart: "v", image: "v" } })],
    ["a pinned digest", ...withConfig({ pinDigest: { tag: "image.tag" } })],
    ["credentials", ...withConfig({ repositorySecret: "podinfo-git", registrySecret: "podinfo-registry" })],
    [
      "another namespace and network rules",
      ...withConfig({
        namespace: "apps",
        network: {
          ingress: [{ namespaces: ["ingress"], cidrs: [], ports: [{ port: 9898, protocol: "TCP" }] }],
          egress: [{ namespaces: [], cidrs: ["10.0.0.0/8"], ports: [] }],
        },
      }),
    ],
    [
      "a tenant that follows a branch",
      ...(({ stack }) => [stack, allObjectsOf(stack, headOfMaster)] as const)({
        stack: stackConfigOf({ tag: undefined, digest: undefined }, { follow: "branch" }),
      }),
    ],
    ["the images of commits", commitImages.stack(), allObjectsOf(commitImages.stack(), commitImages.evidence)],
    ["the charts of commits", commitCharts.stack(), allObjectsOf(commitCharts.stack(), commitCharts.evidence)],
  ];
  for (const [what, stack, objects] of legitimate) {
    it(`passes ${what}`, async () => assert.equal(await verdict(objects, stack), ""));
  }

  function withConfig(tenant: Parameters<typeof stackConfigOf>[0]): [StackConfig, KubernetesObject[]] {
    const stack = stackConfigOf(tenant);
    return [stack, allObjectsOf(stack)];
  }

  const source = "source.toolkit.fluxcd.io/v1";
  const rbac = "rbac.authorization.k8s.io/v1";
  const undecided: KubernetesObject[] = [
    object("v1", "ConfigMap", "kube-system"),
    object("v1", "ConfigMap", "flux-system"),
    object("v1", "ConfigMap"),
    object("v1", "Namespace"),
    object("v1", "Secret", "flux-system", { type: "kubernetes.io/service-account-token" }),
    object("v1", "List", "", { items: [object("v1", "Secret", "flux-system")] }),
    object("v1", "SecretList", "", { items: [object("v1", "Secret", "flux-system")] }),
    object("v1", "Pod", "podinfo"),
    object("apps/v1", "Deployment", "podinfo"),
    object("apps/v1", "Deployment", "flux-system"),
    object(rbac, "ClusterRole"),
    object(rbac, "ClusterRoleBinding"),
    object(rbac, "Role", "podinfo"),
    object(rbac, "RoleBinding", "flux-system"),
    object("networking.k8s.io/v1", "NetworkPolicy", "podinfo"),
    object(source, "GitRepository", "flux-system", { spec: { url: "https://example.com/x" } }),
    object(source, "GitRepository", "podinfo"),
    object(source, "Bucket", "flux-system"),
    object(source, "HelmRepository", "flux-system"),
    object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system"),
    object("fluxcd.controlplane.io/v1", "ResourceSet", "flux-system"),
    object("notification.toolkit.fluxcd.io/v1beta3", "Provider", "flux-system"),
    object("notification.toolkit.fluxcd.io/v1beta3", "Alert", "flux-system"),
    object("helm.toolkit.fluxcd.io/v2", "HelmRelease", "flux-system"),
    object("helm.toolkit.fluxcd.io/v2beta1", "HelmRelease", "default"),
    object("helm.sh/v3", "Release"),
    object("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation", "flux-system"),
    object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
  ];
  for (const one of undecided) {
    const { kind, metadata } = one;
    const title = `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}x`;
    it(`blocks ${title} of ${one.apiVersion}, with one message`, async () => {
      const message = `decided-objects: ${title}:\n  - the stack's config decides no such object`;
      assert.equal(await verdict([...allObjectsOf(), one]), message);
    });
  }

  it("blocks a second object of the same name, also of another API version", async () => {
    const [first] = objectsOf().filter(({ kind }) => kind === "GitRepository");
    const reason = /^decided-objects: GitRepository flux-system\/podinfo-6\.14\.1:\n {2}- it is in this run already/;
    assert.match(await verdict([...allObjectsOf(), first!]), reason);
    assert.match(
      await verdict([...allObjectsOf(), { ...first!, apiVersion: "source.toolkit.fluxcd.io/v1beta2" }]),
      reason,
    );
  });

  it("blocks a second HelmRelease with one message, wherever it is registered", async () => {
    const objects = allObjectsOf();
    const release = objects.find(({ kind }) => kind === "HelmRelease")!;
    for (let at = 0; at <= objects.length; at++) {
      const said = await verdict([...objects.slice(0, at), release, ...objects.slice(at)]);
      assert.equal(said.split("\n").length, 2, said);
    }
  });

  it("blocks everything where the stack has no config of shared-authority", async () => {
    const said = await verdict(allObjectsOf(), { ...config, configRepository: undefined, tenants: [] });
    assert.equal(said.match(/the stack's config decides no such object/g)?.length, allObjectsOf().length);
  });

  for (const [index, left] of allObjectsOf().entries()) {
    const { kind, metadata } = left;
    it(`blocks a run without ${kind} ${metadata.name}`, async () => {
      const said = await verdict(allObjectsOf().filter((_, at) => at !== index));
      const isRelease = kind === "HelmRelease";
      const isSource = kind === "GitRepository" && metadata.name !== "shared-authority-prod";
      assert.match(
        said,
        isRelease
          ? /^decided-objects: The stack:\n {2}- the HelmRelease of "podinfo" is missing/
          : isSource
            ? /its source was not judged before it/
            : new RegExp(`^decided-objects: HelmRelease flux-system/podinfo:\n {2}- not judged before it: ${kind} `),
      );
    });
  }

  it("blocks a HelmRelease that is registered before what it depends on", async () => {
    const objects = allObjectsOf();
    const release = objects.pop()!;
    const said = await verdict([release, ...objects]);
    assert.match(said, /^decided-objects: HelmRelease.*\n {2}- its source was not judged before it/);
    const [source] = objects.filter(({ metadata }) => metadata.name === "podinfo-6.14.1");
    const others = objects.filter((object) => object !== source);
    assert.match(
      await verdict([source!, release, ...others]),
      /not judged before it: .*Namespace podinfo.*NetworkPolicy podinfo\/default-deny/,
    );
  });

  it("requires the stack's admission policy where a tenant has deny: with audit it is left out of an old cluster", async () => {
    for (const [admission, reason] of [
      ["deny", /not judged before it: ValidatingAdmissionPolicy /],
      ["audit", /^$/],
    ] as const) {
      const stack = stackConfigOf({ admission });
      const objects = allObjectsOf(stack);
      assert.equal(await verdict(objects, stack), "");
      const without = objects.filter((one) => !one.kind.startsWith("ValidatingAdmissionPolicy"));
      assert.equal(without.length, objects.length - 2);
      assert.match(await verdict(without, stack), reason);
    }
  });

  it("expects the annotation of an emergency exactly in an emergency", async () => {
    const release = objectsOf().find(({ kind }) => kind === "HelmRelease")!;
    const annotations = { ...release.metadata.annotations, [annotation.emergency]: "the Git host is down" };
    const marked = withField(allObjectsOf(), "HelmRelease", "metadata/annotations", annotations);
    assert.match(await verdict(marked), /shared-authority\/emergency is "the Git host is down", must be absent/);
    process.env[emergencyVariable] = "the Git host is down";
    try {
      assert.equal(await verdict(marked), "");
      assert.match(
        await verdict(allObjectsOf()),
        /shared-authority\/emergency is missing, must be "the Git host is down"/,
      );
    } finally {
      Reflect.deleteProperty(process.env, emergencyVariable);
    }
  });

  describe("the source of an earlier release", () => {
    const earlier = (tag: string) =>
      objectsOf({ ...podinfo, tag }, evidenceOf({ ...podinfo, tag })).filter(({ kind }) => kind === "GitRepository");

    it("passes, once", async () => {
      assert.equal(await verdict([...earlier("6.14.0"), ...allObjectsOf()]), "");
      assert.match(
        await verdict([...earlier("6.14.0"), ...earlier("6.12.0"), ...allObjectsOf()]),
        /^decided-objects: GitRepository flux-system\/podinfo-6\.12\.0:\n {2}- GitRepository flux-system\/podinfo-6\.14\.0 is/,
      );
    });

    it("is blocked where the policy does not allow it, and where no source is kept", async () => {
      assert.match(await verdict([...earlier("6.13.5"), ...allObjectsOf()]), /6\.13\.5 is denied by the policy/);
      const manifests = { ...config, delivery: { kind: "manifests", directory: "rendered" } } as const;
      assert.match(
        await verdict([...earlier("6.14.0"), ...allObjectsOf()], manifests),
        /keeps no source of another release/,
      );
    });
  });

  it("blocks an unknown value, once, and names the field", async () => {
    for (const [kind, path] of [
      ["Role", "rules"],
      ["HelmRelease", "spec/targetNamespace"],
      ["ConfigMap", "data/values.yaml"],
      ["ImageUpdateAutomation", "spec/git/push/branch"],
      ["GitRepository", "spec/ref"],
    ] as const) {
      const said = await verdict(withUnknown(allObjectsOf(), kind, path));
      assert.equal(said.split("is not known before the step").length, 2, said);
      assert.ok(said.includes(`\`${path.replaceAll("/", ".")}\` is not known`), said);
    }
  });

  describe("what the engine says besides the inputs", () => {
    it("blocks a patch, a list and a made-up type with the content of a decided object", async () => {
      for (const type of [
        "kubernetes:networking.k8s.io/v1:NetworkPolicyPatch",
        "kubernetes:helm.sh/v9:Anything",
        "kubernetes:yaml/v2:NetworkPolicy",
        "kubernetes:core/v1:ConfigMap",
        "aws:s3/bucket:Bucket",
      ]) {
        assert.notEqual(await verdictWith("NetworkPolicy", () => ({ type })), "", type);
      }
    });

    it("passes a component, and the stack", async () => {
      const component = object("v1", "Component");
      for (const type of ["shared-authority:index:Tenant", "my:own:Component", "pulumi:pulumi:Stack"]) {
        const bare = () => ({ type, props: {}, provider: undefined });
        assert.equal(await verdictWith("Component", bare, [...allObjectsOf(), component]), "", type);
      }
    });

    it("blocks a resource that is not a Kubernetes object", async () => {
      const resource = object("v1", "Other");
      for (const type of ["aws:s3/bucket:Bucket", "command:local:Command", "pulumi-nodejs:dynamic:Resource"]) {
        const said = await verdictWith("Other", () => ({ type, props: {} }), [...allObjectsOf(), resource]);
        assert.match(said, /the stack's config decides Kubernetes objects only/);
      }
    });

    it("passes an object without inputs, which `--target` leaves out of the run", async () => {
      assert.equal(await verdictWith("HelmRelease", () => ({ props: {} })), "");
    });

    it("says nothing of `--target` where no engine runs", async () => {
      const old = withField(allObjectsOf(), "ResourceQuota", "spec/hard/requests.cpu", "1");
      const message = 'ResourceQuota podinfo/tenant:\n  - spec.hard.requests.cpu is "1", must be "2"';
      assert.equal(await verdict(old), `tenant-isolation: ${message}`);
    });

    it("blocks an object without kind or apiVersion, with one message", async () => {
      for (const field of ["kind", "apiVersion"]) {
        const { kind, ...others } = object("v1", "ConfigMap", "flux-system");
        const props = field === "kind" ? others : { kind, metadata: others.metadata };
        const resource = { type: "kubernetes:core/v1:ConfigMap", name: "x", props };
        const said = await verdictWith("Other", () => resource, [...allObjectsOf(), object("v1", "Other")]);
        const what = field === "kind" ? "it has no `kind`, so nobody can judge it" : "no such object";
        assert.match(said, new RegExp(`${what}$`));
        assert.equal(said.split("\n").length, 2, said);
      }
    });

    it("blocks options that apply something else than the inputs", async () => {
      const urn = "urn:pulumi:prod::p::kubernetes:core/v1:Secret::other";
      for (const [opts, reason] of [
        [{ ignoreChanges: ["spec"] }, /`ignoreChanges` keep spec as it was/],
        [{ aliases: [urn] }, /its alias urn:pulumi:prod.*takes over another object/],
        [{ deleteBeforeReplace: true }, /`deleteBeforeReplace` removes the object/],
      ] as const) {
        const said = await verdictWith("NetworkPolicy", (args) => ({ opts: { ...args.opts, ...opts } as never }));
        assert.match(said, reason);
      }
    });

    it("blocks a Namespace and a HelmRelease that any later run could delete", async () => {
      for (const kind of ["Namespace", "HelmRelease"]) {
        const said = await verdictWith(kind, ({ opts }) => ({ opts: { ...opts, protect: false } }));
        assert.match(said, new RegExp(`^${kind} .*:\\n  - its \`protect\` is off`));
      }
      assert.equal(await verdictWith("ConfigMap", ({ opts }) => ({ opts: { ...opts, protect: false } })), "");
    });

    it("blocks another provider than the one that config yields", async () => {
      const provider =
        (props: object, urn = "urn:pulumi:prod::p::pulumi:providers:kubernetes::x") =>
        () => ({
          provider: { type: "pulumi:providers:kubernetes", name: "x", urn, props },
        });
      const said = await verdictWith("HelmRelease", provider({ enablePatchForce: "true" }));
      assert.match(said, /it uses the provider "x", but the objects before it use another/);
      const [namespace] = objectsOf();
      for (const [props, reason] of [
        [{ enablePatchForce: "true", kubeconfig: "secret" }, /the provider's kubeconfig is another than/],
        [{ renderYamlToDirectory: "rendered" }, /the provider's renderYamlToDirectory is "rendered", must be absent/],
        [{ enablePatchForce: "true", namespace: "x" }, /the provider's namespace is "x", must be absent/],
        [
          { enablePatchForce: "true", upsertExistingObjects: "true" },
          /upsertExistingObjects is "true", must be absent/,
        ],
      ] as const) {
        const said = await verdictWith("Namespace", provider(props), [namespace!]);
        assert.match(said, reason);
        assert.doesNotMatch(said, /secret/);
      }
    });
  });

  it("passes a provider that overwrites what exists while a tenant takes a release over, and no other then", async () => {
    const adopts = { namespace: "old", name: "app" };
    const stack = { ...config, tenants: config.tenants.map((tenant) => ({ ...tenant, adopts })) };
    const every = allObjectsOf(stack).map(({ kind }) => kind);
    const props = { enablePatchForce: "true" };
    const having =
      (more: object) =>
      ({ provider }: Resource) => ({
        provider: { ...provider!, props: { ...props, ...more } },
      });
    const upserting = having({ upsertExistingObjects: "true" });
    assert.equal(await verdictWith(every, upserting, allObjectsOf(stack), stack), "");
    const said = await verdictWith(every, having({}), allObjectsOf(stack), stack);
    assert.match(said, /the provider's upsertExistingObjects is missing, must be "true"/);
  });

  it("passes any kubeconfig from another stack, and only one provider with it", async () => {
    const kubeconfigFrom = { stack: "example/clusters/prod", output: "kubeconfig" };
    const stack = { ...config, cluster: { kubeconfigFrom } };
    const on = (name: string) => (resource: Resource) => ({
      provider: {
        ...resource.provider!,
        ...{ name, urn: `urn:pulumi:prod::p::pulumi:providers:kubernetes::${name}` },
        props: { ...resource.provider!.props, kubeconfig: `the one of ${name}` },
      },
    });
    const every = allObjectsOf(stack).map(({ kind }) => kind);
    assert.equal(await verdictWith(every, on("own"), allObjectsOf(stack), stack), "");
    for (const kind of ["NetworkPolicy", "HelmRelease"]) {
      const said = await verdictWith([kind], on("second"), allObjectsOf(stack), stack);
      assert.match(said, /- it uses the provider "second", but the objects before it use another/);
      assert.doesNotMatch(said, /the one of/);
    }
    const others = on("own");
    const settings = (resource: Resource) => {
      const { provider } = others(resource);
      return { provider: { ...provider, props: { ...provider.props, namespace: "x" } } };
    };
    assert.match(await verdictWith(every, settings, allObjectsOf(stack), stack), /the provider's namespace is "x"/);
  });

  describe("allow", () => {
    const alert = object("notification.toolkit.fluxcd.io/v1beta3", "Alert", "flux-system");
    const allow = (...entries: object[]) => ({ "decided-objects": { allow: entries } });
    const said = (one: KubernetesObject, ...entries: object[]) =>
      verdict([...allObjectsOf(), one], config, allow(...entries));

    it("lets an object pass by kind, namespace and name", async () => {
      const entry = { kind: "Alert", namespace: "flux-system", name: "x", reason: "On call" };
      assert.equal(await said(alert, entry), "");
      assert.equal(await said(alert, { ...entry, group: "notification.toolkit.fluxcd.io" }), "");
      for (const other of [
        { group: "" },
        { group: "pkg.crossplane.io" },
        { name: "y" },
        { namespace: "podinfo" },
        { kind: "Provider" },
        { namespace: undefined },
      ]) {
        assert.match(await said(alert, { ...entry, ...other }), /decides no such object/);
      }
    });

    it("lets each object of a kind pass, but never beside Flux or in a tenant's namespace", async () => {
      const entry = { kind: "Deployment", reason: "Monitoring" };
      assert.equal(await said(object("apps/v1", "Deployment", "monitoring"), entry), "");
      assert.match(
        await said(object("apps/v1", "Deployment", "other"), { ...entry, namespace: "x" }),
        /no such object/,
      );
      for (const namespace of ["podinfo", "flux-system", ""]) {
        assert.match(await said(object("apps/v1", "Deployment", namespace), entry), /decides no such object/);
      }
      assert.match(await said(object(rbacGroup, "ClusterRole"), { ...entry, kind: "ClusterRole" }), /no such object/);
    });

    it("never lets a decided object differ", async () => {
      const open = withField(allObjectsOf(), "NetworkPolicy", "spec/ingress", [{}], "default-deny");
      const entry = { kind: "NetworkPolicy", namespace: "podinfo", name: "default-deny", reason: "x" };
      assert.match(await verdict(open, config, allow(entry)), /spec\.ingress is a list, must be absent/);
    });

    it("lets a Pulumi type pass, with its provider", async () => {
      const packConfig = allow({ type: "aws:s3/bucket:Bucket", reason: "Backups" });
      for (const type of ["aws:s3/bucket:Bucket", "pulumi:providers:aws"]) {
        const reports: string[] = [];
        const validate = decidedObjects.validateResource as (args: unknown, report: unknown) => Promise<void>;
        const args = {
          ...{ type, name: "x", urn: `urn:pulumi:prod::allow-${type}::x`, props: {}, provider: {} },
          getConfig: () => ({ project: ".", ...packConfig["decided-objects"] }),
        };
        await validate(args, (message: string) => reports.push(message));
        assert.deepEqual(reports, [], type);
      }
    });

    it("needs a reason, and reports settings that it cannot read, once", async () => {
      const without = await said(alert, { kind: "Alert", namespace: "flux-system", name: "x" });
      assert.match(without, /^decided-objects: .*:\n {2}- the policy pack's config cannot be read: allow\.0/);
      assert.equal(without.split("cannot be read").length, 2);
      assert.match(await said(alert, { type: "kubernetes:core/v1:Secret", reason: "x" }), /cannot be read/);
    });
  });
});

const rbacGroup = "rbac.authorization.k8s.io/v1";
