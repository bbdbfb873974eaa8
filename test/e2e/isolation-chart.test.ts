import assert from "node:assert/strict";
import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { LiveObject, ObjectReference } from "../lab/cluster";
import { useLab } from "./support/lab";
import { authorityNamespace, type PairedTenant, TenantPair } from "./support/tenant-pair";
import { conditionOf, waitForCondition, waitForObject } from "../lab/wait";

/** Attacks with a chart, which Flux installs with the rights of the tenant's account. */
describe("a malicious chart", () => {
  const opened = useLab();
  let pair: TenantPair | undefined;
  let podinfo: PairedTenant;
  let neighbour: PairedTenant;
  let releases = 0;

  before(async () => {
    pair = await TenantPair.open(opened());
    ({ podinfo, neighbour } = pair);
  });

  after(() => pair?.close());

  /** Releases podinfo with an additional template and waits for Flux. @returns the error, if it failed */
  const release = async (template: string, timeout?: string): Promise<string | undefined> => {
    releases += 1;
    const version = `6.15.${releases}`;
    await podinfo.publish(version, { "templates/attack.yaml": template });
    const { metadata } = await pair!.deploy(podinfo, version, timeout);
    const { cluster, lab } = opened();
    const done = await waitForObject(
      cluster,
      podinfo.release,
      `Flux is done with ${version}`,
      (object) => outcomeOf(object, metadata.generation, version) !== undefined,
      { lab },
    );
    return outcomeOf(done, metadata.generation, version);
  };

  /** The release fails for this reason, the object does not exist, and both tenants keep running. */
  const assertRefused = async (
    template: string,
    reason: RegExp,
    { absent, timeout }: { absent?: ObjectReference; timeout?: string } = {},
  ) => {
    const before = [await podinfo.serving(), await neighbour.serving()];
    assert.match((await release(template, timeout)) ?? "the release was made", reason);
    if (absent !== undefined) assert.equal(await opened().cluster.find(absent), undefined);
    assert.deepEqual([await podinfo.serving(), await neighbour.serving()], before);
  };

  it("cannot create roles, neither for the cluster nor in its own namespace", async () => {
    const [group, version] = ["rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1"];
    const subject = { kind: "ServiceAccount", name: podinfo.name, namespace: authorityNamespace };
    const admin = { apiGroup: group, kind: "ClusterRole", name: "cluster-admin" };
    const rules = [{ apiGroups: ["helm.toolkit.fluxcd.io"], resources: ["*"], verbs: ["*"] }];
    const whole = { apiVersion: version, kind: "ClusterRoleBinding", metadata: { name: podinfo.name } };
    const own = (kind: string) => podinfo.own(version, kind, "attack");
    const refusal = (kind: string) => new RegExp(`${kind}.* is forbidden: User "system:serviceaccount:flux-system:`);
    const attempts = [
      [whole, { roleRef: admin, subjects: [subject] }],
      [{ ...whole, kind: "ClusterRole" }, { rules }],
      [own("RoleBinding"), { roleRef: admin, subjects: [subject] }],
      [own("RoleBinding"), { roleRef: { ...admin, name: "edit" }, subjects: [subject] }],
      [own("Role"), { rules }],
    ] as const;
    for (const [object, content] of attempts) {
      await assertRefused(JSON.stringify({ ...object, ...content }), refusal(object.kind.toLowerCase()), {
        absent: object,
      });
    }
  });

  it("cannot create or adopt objects in the neighbour's namespace", async () => {
    const place = neighbour.name;
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "attack", namespace: place } };
    await assertRefused(JSON.stringify({ ...object, data: {} }), forbiddenIn(place), { absent: object });
    const hook = { ...object.metadata, annotations: { "helm.sh/hook": "pre-upgrade" } };
    await assertRefused(JSON.stringify({ ...object, metadata: hook, data: {} }), forbiddenIn(place), {
      absent: object,
    });
    const { uid, generation } = (await opened().cluster.get(neighbour.deployment)).metadata;
    await assertRefused(JSON.stringify({ ...neighbour.deployment, spec: { replicas: 0 } }), forbiddenIn(place));
    const { metadata } = await opened().cluster.get(neighbour.deployment);
    assert.deepEqual([metadata.uid, metadata.generation], [uid, generation]);
  });

  it("cannot create objects in the authority namespace, or Flux objects anywhere", async () => {
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "attack", namespace: authorityNamespace } };
    await assertRefused(JSON.stringify(secret), forbiddenIn(authorityNamespace), { absent: secret });
    for (const namespace of [podinfo.name, authorityNamespace]) {
      const metadata = { name: "attack", namespace };
      const helmRelease = { apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", metadata };
      const chartRef = { kind: "OCIRepository", name: "attack" };
      const spec = { interval: "1m", chartRef, valuesFrom: [{ kind: "Secret", name: neighbour.name }] };
      await assertRefused(JSON.stringify({ ...helmRelease, spec }), forbiddenIn(namespace), { absent: helmRelease });
    }
    const kustomization = podinfo.own("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "attack");
    const sourceRef = { kind: "GitRepository", name: "attack" };
    await assertRefused(
      JSON.stringify({ ...kustomization, spec: { interval: "1m", prune: true, sourceRef } }),
      forbiddenIn(podinfo.name),
      { absent: kustomization },
    );
  });

  it("cannot create cluster-scoped objects: definitions, namespaces, webhooks, priority classes", async () => {
    const definition = JSON.stringify(attackDefinition);
    await assertRefused(definition, /forbidden/, { absent: attackDefinition });
    for (const [apiVersion, kind, content] of [
      ["v1", "Namespace", {}],
      ["admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", { webhooks: [] }],
      ["scheduling.k8s.io/v1", "PriorityClass", { value: 1_000_000 }],
    ] as const) {
      const object = { apiVersion, kind, metadata: { name: `attack-${podinfo.name}` } };
      await assertRefused(JSON.stringify({ ...object, ...content }), /forbidden/, { absent: object });
    }
  });

  it("cannot weaken its guardrails", async () => {
    const privileged = { labels: { "pod-security.kubernetes.io/enforce": "privileged" } };
    const open = { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{}] };
    const policy = podinfo.own("networking.k8s.io/v1", "NetworkPolicy", "attack");
    await assertRefused(JSON.stringify({ ...policy, spec: open }), forbiddenIn(podinfo.name), { absent: policy });
    for (const object of [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: podinfo.name, ...privileged } },
      { ...podinfo.own("v1", "ResourceQuota", "tenant"), spec: { hard: { pods: "1000" } } },
      { ...podinfo.own("v1", "LimitRange", "tenant"), spec: { limits: [] } },
    ]) {
      await assertRefused(JSON.stringify(object), /forbidden/);
    }
  });

  it("cannot bypass the neighbour's network policies with endpoints, node ports or load balancers", async () => {
    const endpoints = podinfo.own("v1", "Endpoints", "attack");
    const subsets = [{ addresses: [{ ip: "10.0.0.9" }], ports: [{ port: 80 }] }];
    await assertRefused(JSON.stringify({ ...endpoints, subsets }), /endpoints.* is forbidden/, { absent: endpoints });
    const slice = podinfo.own("discovery.k8s.io/v1", "EndpointSlice", "attack");
    const addresses = { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.9"] }], ports: [] };
    await assertRefused(JSON.stringify({ ...slice, ...addresses }), /endpointslices.* is forbidden/, { absent: slice });
    for (const type of ["NodePort", "LoadBalancer"]) {
      const service = podinfo.own("v1", "Service", "attack");
      await assertRefused(JSON.stringify({ ...service, spec: { type, ports: [{ port: 80 }] } }), /exceeded quota/, {
        absent: service,
      });
    }
  });

  it("cannot fill the storage or etcd", async () => {
    const claim = podinfo.own("v1", "PersistentVolumeClaim", "attack");
    const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Ti" } } };
    await assertRefused(JSON.stringify({ ...claim, spec }), /exceeded quota.*requests\.storage/, { absent: claim });
    const many =
      "{{ range $i := until 300 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: attack-{{ $i }} }\n{{ end }}";
    await assertRefused(many, /exceeded quota.*count\/configmaps/);
  });

  it("cannot run privileged pods or pods with access to the node", async () => {
    const name = "attack";
    const container = { name, image: "example.com/attack:1" };
    const pod = podinfo.own("v1", "Pod", name);
    for (const spec of [
      { containers: [{ ...container, securityContext: { privileged: true } }] },
      { containers: [container], volumes: [{ name: "host", hostPath: { path: "/" } }] },
      { containers: [container], hostNetwork: true, hostPID: true },
    ]) {
      await assertRefused(JSON.stringify({ ...pod, spec }), /violates PodSecurity "restricted/, { absent: pod });
    }
  });

  it("cannot run privileged pods with a Deployment, and its release fails", async () => {
    const name = "attack";
    const labels = { app: name };
    const containers = [{ name, image: "example.com/attack:1", securityContext: { privileged: true } }];
    const deployment = podinfo.own("apps/v1", "Deployment", name);
    const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } };
    // Helm has several messages for a timeout.
    await assertRefused(JSON.stringify({ ...deployment, spec }), /upgrade failed .*(?:timeout|not ready|deadline)/i, {
      timeout: "8s",
    });
    const events = await opened().cluster.list({ apiVersion: "v1", kind: "Event", namespace: podinfo.name });
    const refused = (events as unknown as readonly CoreEvent[]).filter(
      ({ involvedObject, message }) =>
        involvedObject.kind === "ReplicaSet" &&
        involvedObject.name.startsWith(`${name}-`) &&
        message.includes('violates PodSecurity "restricted'),
    );
    assert.ok(refused.length > 0, JSON.stringify(events));
    const pods = await opened().cluster.list({ apiVersion: "v1", kind: "Pod", namespace: podinfo.name });
    assert.deepEqual(
      pods.filter(({ metadata }) => metadata.name.startsWith(name)),
      [],
    );
  });

  it("cannot read Secrets of others during rendering", async () => {
    const steal = (namespace: string) =>
      `data: {{ lookup "v1" "Secret" "${namespace}" "" | toJson | b64enc }}\n` +
      `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: attack\n`;
    const absent = podinfo.own("v1", "ConfigMap", "attack");
    for (const namespace of [authorityNamespace, neighbour.name]) {
      await assertRefused(steal(namespace), /secrets is forbidden/, { absent });
    }
  });

  it("cannot read files of Flux's host through a symbolic link", async () => {
    const link = join(podinfo.repository.path, podinfo.chart, "stolen");
    await symlink("/etc/passwd", link);
    const config = podinfo.own("v1", "ConfigMap", "attack");
    const read = (file: string) => `{{ .Files.Get "${file}" | quote }}`;
    const template =
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: attack }\n` +
      `data:\n  stolen: ${read("stolen")}\n  own: ${read("README.md")}\n`;
    const failure = await release(template);
    await rm(link);
    // Flux does not package links, so the release succeeds without the file.
    assert.equal(failure, "");
    const { stolen, own } = (await opened().cluster.get(config)).data as { stolen: string; own: string };
    assert.equal(stolen, "");
    assert.match(own, /podinfo/i, "what is in the chart is read");
  });

  it("cannot install definitions from its folder `crds/`", async () => {
    await podinfo.publish("6.16.0", {
      "crds/attack.yaml": JSON.stringify(attackDefinition),
      "templates/attack.yaml": "",
    });
    await pair!.deploy(podinfo, "6.16.0");
    await waitForCondition(opened().cluster, podinfo.release, { lab: opened().lab });
    assert.equal(await opened().cluster.find(attackDefinition), undefined);
    const { metadata } = await opened().cluster.get(podinfo.deployment);
    assert.equal(metadata.labels?.["app.kubernetes.io/version"], "6.16.0", "the next good release gets through");
  });
});

/** The fields of an object that this test reads. */
interface CoreEvent {
  readonly involvedObject: { readonly kind: string; readonly name: string };
  readonly message: string;
}

const attackDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "attacks.example.com" },
  spec: {
    group: "example.com",
    scope: "Cluster",
    names: { kind: "Attack", plural: "attacks", singular: "attack" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};

function forbiddenIn(namespace: string): RegExp {
  return new RegExp(
    `is forbidden: User "system:serviceaccount:flux-system:[^"]*" cannot .* in the namespace "${namespace}"`,
  );
}

/** The result of a HelmRelease: an error, an empty text on success, or `undefined` while it is in progress. */
function outcomeOf(object: LiveObject, generation: number | undefined, version: string): string | undefined {
  const { status } = object;
  const ready = conditionOf(object, "Ready");
  if (status?.lastAttemptedGeneration !== generation || ready?.observedGeneration !== generation) return undefined;
  if (ready?.status === "True") return "";
  const released = conditionOf(object, "Released");
  if (released?.observedGeneration !== generation || released?.status !== "False") return undefined;
  // For a moment, the previous condition remains with the new generation.
  const message = `${released.message ?? ""} ${ready?.message ?? ""}`;
  return message.includes(`@${version}:`) ? message : undefined;
}
