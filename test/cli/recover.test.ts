import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExportedState, StateResource } from "../../src/cli/engine-state";
import { interruptedObjects, wasInterrupted } from "../../src/cli/interrupted";
import { temporaryDirectory } from "../support/directory";
import { skipBecause } from "../support/tools";
import { type Fault, ScratchEngine } from "./scratch-engine";

const root: StateResource = {
  urn: "urn:pulumi:prod::shared-authority::pulumi:pulumi:Stack::shared-authority-prod",
  type: "pulumi:pulumi:Stack",
  custom: false,
};

function configMap(name: string): StateResource {
  return {
    urn: `urn:pulumi:prod::shared-authority::kubernetes:core/v1:ConfigMap::flux-system/${name}`,
    type: "kubernetes:core/v1:ConfigMap",
    custom: true,
    inputs: { metadata: { name, namespace: "flux-system" } },
  };
}

const known = { ...configMap("known"), id: "flux-system/known" };
const [made, missing, foreign] = ["made", "missing", "foreign"].map(configMap) as [
  StateResource,
  StateResource,
  StateResource,
];

/** A stack with one object, and an `up` that was interrupted while it created three more. */
const before: ExportedState = {
  deployment: {
    resources: [root, known],
    pending_operations: [made, missing, foreign].map((resource) => ({ type: "creating", resource })),
  },
};

/** The engine runs of a successful `authority recover`. */
const runs = [
  "stack export",
  "refresh",
  "stack export",
  "refresh --preview-only",
  "stack import",
  "refresh",
  "stack export",
  "stack import",
];

describe("authority recover", function () {
  this.timeout(120_000);
  const directory = temporaryDirectory();
  let engine: ScratchEngine;
  let project: string;

  beforeEach(function () {
    if (process.platform === "win32") skipBecause(this, "Windows has no programs that are scripts");
    project = join(directory(), "project");
    mkdirSync(project);
    writeFileSync(join(project, "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
    writeFileSync(join(project, "Pulumi.prod.yaml"), "config:\n  shared-authority:follow: tags\n");
    mkdirSync(join(directory(), "engine"));
    engine = new ScratchEngine(join(directory(), "engine"));
    engine.state = before;
    engine.cluster = {
      "flux-system/known": "pulumi-kubernetes",
      "flux-system/made": "pulumi-kubernetes",
      "flux-system/foreign": "kubectl-create",
    };
  });

  const recover = (fault?: Fault) => engine.authority(["recover", "--stack", "prod"], project, fault);

  /** The names of the resources in the state. */
  const names = () => (engine.state.deployment.resources ?? []).map(({ urn }) => urn.replace(/.*(::|\/)/, ""));

  function assertRecovered(): void {
    assert.deepEqual(names(), ["shared-authority-prod", "known", "made"]);
    assert.equal(wasInterrupted(engine.state), false);
    assert.deepEqual(Object.keys(engine.state.deployment.resources?.at(-1)?.outputs?.metadata ?? {}), [
      "name",
      "namespace",
      "managedFields",
    ]);
  }

  async function assertContinues(isDone = false): Promise<void> {
    const { code, stdout, stderr } = await recover();
    assert.equal(code, isDone ? 0 : 3, stderr);
    if (!isDone) {
      assert.match(stdout, /flux-system\/made exists; added to the state/);
      assert.match(stdout, /flux-system\/foreign was created by someone else/);
    }
    assertRecovered();
  }

  it("reports what became of each object", async () => {
    const { code, stdout, stderr } = await recover();
    assert.equal(code, 3, stderr);
    assert.equal(stderr, "An `up` of prod was interrupted; looking for the objects that it was creating\n");
    assert.match(stdout, /ConfigMap flux-system\/made exists; added to the state\n/);
    assert.match(stdout, /ConfigMap flux-system\/missing does not exist; the next `up` creates it\n/);
    assert.match(stdout, /ConfigMap flux-system\/foreign was created by someone else; left unchanged\n/);
    assert.deepEqual(engine.runs(), runs);
    assertRecovered();
    const again = await recover();
    assert.equal(again.code, 0);
    assert.match(again.stdout, /prod: nothing to recover, no `up` was interrupted/);
  });

  it("leaves the state unchanged if the cluster does not answer", async () => {
    const { code, stderr } = await recover({ run: 4, kind: "fails" });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /the cluster does not answer\n.*Nothing is lost\. Fix this, then run `npx authority recover --stack prod` again/,
    );
    assert.doesNotMatch(stderr, /\n +at /);
    assert.deepEqual(engine.state, before);
  });

  runs.forEach((run, index) => {
    for (const kind of ["fails", "killed after"] as const) {
      it(`loses nothing if ${kind === "fails" ? "the engine fails in" : "authority is killed after"} run ${index + 1}, \`pulumi ${run}\``, async () => {
        const hit = await recover({ run: index + 1, kind });
        assert.equal(hit.code, kind === "fails" ? 1 : -1, hit.stderr);
        assert.equal(engine.runs().length, index + 1);
        const isDone = index === runs.length - 1 && kind === "killed after";
        await assertContinues(isDone);
      });
    }
  });

  it("can be stopped while the cluster hangs, and continued by the next run", async () => {
    const { code } = await recover({ run: 6, kind: "SIGTERM" });
    assert.equal(code, 143);
    assert.deepEqual(engine.runs(), [...runs.slice(0, 6), "got SIGTERM", "ended"]);
    await assertContinues();
  });

  it("keeps the dependents of a foreign object that took the place of a replaced one", async () => {
    const dependent = { ...configMap("dependent"), id: "flux-system/dependent", dependencies: [foreign.urn] };
    engine.state = {
      deployment: {
        resources: [root, known, { ...foreign, pendingReplacement: true }, dependent],
        pending_operations: [{ type: "creating", resource: foreign }],
      },
    };
    const { code, stderr } = await recover();
    assert.equal(code, 3, stderr);
    assert.deepEqual(names(), ["shared-authority-prod", "known", "dependent"]);
    assert.deepEqual(interruptedObjects(engine.state), []);
  });
});
