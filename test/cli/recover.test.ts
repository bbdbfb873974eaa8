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
const [made, unmade, foreign] = ["made", "unmade", "foreign"].map(configMap) as [
  StateResource,
  StateResource,
  StateResource,
];

/** The stack and one object; an `up` was interrupted while it made three more. */
const before: ExportedState = {
  deployment: {
    resources: [root, known],
    pending_operations: [made, unmade, foreign].map((resource) => ({ type: "creating", resource })),
  },
};

/** What `authority recover` runs the engine for, where all goes well. */
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

  /** What is in the state, by the names. */
  const names = () => (engine.state.deployment.resources ?? []).map(({ urn }) => urn.replace(/.*(::|\/)/, ""));

  function assertSettled(): void {
    assert.deepEqual(names(), ["shared-authority-prod", "known", "made"]);
    assert.equal(wasInterrupted(engine.state), false);
    assert.deepEqual(Object.keys(engine.state.deployment.resources?.at(-1)?.outputs?.metadata ?? {}), [
      "name",
      "namespace",
      "managedFields",
    ]);
  }

  async function assertGoesOn(isDone = false): Promise<void> {
    const { code, stdout, stderr } = await recover();
    assert.equal(code, isDone ? 0 : 3, stderr);
    if (!isDone) {
      assert.match(stdout, /flux-system\/made is there; it is taken over/);
      assert.match(stdout, /flux-system\/foreign was made by somebody else/);
    }
    assertSettled();
  }

  it("tells what became of each object, and that it looks for them", async () => {
    const { code, stdout, stderr } = await recover();
    assert.equal(code, 3, stderr);
    assert.equal(stderr, "An `up` of prod was interrupted while it made objects; finding out what became of them\n");
    assert.match(stdout, /ConfigMap flux-system\/made is there; it is taken over\n/);
    assert.match(stdout, /ConfigMap flux-system\/unmade is not there; the next `up` makes it\n/);
    assert.match(stdout, /ConfigMap flux-system\/foreign was made by somebody else, and is left as it is\n/);
    assert.deepEqual(engine.runs(), runs);
    assertSettled();
    const again = await recover();
    assert.equal(again.code, 0);
    assert.match(again.stdout, /prod: no `up` was interrupted/);
  });

  it("leaves the state as it was where the cluster does not answer", async () => {
    const { code, stderr } = await recover({ run: 4, kind: "fails" });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /the cluster does not answer\n.*Nothing is lost: once that is fixed, run `npx authority recover --stack prod` again/,
    );
    assert.doesNotMatch(stderr, /\n +at /);
    assert.deepEqual(engine.state, before);
  });

  runs.forEach((run, index) => {
    for (const kind of ["fails", "killed after"] as const) {
      it(`loses nothing where its run ${index + 1}, \`pulumi ${run}\`, is hit: ${kind}`, async () => {
        const hit = await recover({ run: index + 1, kind });
        assert.equal(hit.code, kind === "fails" ? 1 : -1, hit.stderr);
        assert.equal(engine.runs().length, index + 1);
        const isDone = index === runs.length - 1 && kind === "killed after";
        await assertGoesOn(isDone);
      });
    }
  });

  it("can be stopped while the cluster hangs: the next one goes on", async () => {
    const { code } = await recover({ run: 6, kind: "SIGTERM" });
    assert.equal(code, 143);
    assert.deepEqual(engine.runs(), [...runs.slice(0, 6), "got SIGTERM", "ended"]);
    await assertGoesOn();
  });

  it("leaves in the state what depends on a foreign object, which stands in the place of one that was being replaced", async () => {
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
