import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { tenantIsolation } from "../../policy-pack/tenant-isolation";
import { config, stackConfigOf, judge, objectsOf, stackObjects, withField, withUnknown } from "./fixture";

const rbac = "rbac.authorization.k8s.io/v1";

async function messageOf(objects: readonly KubernetesObject[], stack = config): Promise<string> {
  return (await judge(tenantIsolation, objects, stack)).map(({ message }) => message).join("\n");
}

function object(apiVersion: string, kind: string, fields: object, namespace: string | undefined = "podinfo") {
  return { apiVersion, kind, metadata: { name: "x", ...(namespace === "" ? {} : { namespace }) }, ...fields };
}

describe("tenant-isolation", () => {
  it("passes a tenant's objects and the stack's own", async () => {
    assert.equal(await messageOf([...stackObjects(), ...objectsOf()]), "");
  });

  it("passes a namespace with a different name than the tenant, and network rules for named peers", async () => {
    const stack = stackConfigOf({
      namespace: "apps-podinfo",
      network: {
        ingress: [{ namespaces: ["ingress"], cidrs: [], ports: [{ port: 9898, protocol: "TCP" }] }],
        egress: [{ namespaces: [], cidrs: ["10.0.0.0/8"], ports: [] }],
      },
    });
    assert.equal(await messageOf(objectsOf(stack.tenants[0], undefined, stack), stack), "");
  });

  const role = (rule: object) => object(rbac, "Role", { rules: [rule] });
  const strangers: [string, KubernetesObject, RegExp][] = [
    [
      "an object in another namespace",
      object("v1", "ConfigMap", {}, "kube-system"),
      /"kube-system" is neither a tenant's nor/,
    ],
    ["an object without namespace", object("v1", "ConfigMap", {}, ""), /it names no namespace/],
    ["a namespace of no tenant", object("v1", "Namespace", {}, ""), /no tenant of the stack has the namespace "x"/],
    [
      "a workload beside Flux",
      object("apps/v1", "Deployment", {}, "flux-system"),
      /has no place in the authority namespace/,
    ],
    [
      "a Kustomization",
      object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", {}, "flux-system"),
      /the rights of Flux's/,
    ],
    [
      "a chart that bypasses Flux",
      object("helm.sh/v3", "Release", {}, ""),
      /with the rights of whoever runs the program/,
    ],
    ["a ClusterRoleBinding", object(rbac, "ClusterRoleBinding", {}, ""), /a ClusterRoleBinding reaches beyond/],
    ["a ClusterRole", object(rbac, "ClusterRole", { rules: [] }, ""), /a ClusterRole reaches beyond/],
    [
      "a Flux object in the tenant's namespace",
      object("source.toolkit.fluxcd.io/v1beta2", "GitRepository", {}),
      /lets the tenant move it/,
    ],
    [
      "a role over every group",
      role({ apiGroups: ["*"], resources: ["pods"], verbs: ["get"] }),
      /over every API group/,
    ],
    ["a role with every verb", role({ apiGroups: [""], resources: ["pods"], verbs: ["*"] }), /has the verb "\*"/],
    [
      "a role that impersonates",
      role({ apiGroups: [""], resources: ["users"], verbs: ["impersonate"] }),
      /the verb "impersonate"/,
    ],
    [
      "a role over Flux",
      role({ apiGroups: ["helm.toolkit.fluxcd.io"], resources: ["helmreleases"], verbs: ["get"] }),
      /over Flux's own objects/,
    ],
    [
      "a role over quotas",
      role({ apiGroups: [""], resources: ["resourcequotas"], verbs: ["patch"] }),
      /change "resourcequotas"/,
    ],
    ["a role over all core resources", role({ apiGroups: [""], resources: ["*"], verbs: ["update"] }), /change "\*"/],
    [
      "a role over network policies",
      role({ apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["create"] }),
      /change "networkpolicies"/,
    ],
    [
      "a role over roles",
      role({ apiGroups: ["rbac.authorization.k8s.io"], resources: ["rolebindings"], verbs: ["create"] }),
      /change "rolebindings"/,
    ],
    [
      "a role that makes account tokens",
      role({ apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] }),
      /serviceaccounts\/token/,
    ],
    [
      "a role in the authority namespace",
      object(rbac, "Role", { rules: [] }, "flux-system"),
      /a right that no tenant has/,
    ],
    [
      "a binding in the authority namespace",
      object(rbac, "RoleBinding", {}, "flux-system"),
      /rights that no tenant has/,
    ],
    [
      "a network policy without peers",
      object("networking.k8s.io/v1", "NetworkPolicy", { spec: { podSelector: {}, ingress: [{}] } }),
      /spec\.ingress is open to everybody/,
    ],
    [
      "a network policy to every namespace",
      object("networking.k8s.io/v1", "NetworkPolicy", { spec: { egress: [{ to: [{ namespaceSelector: {} }] }] } }),
      /spec\.egress is open/,
    ],
    ["a quota without bounds", object("v1", "ResourceQuota", { spec: {} }), /spec\.hard sets no bound/],
    [
      "a limit range without limits",
      object("v1", "LimitRange", { spec: { limits: [] } }),
      /spec\.limits sets no limit/,
    ],
    [
      "an account whose token is mounted",
      object("v1", "ServiceAccount", {}),
      /automountServiceAccountToken` must be false/,
    ],
  ];
  for (const [what, stranger, reason] of strangers) {
    it(`blocks ${what}`, async () => assert.match(await messageOf([stranger]), reason));
  }

  for (const name of ["cluster-admin", "admin", "edit", "flux-edit", "view"]) {
    it(`blocks a binding to the ClusterRole ${name}`, async () => {
      const fields = {
        roleRef: { kind: "ClusterRole", name },
        subjects: [{ kind: "Group", name: "podinfo-developers" }],
      };
      assert.match(
        await messageOf([object(rbac, "RoleBinding", fields)]),
        /roleRef\.kind is "ClusterRole", must be "Role"/,
      );
    });
  }

  for (const subject of [
    { kind: "Group", name: "system:authenticated" },
    { kind: "User", name: "podinfo-developers" },
    { kind: "ServiceAccount", name: "podinfo", namespace: "podinfo" },
    { kind: "ServiceAccount", name: "other", namespace: "flux-system" },
  ]) {
    it(`blocks a binding of the ${subject.kind} ${subject.name}`, async () => {
      const fields = { roleRef: { kind: "Role", name: "deployer" }, subjects: [subject] };
      assert.match(
        await messageOf([object(rbac, "RoleBinding", fields)]),
        /is neither the tenant's account nor its team/,
      );
    });
  }

  const fields: [string, string, string, unknown, RegExp][] = [
    [
      "no service account",
      "HelmRelease",
      "spec/serviceAccountName",
      undefined,
      /serviceAccountName is missing, must be "podinfo"/,
    ],
    ["another tenant's account", "HelmRelease", "spec/serviceAccountName", "other", /serviceAccountName is "other"/],
    ["another namespace", "HelmRelease", "spec/targetNamespace", "kube-system", /targetNamespace is "kube-system"/],
    [
      "another storage namespace",
      "HelmRelease",
      "spec/storageNamespace",
      "kube-system",
      /storageNamespace is "kube-system"/,
    ],
    ["another cluster", "HelmRelease", "spec/kubeConfig", { secretRef: { name: "x" } }, /kubeConfig is set/],
    ["a namespace made by Helm", "HelmRelease", "spec/install/createNamespace", true, /createNamespace is set/],
    ["no Pod Security label", "Namespace", "metadata/labels", {}, /enforce` is missing, must be "restricted"/],
    [
      "a weaker Pod Security label",
      "Namespace",
      "metadata/labels/pod-security.kubernetes.io~enforce",
      "privileged",
      /enforce` is "privileged"/,
    ],
  ];
  for (const [what, kind, path, value, reason] of fields) {
    it(`blocks a release with ${what}`, async () => {
      const objects = withField(objectsOf(), kind, path, value);
      assert.match(await messageOf(objects), reason);
    });
  }

  for (const [kind, name] of [
    ["Namespace"],
    ["ServiceAccount"],
    ["Role", "deployer"],
    ["ResourceQuota"],
    ["LimitRange"],
    ["NetworkPolicy", "default-deny"],
  ] as const) {
    it(`blocks a release whose namespace has no ${[name, kind].filter(Boolean).join(" ")}`, async () => {
      const objects = objectsOf().filter(
        (one) => one.kind !== kind || (name !== undefined && one.metadata.name !== name),
      );
      assert.match(
        await messageOf(objects),
        new RegExp(`HelmRelease flux-system/podinfo:[^]*${kind}.* was not judged before it`),
      );
    });
  }

  const secret = (name: string) => ({ secretRef: { name } });

  it("passes the credentials that the stack names: the tenant's, and those for the shared repository", async () => {
    const stack = stackConfigOf(
      { repositorySecret: "podinfo-git", registrySecret: "podinfo-registry" },
      { configRepository: { ...config.configRepository!, secretName: "push" } },
    );
    const objects = [...stackObjects(stack), ...objectsOf(stack.tenants[0], undefined, stack)];
    assert.match(
      JSON.stringify(objects),
      /"push".*"podinfo-git".*"podinfo-registry"|"push".*"podinfo-registry".*"podinfo-git"/,
    );
    assert.equal(await messageOf(objects, stack), "");
  });

  for (const [what, kind, path, value, reason] of [
    [
      "another's Git credentials",
      "GitRepository",
      "spec/secretRef",
      { name: "neighbour-git" },
      /secretRef\.name is "neighbour-git", must be absent/,
    ],
    [
      "another's registry credentials",
      "ImageRepository",
      "spec/secretRef",
      { name: "push" },
      /secretRef\.name is "push", must be absent/,
    ],
    [
      "a client's certificate",
      "ImageRepository",
      "spec/certSecretRef",
      { name: "x" },
      /certSecretRef is set, which lends/,
    ],
    [
      "an account's pull secrets",
      "ImageRepository",
      "spec/serviceAccountName",
      "neighbour",
      /serviceAccountName is set, which lends/,
    ],
    [
      "a proxy's credentials",
      "GitRepository",
      "spec/proxySecretRef",
      { name: "x" },
      /proxySecretRef is set, which lends/,
    ],
    [
      "the controller's identity",
      "GitRepository",
      "spec/provider",
      "azure",
      /provider is "azure", which lends the controller's/,
    ],
  ] as const) {
    it(`blocks ${what} for a tenant's host`, async () => {
      assert.match(await messageOf(withField(objectsOf(), kind, path, value)), reason);
    });
  }

  it("blocks credentials for a source without an owner, including the shared repository's", async () => {
    const source = object(
      "source.toolkit.fluxcd.io/v1",
      "GitRepository",
      {
        spec: { url: "https://git.example.com/elsewhere", ...secret("push") },
      },
      "flux-system",
    );
    assert.match(await messageOf([source]), /secretRef\.name is "push", must be absent/);
  });

  it("blocks a tenant with the name of one of Flux's own accounts", async () => {
    for (const name of ["kustomize-controller", "flux-operator", "shared-authority-root", "default"]) {
      const stack = stackConfigOf({ name, namespace: "podinfo" });
      const message = await messageOf(objectsOf(stack.tenants[0], undefined, stack), stack);
      const reason = `the account "${name}" is the platform's`;
      assert.match(message, new RegExp(`ServiceAccount flux-system/${name}:\\n  - ${reason}`));
      assert.match(message, new RegExp(`HelmRelease flux-system/${name}:[^]*${reason}`));
    }
  });

  it("blocks a tenant in one of the cluster's own namespaces", async () => {
    for (const namespace of ["kube-system", "flux-system", "default"]) {
      const stack = stackConfigOf({ namespace }, { authorityNamespace: "authority" });
      const message = await messageOf(objectsOf(stack.tenants[0], undefined, stack), stack);
      assert.match(message, new RegExp(`the namespace "${namespace}" is the cluster's own`));
    }
  });

  it("reports a missing guardrail at the end of the run even if no release runs in the namespace", async () => {
    const objects = objectsOf().filter(({ kind }) => kind !== "HelmRelease" && kind !== "ResourceQuota");
    const [violation] = await judge(tenantIsolation, objects);
    assert.equal(violation!.object, "stack");
    assert.match(violation!.message, /a ResourceQuota in "podinfo" was not judged/);
  });

  it("blocks an unknown value", async () => {
    assert.match(
      await messageOf(withUnknown(objectsOf(), "HelmRelease", "spec/targetNamespace")),
      /`spec\.targetNamespace` is not known before the step/,
    );
  });

  it("blocks a role with unknown rules", async () => {
    assert.match(await messageOf(withUnknown(objectsOf(), "Role", "rules")), /`rules` is not known before the step/);
  });
});
