import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import {
  admissionMarks,
  type EnforcedAdmission,
  imageAdmissionObjects,
  refusedImages,
  type WithPods,
} from "../../src/manifests/image-admission";
import { tenantObjects } from "../../src/manifests/tenant";
import { ApiError, type Cluster, type LiveObject, type ObjectReference } from "../lab/cluster";
import { waitFor, waitForGone, waitForObject } from "../lab/wait";
import { freshName, useLab } from "./support/lab";

const allowed = ["docker.io/library/redis", "ghcr.io/example/app"];
const app = "ghcr.io/example/app:1.2.3";
const foreign = "attacker.example/app:1.2.3";

/** The policy on a real API server, with the objects that the program makes for its tenants. */
describe("image admission", () => {
  const opened = useLab();
  const stack = freshName("stack");
  const authorityNamespace = freshName("authority");
  const denied = freshName("denied");
  const audited = freshName("audited");
  const applied: KubernetesObject[] = [];

  const apply = async (object: KubernetesObject) => {
    applied.push(object);
    await opened().cluster.apply(object);
  };

  const addTenant = async (name: string, mode?: EnforcedAdmission) => {
    const args = {
      namespace: name,
      authorityNamespace,
      team: [`${name}-developers`],
      quota: { pods: "50" },
      limits: { default: { cpu: "100m", memory: "64Mi" }, defaultRequest: { cpu: "10m", memory: "16Mi" } },
      network: { ingress: [], egress: [] },
      podSecurity: "baseline" as const,
      images: mode && { stack, mode, repositories: allowed },
    };
    for (const { object } of tenantObjects(name, args)) await apply(object);
  };

  before(async () => {
    const { cluster } = opened();
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: authorityNamespace } });
    for (const { object } of imageAdmissionObjects(stack, { authorityNamespace, modes: ["deny", "audit"] })) {
      await apply(object);
    }
    await addTenant(denied, "deny");
    await addTenant(audited, "audit");
    await waitForObject(
      cluster,
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: denied } },
      "its pods have an account",
      () => true,
    );
    // A new policy is enforced within a second; the API shows no sign of it.
    await enforced("the policy is enforced", denied);
  });

  after(async () => {
    const { cluster } = opened();
    const whole = applied.filter(({ metadata }) => metadata.namespace === undefined).reverse();
    for (const object of whole) if (await cluster.find(object)) await cluster.delete(object);
    for (const object of whole) await waitForGone(cluster, object);
  });

  /** The API server's answer to a creation that it only tests; empty if it accepts. */
  const refusal = async (object: KubernetesObject, as: Cluster = opened().cluster): Promise<string> => {
    const { plural, group } = resourceOf(object);
    const path = `${group}/namespaces/${object.metadata.namespace ?? ""}/${plural}?dryRun=All`;
    return refusalOf(as.request({ method: "POST", path, body: object }));
  };

  /** Not any refusal: a new ResourceQuota refuses pods as well, until its status is known. */
  const enforced = (description: string, tenant: string) =>
    waitFor(description, async (see) => {
      const answer = await refusal(pod(tenant, { image: foreign }));
      see(answer);
      return answer.includes("may not run") || undefined;
    });

  const create = (object: KubernetesObject) => opened().cluster.create(object);

  /** An object that was created before its tenant had to declare images. */
  const createBefore = async (object: KubernetesObject): Promise<LiveObject> => {
    await opened().cluster.patch(namespaceOf(denied), marks(undefined));
    const created = await waitFor("the policy no longer applies", async () =>
      (await refusal(pod(denied, { image: foreign }))) === "" ? create(object) : undefined,
    );
    await opened().cluster.patch(namespaceOf(denied), marks("deny"));
    await enforced("the policy applies again", denied);
    return created;
  };

  const marks = (mode: EnforcedAdmission | undefined) => {
    const none = { "shared-authority/stack": null, "shared-authority/image-admission": null };
    const { labels } = admissionMarks(mode && { stack, mode, repositories: allowed });
    return { metadata: { labels: { ...none, ...labels } } };
  };

  it("refuses foreign images of each kind, with tenant, image and what is allowed", async () => {
    const expected = `Tenant ${denied} may not run ${foreign}. Allowed in namespace ${denied}: ${allowed.join(", ")}.`;
    for (const [what, spec] of Object.entries(podSpecs(foreign))) {
      for (const object of holders(denied, spec)) {
        // Kubernetes accepts ephemeral containers in their own request only.
        if (what === "ephemeral container") continue;
        const answer = await refusal(object);
        assert.ok(answer.includes(expected), `${object.kind} with ${what}: ${answer || "accepted"}`);
        assert.doesNotMatch(answer, /is invalid/);
      }
    }
  });

  it("accepts every kind with images that the tenant declares", async () => {
    for (const spec of Object.values(podSpecs(app))) {
      for (const object of holders(denied, spec)) {
        if ("ephemeralContainers" in spec) continue;
        assert.equal(await refusal(object), "", object.kind);
      }
    }
  });

  it("judges debug containers", async () => {
    const running = await create(pod(denied, { image: app }));
    const debug = (image: string) => ({ spec: { ephemeralContainers: [{ name: freshName("debug"), image }] } });
    const answer = await refusalOf(opened().cluster.patch(running, debug(foreign), "ephemeralcontainers"));
    assert.match(answer, /may not run attacker\.example/);
    assert.equal(await refusalOf(opened().cluster.patch(running, debug("redis:8"), "ephemeralcontainers")), "");
  });

  it("judges a changed image, and lets everything else of old objects change", async () => {
    const old = await createBefore(deployment(denied, foreign));
    const { cluster } = opened();
    await cluster.patch(old, { spec: { replicas: 2 } });
    await cluster.patch(old, { metadata: { labels: { changed: "yes" } } });
    const template = (image: string) => ({ spec: { template: { spec: { containers: [{ name: "app", image }] } } } });
    assert.match(await refusalOf(cluster.patch(old, template("attacker.example/other"))), /may not run/);
    await cluster.patch(old, template(app));
    assert.match(await refusalOf(cluster.patch(old, template(foreign))), /may not run/, "there is no way back");
    await cluster.delete(old);
  });

  it("lets a Deployment with declared images roll out, restart and scale", async () => {
    const { cluster } = opened();
    const created = await create(deployment(denied, app));
    const available = (generation: number) => (object: LiveObject) =>
      object.status?.observedGeneration === generation && object.status.availableReplicas === object.spec?.replicas;
    await waitForObject(cluster, created, "it runs", available(1));
    const annotations = { "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" };
    await cluster.patch(created, { spec: { template: { metadata: { annotations } } } });
    await waitForObject(cluster, created, "it was restarted", available(2));
    await cluster.patch(created, { spec: { replicas: 3 } });
    await waitForObject(cluster, created, "it was scaled", available(3));
    await cluster.delete(created);
  });

  it("judges an injected sidecar like any other container", async () => {
    const { cluster } = opened();
    const name = freshName("inject");
    const inject = async (image: string) => {
      const expression = `Object{spec: Object.spec{containers: [Object.spec.containers{name: "sidecar", image: "${image}"}]}}`;
      const policy = {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "MutatingAdmissionPolicy",
        metadata: { name },
        spec: {
          failurePolicy: "Fail",
          reinvocationPolicy: "Never",
          matchConstraints: {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": denied } },
            resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
          },
          mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
        },
      };
      const binding = { ...policy, kind: "MutatingAdmissionPolicyBinding", spec: { policyName: name } };
      for (const object of [policy, binding]) {
        if (!applied.some(({ kind, metadata }) => kind === object.kind && metadata.name === name)) applied.push(object);
        await cluster.apply(object);
      }
    };
    try {
      await inject(foreign);
      await waitFor("the sidecar is refused", async (see) => {
        const answer = await refusal(pod(denied, { image: app }));
        see(answer);
        return answer.includes(`may not run ${foreign}`) || undefined;
      });
      await inject("redis:8");
      await waitFor("the declared sidecar is accepted", async (see) => {
        const answer = await refusal(pod(denied, { image: app }));
        see(answer);
        return answer === "" || undefined;
      });
    } finally {
      for (const object of applied.filter(({ metadata }) => metadata.name === name)) await cluster.delete(object);
    }
  });

  it("lets a running Job with an undeclared image end, and its namespace be deleted", async () => {
    const { cluster } = opened();
    const leaving = freshName("leaving");
    await addTenant(leaving);
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: leaving } };
    await waitForObject(cluster, account, "its pods have an account", () => true);
    await create(deployment(leaving, foreign));
    const job = holders(leaving, podSpecs(foreign).container).find(({ kind }) => kind === "Job")!;
    await create(job);
    const pods = { apiVersion: "v1", kind: "Pod", namespace: leaving };
    await waitFor("both have pods", async () => (await cluster.list(pods)).length >= 2 || undefined);
    await addTenant(leaving, "deny");
    await enforced("the policy applies", leaving);
    await cluster.delete(namespaceOf(leaving));
    await waitForGone(cluster, namespaceOf(leaving), { timeoutMs: 60_000 });
  });

  it("allows nothing if the annotation is missing", async () => {
    const { cluster } = opened();
    const key = "shared-authority/allowed-images";
    await cluster.patch(namespaceOf(denied), { metadata: { annotations: { [key]: null } } });
    try {
      const answer = await waitFor(
        "it is refused",
        async () => (await refusal(pod(denied, { image: app }))) || undefined,
      );
      assert.match(answer, /may not run ghcr\.io\/example\/app:1\.2\.3\. Allowed in namespace [\w-]+: none\./);
    } finally {
      await cluster.patch(namespaceOf(denied), { metadata: { annotations: { [key]: allowed.join("\n") } } });
      await waitFor("it is accepted", async () => (await refusal(pod(denied, { image: app }))) === "" || undefined);
    }
  });

  it("only warns in the mode `audit`, and does nothing in another namespace", async () => {
    assert.equal(await refusal(pod(audited, { image: foreign })), "");
    assert.equal(await refusal(pod(authorityNamespace, { image: foreign })), "");
  });

  it("bounds its message, and shows no text that is not a reference", async () => {
    const containers = Array.from({ length: 40 }, (_, index) => ({
      name: `c${index}`,
      image: `attacker.example/${"x".repeat(200)}${index}`,
    }));
    const long = await refusal(pod(denied, { containers }));
    assert.match(long, new RegExp(`Tenant ${denied} may not run attacker.* \\.\\.\\.\\. Allowed in namespace`));
    assert.ok(Buffer.byteLength(long) < 5 * 1024, String(long.length));
    const odd = await refusal(pod(denied, { image: "evil/\u001b[31mred\nline" }));
    assert.match(odd, /may not run an image whose reference is not valid\. Allowed/);
  });

  it("reads every spelling of a reference as container runtimes do, and as `authority images` does", async () => {
    const digest = `sha256:${"ab".repeat(32)}`;
    const spellings: readonly (readonly [image: string, isAllowed: boolean])[] = [
      ["redis", true],
      ["redis:8", true],
      [`redis@${digest}`, true],
      [`redis:8@${digest}`, true],
      ["library/redis", true],
      ["docker.io/redis:8", true],
      ["docker.io/library/redis", true],
      ["index.docker.io/redis", true],
      ["index.docker.io/library/redis:8", true],
      ["ghcr.io/example/app", true],
      [`ghcr.io/example/app:1@${digest}`, true],
      ["example/app", false],
      ["docker.io/example/app", false],
      ["ghcr.io/redis", false],
      ["ghcr.io/library/redis", false],
      ["ghcr.io:443/example/app", false],
      ["ghcr.io/example/app/more", false],
      ["ghcr.io/example/app-more", false],
      ["ghcr.io/example", false],
      ["attacker.example/ghcr.io/example/app", false],
      ["attacker.example/redis", false],
      ["attacker/redis", false],
      ["localhost/redis", false],
      ["localhost:5000/redis", false],
      ["registry:5000/redis", false],
      ["UPPER/redis", false],
      ["redis.example", false],
      ["redis:8/redis", false],
      ["registry-1.docker.io/library/redis", false],
      ["docker.io/library/redis/../../attacker", false],
      [" redis", false],
      ["redis\nghcr.io/example/app", false],
    ];
    for (const [image, isAllowed] of spellings) {
      const object = deployment(denied, image);
      // A template may have a blank before the image, a pod may not.
      const answer = await refusal(object);
      assert.equal(answer === "", isAllowed, `${JSON.stringify(image)}: ${answer || "accepted"}`);
      assert.equal(refusedImages(object as WithPods, allowed).length === 0, isAllowed, JSON.stringify(image));
    }
  });

  it("cannot be escaped with the rights of the team, of the tenant's account, or of `edit` and `admin`", async () => {
    const { cluster } = opened();
    const strong = ["edit", "admin"];
    for (const name of strong) {
      await cluster.apply({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name, namespace: denied },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: `${denied}-${name}` }],
      });
    }
    const identities = [
      { user: "developer", groups: [`${denied}-developers`] },
      { user: `system:serviceaccount:${authorityNamespace}:${denied}` },
      ...strong.map((name) => ({ user: name, groups: [`${denied}-${name}`] })),
    ];
    const [policy, ...bindings] = imageAdmissionObjects(stack, { authorityNamespace, modes: ["deny"] });
    for (const identity of identities) {
      const as = cluster.as(identity);
      const annotations = { "shared-authority/allowed-images": "attacker.example/app" };
      const attempts = [
        () => as.patch(namespaceOf(denied), { metadata: { annotations } }),
        () => as.patch(namespaceOf(denied), marks("audit")),
        () => as.patch(namespaceOf(denied), marks(undefined)),
        () => as.delete(policy!.object),
        ...bindings.map(
          ({ object }) =>
            () =>
              as.delete(object),
        ),
        () => as.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: freshName("escape") } }),
      ];
      for (const attempt of attempts) assert.match(await refusalOf(attempt()), /is forbidden/, identity.user);
      for (const object of holders(denied, podSpecs(foreign).container)) {
        assert.match(await refusal(object, as), /may not run|is forbidden: User/, `${identity.user}: ${object.kind}`);
      }
    }
  });
});

