import assert from "node:assert/strict";
import { type LiveHelmRelease, requestedAt, resetAt, runningText, stateOf } from "../../src/program/helm-release-state";
import { type HelmReleaseClient, type Patience, ReleaseWatch } from "../../src/program/release-watch";

type Conditions = Readonly<Record<string, "True" | "False" | "Unknown">>;

function live(
  conditions: Conditions,
  { generation = 1, observed = generation, annotations = {}, ...status }: Partial<Details> = {},
): LiveHelmRelease {
  return {
    metadata: { name: "shop", namespace: "flux-system", uid: "1", generation, annotations },
    status: {
      ...status,
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status, observedGeneration: observed })),
    },
  };
}

type Details = NonNullable<LiveHelmRelease["status"]> & {
  readonly generation: number;
  readonly observed: number;
  readonly annotations: Readonly<Record<string, string>>;
};

const runs: Conditions = { Ready: "True", Released: "True" };
const works: Conditions = { Ready: "Unknown", Reconciling: "True" };
const failed: Conditions = { Ready: "False", Released: "False" };
const gaveUp: Conditions = { ...failed, Stalled: "True" };

describe("the state of a HelmRelease", () => {
  it("is what Flux says about its newest generation", () => {
    assert.equal(stateOf(live(runs)), "runs");
    assert.equal(stateOf(live(works)), "pending");
    assert.equal(stateOf(live(failed)), "failing");
    assert.equal(stateOf(live(gaveUp)), "given up");
    for (const old of [runs, gaveUp]) assert.equal(stateOf(live(old, { generation: 2, observed: 1 })), "pending");
    assert.equal(stateOf(live({})), "pending");
    assert.equal(stateOf(undefined), "pending");
  });

  it("is pending until Flux has handled a request", () => {
    const annotations = { [requestedAt]: "now" };
    assert.equal(stateOf(live(gaveUp, { annotations })), "pending");
    assert.equal(stateOf(live(gaveUp, { annotations, lastHandledReconcileAt: "before" })), "pending");
    assert.equal(stateOf(live(runs, { annotations, lastHandledReconcileAt: "now" })), "runs");
  });
});

describe("what runs of a release that failed", () => {
  const history = (...statuses: string[]) =>
    live(gaveUp, { history: statuses.map((status, index) => ({ status, chartVersion: `1.${9 - index}.0` })) });

  it("is nothing if the first install failed, and the release that Helm has deployed otherwise", () => {
    assert.equal(runningText(undefined), "No earlier release of it runs.");
    assert.equal(runningText(history()), "No earlier release of it runs.");
    assert.equal(runningText(history("failed")), "No earlier release of it runs.");
    assert.equal(
      runningText(history("deployed", "failed")),
      "What ran before keeps running: the chart's version 1.9.0.",
    );
    assert.equal(runningText(history("failed", "superseded")), undefined);
  });

  it("is unknown if the rollback failed too", () => {
    const release = history("failed", "superseded", "deployed");
    const conditions = [{ type: "Ready", status: "False", reason: "RollbackFailed", observedGeneration: 1 }];
    assert.equal(
      runningText({ ...release, status: { ...release.status, conditions } }),
      "Neither the upgrade nor the rollback succeeded: objects of both releases may run.",
    );
  });
});

describe("a watch of releases", () => {
  /** Flux, which answers one after the other of these. The last one stays. */
  class ScriptedFlux implements HelmReleaseClient {
    readonly requests: Readonly<Record<string, string>>[] = [];
    constructor(readonly answers: (LiveHelmRelease | Error)[]) {}

    list(): Promise<readonly LiveHelmRelease[]> {
      const [next] = this.answers.length > 1 ? this.answers.splice(0, 1) : this.answers;
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next === undefined ? [] : [next]);
    }

    annotate(_name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
      this.requests.push(annotations);
      return Promise.resolve();
    }
  }

  let patience: Patience;

  let timeoutMs: number;

  beforeEach(() => {
    patience = { intervalMs: 1, silenceMs: 60_000 };
    timeoutMs = 60_000;
  });

  const watch = async (...answers: (LiveHelmRelease | Error)[]) => {
    const flux = new ScriptedFlux(answers);
    const outcome = await (await ReleaseWatch.start(flux, patience)).untilRuns("shop", timeoutMs);
    return { flux, outcome };
  };

  it("waits for what is changed, and asks Flux for nothing", async () => {
    const { flux, outcome } = await watch(live(runs), live(works, { generation: 2 }), live(runs, { generation: 2 }));
    assert.equal(outcome, undefined);
    assert.deepEqual(flux.requests, []);
  });

  it("ends at once if Flux gives up on what is changed", async () => {
    const { flux, outcome } = await watch(
      live(gaveUp),
      live(works, { generation: 2 }),
      live(gaveUp, { generation: 2 }),
    );
    assert.deepEqual([outcome?.hasGivenUp, outcome?.isChanged], [true, true]);
    assert.deepEqual(flux.requests, []);
  });

  for (const [what, conditions] of Object.entries({ "Flux has given up": gaveUp, "failed by other means": failed })) {
    it(`has Flux try again what has failed before and is not changed: ${what}`, async () => {
      const { flux, outcome } = await watch(live(conditions), live(conditions), live(works), live(runs));
      assert.equal(outcome, undefined);
      const [request] = flux.requests;
      assert.equal(flux.requests.length, 1);
      assert.equal(request?.[requestedAt], request?.[resetAt]);
    });
  }

  it("has Flux try again once only", async () => {
    const { flux, outcome } = await watch(live(gaveUp), live(gaveUp), live(works), live(gaveUp));
    assert.deepEqual([outcome?.hasGivenUp, outcome?.isChanged], [true, false]);
    assert.equal(flux.requests.length, 1);
  });

  it("does not wait for what ran before and is not changed", async () => {
    const { outcome } = await watch(live(runs), live(works));
    assert.equal(outcome, undefined);
  });

  it("goes on while the cluster does not answer, and reports it when the timeout has passed", async () => {
    const lost = new Error("connect ECONNREFUSED");
    assert.equal((await watch(lost, lost, live(works), live(runs))).outcome, undefined);
    timeoutMs = 200;
    const { outcome } = await watch(lost, lost);
    assert.equal((outcome?.error as Error).message, lost.message);
  });

  it("ends early if the cluster stays silent", async () => {
    patience = { intervalMs: 1, silenceMs: 5 };
    const lost = new Error("connect ECONNREFUSED");
    const start = async () => ReleaseWatch.start(new ScriptedFlux([live(works), lost]), patience);
    const outcome = await (await start()).untilRuns("shop", 3_600_000);
    assert.equal((outcome?.error as Error).message, lost.message);
  });
});
