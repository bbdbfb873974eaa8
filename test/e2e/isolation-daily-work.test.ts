import assert from "node:assert/strict";
import type { Cluster } from "../lab/cluster";
import { helmHistory } from "../lab/helm-history";
import { useLab } from "./support/lab";
import { refusalOf, rightsIn } from "./support/rights";
import { authorityNamespace, type PairedTenant, TenantPair } from "./support/tenant-pair";
import { conditionOf, waitFor } from "../lab/wait";

/** Isolation must not block daily work. All tests use the team's own rights. */
describe("an application team's daily work", () => {
  const opened = useLab();
  let pair: TenantPair | undefined;
  let podinfo: PairedTenant;
  let team: Cluster;

  before(async () => {
    pair = await TenantPair.open(opened());
    ({ podinfo } = pair);
    ({ team } = podinfo);
  });

  after(() => pair?.close());

  const listed = async (apiVersion: string, kind: string) =>
    (await team.list({ apiVersion, kind, namespace: podinfo.name })).map(({ metadata }) => metadata.name);

  it("can read its workload: Deployments, ReplicaSets, pods, Services, events", async () => {
    assert.deepEqual(await listed("apps/v1", "Deployment"), [podinfo.name]);
    assert.equal((await listed("apps/v1", "ReplicaSet")).length, 1);
    assert.equal((await listed("v1", "Pod")).length, 1);
    assert.deepEqual(await listed("v1", "Service"), [podinfo.name]);
    assert.ok((await listed("v1", "Event")).length > 0);
    assert.ok((await listed("events.k8s.io/v1", "Event")).length > 0);
    assert.ok((await listed("discovery.k8s.io/v1", "EndpointSlice")).length > 0);
    for (const [apiVersion, kind] of otherWorkload) await listed(apiVersion, kind);
  });

  it("can read its guardrails: quota with usage, limits, network policies", async () => {
    const quota = await team.get(podinfo.own("v1", "ResourceQuota", "tenant"));
    assert.equal((quota.status?.used as Record<string, string>).pods, "1");
    assert.deepEqual(await listed("v1", "LimitRange"), ["tenant"]);
    assert.ok((await listed("networking.k8s.io/v1", "NetworkPolicy")).includes("default-deny"));
  });

  it("can read its release from Helm's Secrets, as `helm history` and `helm status` do", async () => {
    const [revision] = await helmHistory(team, podinfo.name, podinfo.name);
    assert.equal(revision?.status, "deployed");
    assert.equal(revision.chartVersion, "6.14.1");
  });

  it("can watch a rollout until the new pod is ready", async () => {
    const selection = { apiVersion: "v1", kind: "Pod", namespace: podinfo.name };
    const { items, resourceVersion } = await team.snapshot(selection);
    const [before] = items.map(({ metadata }) => metadata.name);
    await team.delete(podinfo.own("v1", "Pod", before!));
    const seen: string[] = [];
    for await (const { type, object } of team.watch(selection, resourceVersion, AbortSignal.timeout(60_000))) {
      seen.push(`${type} ${object.metadata.name}`);
      if (object.metadata.name !== before && conditionOf(object, "Ready")?.status === "True") return;
    }
    assert.fail(`the watch has ended, and no other pod is ready: ${seen.join(", ")}`);
  });

  it("can read logs and forward ports", async () => {
    const [pod] = await listed("v1", "Pod");
    const path = `/api/v1/namespaces/${podinfo.name}/pods/${pod ?? ""}`;
    // KWOK's pods have no containers. The test checks only that the API server allows the request.
    assert.notEqual(await refusalOf(team, { method: "GET", path: `${path}/log` }), 403);
    // kubectl forwards with WebSockets (GET), older versions with SPDY (POST).
    assert.notEqual(await refusalOf(team, { method: "GET", path: `${path}/portforward?ports=9898` }), 403);
    assert.notEqual(await refusalOf(team, { method: "POST", path: `${path}/portforward?ports=9898` }), 403);
  });

  it("can restart its Deployment by deleting the pods", async () => {
    /** Waits until other pods have replaced these. */
    const others = (before: readonly string[]): Promise<string[]> =>
      waitFor("other pods serve", async (see) => {
        const now = await podinfo.serving();
        see(now);
        return now.length === before.length && !now.some((one) => before.includes(one)) ? now : undefined;
      });
    const before = await podinfo.serving();
    // Not the first pod of the list, which may be terminating.
    const [pod] = before.map((one) => one.split(" ")[0]!);
    await team.delete(podinfo.own("v1", "Pod", pod!));
    const after = await others(before);
    await team.request({ method: "DELETE", path: `/api/v1/namespaces/${podinfo.name}/pods` });
    await others(after);
  });

  it("needs no rights in the authority namespace", async () => {
    // The team has the same rights there as a stranger.
    const stranger = opened().cluster.as({ user: "stranger", groups: ["system:authenticated"] });
    assert.deepEqual(await rightsIn(team, authorityNamespace), await rightsIn(stranger, authorityNamespace));
  });
});

const otherWorkload = [
  ["v1", "ConfigMap"],
  ["v1", "PersistentVolumeClaim"],
  ["v1", "ServiceAccount"],
  ["apps/v1", "DaemonSet"],
  ["apps/v1", "StatefulSet"],
  ["autoscaling/v2", "HorizontalPodAutoscaler"],
  ["batch/v1", "CronJob"],
  ["batch/v1", "Job"],
  ["networking.k8s.io/v1", "Ingress"],
  ["policy/v1", "PodDisruptionBudget"],
] as const;