function namespaceOf(name: string): ObjectReference {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

async function refusalOf(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "";
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}

const plurals: Readonly<Record<string, string>> = {
  Pod: "pods",
  PodTemplate: "podtemplates",
  ReplicationController: "replicationcontrollers",
  DaemonSet: "daemonsets",
  Deployment: "deployments",
  ReplicaSet: "replicasets",
  StatefulSet: "statefulsets",
  CronJob: "cronjobs",
  Job: "jobs",
};

function resourceOf({ apiVersion, kind }: KubernetesObject): { readonly group: string; readonly plural: string } {
  return { group: apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`, plural: plurals[kind] ?? "" };
}

/** Pod specs whose only other image is the declared one, by where they have this image. */
function podSpecs(image: string) {
  const containers = [{ name: "app", image: app }];
  return {
    container: { containers: [{ name: "app", image }] },
    "second container": { containers: [...containers, { name: "second", image }] },
    "init container": { containers, initContainers: [{ name: "first", image }] },
    "sidecar container": { containers, initContainers: [{ name: "side", image, restartPolicy: "Always" }] },
    "image volume": { containers, volumes: [{ name: "data", image: { reference: image } }] },
    "ephemeral container": { containers, ephemeralContainers: [{ name: "debug", image }] },
  };
}

function pod(namespace: string, { image, ...spec }: { image?: string; containers?: object[] }): KubernetesObject {
  const metadata = { name: freshName("pod"), namespace };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "app", image }], ...spec } };
}

/** A pod and each object with a pod template. */
function holders(namespace: string, spec: object): KubernetesObject[] {
  const name = freshName("holder");
  const metadata = { name, namespace };
  const labels = { app: name };
  const template = { metadata: { labels }, spec };
  const once = { ...template, spec: { ...spec, restartPolicy: "Never" } };
  const selector = { matchLabels: labels };
  return [
    { apiVersion: "v1", kind: "Pod", metadata, spec },
    { apiVersion: "v1", kind: "PodTemplate", metadata, template },
    { apiVersion: "v1", kind: "ReplicationController", metadata, spec: { selector: labels, template } },
    { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec: { selector, template } },
    { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { selector, template } },
    { apiVersion: "apps/v1", kind: "ReplicaSet", metadata, spec: { selector, template } },
    { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: { selector, template, serviceName: name } },
    { apiVersion: "batch/v1", kind: "Job", metadata, spec: { template: once } },
    {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata,
      spec: { schedule: "0 0 1 1 *", jobTemplate: { spec: { template: once } } },
    },
  ];
}

function deployment(namespace: string, image: string): KubernetesObject {
  return holders(namespace, { containers: [{ name: "app", image }] }).find(({ kind }) => kind === "Deployment")!;
}
