import assert from "node:assert/strict";
import { providerAdoptsExisting } from "./support/provider";
import { randomInt } from "node:crypto";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExportedState, StateResource } from "../../src/cli/engine-state";
import { interruptedObjects, markAsCreated } from "../../src/cli/interrupted";
import { tenantOf } from "../../src/cli/skip";
import { skipBecause } from "../support/tools";
import type { Application } from "./support/application";
import { killProcesses, killUp, type Moment, type Victim } from "./support/disturbed-up";
import { openStackFile } from "./support/stack-file";
import { assertWhole, stateFile } from "./support/inventory";
import { freshName, useLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";
import { runTold } from "./support/told-commands";

/** The change during which an `up` is killed. */
type Change = "a tenant comes" | "a tenant is promoted" | "a tenant leaves";

const changes: readonly Change[] = [
  "a tenant comes",
  "a tenant is promoted",
  "a tenant comes",
  "a tenant leaves",
  "a tenant comes",
  "a tenant is promoted",
  "a tenant leaves",
  "a tenant comes",
  "a tenant is promoted",
  "a tenant leaves",
];

/** A state file of the file backend. */
interface StateFile {
  readonly checkpoint: { readonly latest: ExportedState["deployment"] };
}

/** Kills `pulumi` at ten random moments. `FAULT_SEED` repeats the same moments. */
const seed = Number(process.env.FAULT_SEED ?? randomInt(1_000_000));

describe(`a killed \`up\` (FAULT_SEED=${seed})`, () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  const random = randomFrom(seed);
  const tags = new Map<Application, string>();
  const seen = new Set<Application>();
  const applications: Application[] = [];
  let file: Awaited<ReturnType<typeof openStackFile>>;
  let kubeconfig: string;

  before(async function () {
    if (process.platform !== "linux") skipBecause(this, "finds the engine's processes in /proc");
    for (let count = 0; count < 4; count++) applications.push(await fixture().application("6.13.0", "6.14.1"));
    await fixture().addStack("prod", {
      tenants: applications.map((application) => ({ application, tag: "6.13.0", lines: ["team: [developers]"] })),
    });
    kubeconfig = join(fixture().project.directory, "..", "kubeconfig");
    await copyFile(opened().lab.kubeconfigPath, kubeconfig);
    await fixture().edit("prod", "A kubeconfig of its own", (text) =>
      text.replace(/(kubeconfig: ).*/, `$1${kubeconfig}`),
    );
    file = await openStackFile(fixture(), "prod", applications);
  });

  afterEach(() => killProcesses(fixture()));

  const tenants = () => [...seen].map(({ name }) => name);

  /** The tenant to change: the one whose last change is oldest. */
  function decide(change: Change): Application {
    const [oldest] = [...tags.keys()];
    const promotable = [...tags].find(([, tag]) => tag === "6.13.0")?.[0];
    const absent = applications.find((application) => !tags.has(application));
    const application = { "a tenant comes": absent, "a tenant is promoted": promotable, "a tenant leaves": oldest }[
      change
    ];
    assert.ok(application);
    if (change === "a tenant leaves") tags.delete(application);
    else tags.set(application, change === "a tenant comes" ? "6.13.0" : "6.14.1");
    seen.add(application);
    return application;
  }

  /** A moment that occurs in every such `up`. */
  function momentOf(change: Change, { name }: Application): Moment {
    const inAuthority = { namespace: fixture().authorityNamespace };
    const source = { apiVersion: "source.toolkit.fluxcd.io/v1", kind: "GitRepository", ...inAuthority };
    const release = { apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", ...inAuthority };
    const values = { apiVersion: "v1", kind: "ConfigMap", ...inAuthority };
    const home = { apiVersion: "v1", kind: "Namespace", fieldSelector: `metadata.name=${name}` };
    const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", namespace: name };
    const made = [home, role, values, source, release].map((selection): Moment => ({
      seen: "cluster",
      change: "ADDED",
      selection,
    }));
    const begun = (most: number): Moment => ({ seen: "engine", work: "begun", count: 1 + Math.floor(random() * most) });
    const ended = (most: number): Moment => ({ seen: "engine", work: "ended", count: 1 + Math.floor(random() * most) });
    switch (change) {
      case "a tenant comes":
        return oneOf(random, [oneOf(random, made), begun(16), ended(15)]);
      case "a tenant is promoted":
        return oneOf(random, [{ seen: "cluster", change: "ADDED", selection: source }, begun(2), ended(1)]);
      case "a tenant leaves":
        return oneOf(random, [{ seen: "cluster", change: "DELETED", selection: release }, begun(14), ended(10)]);
    }
  }

  /** The command by which `authority up` removes a tenant. */
  async function removal({ name }: Application): Promise<string[]> {
    const { checkpoint } = JSON.parse(await readFile(stateFile(fixture(), "prod"), "utf8")) as StateFile;
    const owned = (checkpoint.latest.resources ?? []).filter((resource) => tenantOf(resource) === name);
    return ["destroy", "--ignore-protect", ...owned.flatMap(({ urn }) => ["--target", urn])];
  }

  changes.forEach((change, index) => {
    it(`${index + 1}: loses nothing while ${change}`, async function () {
      const application = decide(change);
      const moment = momentOf(change, application);
      const victim: Victim = oneOf(random, ["all", "engine"]);
      this.test!.title += `, killed (${victim}) at ${describeMoment(moment)}`;
      await file.declare(tags);
      const command = change === "a tenant leaves" ? await removal(application) : undefined;
      const killed = await killUp(fixture(), "prod", moment, victim, command);
      assert.ok(killed.disturbed, said(killed));

      const cancelled = await fixture().pulumi("cancel", "--stack", "prod", "--yes");
      assert.equal(cancelled.code, 0, said(cancelled));
      const healed = await fixture().authorityUp("prod");
      assert.equal(healed.code, 0, `${said(killed)}\n----\n${said(healed)}`);
      await assertWhole(fixture(), "prod", tenants());
      for (const [tenant, tag] of tags) {
        assert.equal(await fixture().runningImage(tenant), `${tenant.image}:${tag}`);
        const versions = (await fixture().history(tenant)).map(({ chartVersion }) => chartVersion);
        assert.deepEqual(versions, tag === "6.13.0" ? ["6.13.0"] : ["6.13.0", "6.14.1"]);
      }
    });
  });

  it("resolves each pending object: adopts ours, omits missing ones, and ignores those of others", async () => {
    // Written to the file, because `pulumi stack import` drops pending operations.
    const path = stateFile(fixture(), "prod");
    const { checkpoint, ...rest } = JSON.parse(await readFile(path, "utf8")) as StateFile;
    const { resources = [], ...deployment } = checkpoint.latest;
    // Only the last object is missing, so nothing in the state depends on it.
    const isNeeded = ({ urn }: StateResource) =>
      resources.some((other) => other.urn !== urn && JSON.stringify(other).includes(JSON.stringify(urn)));
    const made = resources.filter((resource) => resource.type.startsWith("kubernetes:") && !isNeeded(resource));
    assert.ok(made.some(({ type }) => type.endsWith(":HelmRelease")));
    const values = resources.find(({ type }) => type.endsWith(":ConfigMap"))!;
    const foreign = { name: freshName("foreign"), namespace: fixture().authorityNamespace };
    const unmade = { ...foreign, name: freshName("unmade") };
    await opened().cluster.create({ apiVersion: "v1", kind: "ConfigMap", metadata: foreign });
    const pending = [...made, renamed(values, foreign), renamed(values, unmade)].map((resource) => ({
      type: "creating",
      resource: { ...resource, id: undefined, outputs: undefined },
    }));
    const latest: ExportedState["deployment"] = {
      ...deployment,
      resources: resources.filter((resource) => !made.includes(resource)),
      pending_operations: pending,
    };
    await writeFile(path, JSON.stringify({ ...rest, checkpoint: { ...checkpoint, latest } }));

    // A provider that adopts existing objects would adopt those of others as well.
    if (!(await providerAdoptsExisting())) {
      const plain = await fixture().tryUp("prod", "--skip-preview");
      assert.notEqual(plain.code, 0);
      assert.match(said(plain), /already exists[^]*`npx authority recover --stack prod`, which takes over/);
    }
    await assertKeptWhereTheClusterIsGone(path);
    const recovered = await runTold(fixture(), "npx authority recover --stack prod");
    assert.equal(recovered.code, 3, said(recovered));
    for (const { outputs } of made) {
      const { namespace, name } = outputs!.metadata!;
      const title = namespace === undefined ? name! : `${namespace}/${name!}`;
      assert.match(said(recovered), new RegExp(` ${title} exists; added to the state`));
    }
    assert.match(
      said(recovered),
      new RegExp(`ConfigMap ${foreign.namespace}/${foreign.name} was created by someone else`),
    );
    assert.match(said(recovered), new RegExp(`ConfigMap ${unmade.namespace}/${unmade.name} does not exist`));
    const healed = await fixture().authorityUp("prod");
    assert.equal(healed.code, 0, said(healed));
    await assertWhole(fixture(), "prod", tenants());
    await opened().cluster.delete({ apiVersion: "v1", kind: "ConfigMap", metadata: foreign });
  });

  /** A failed recovery changes no pending operation. An interrupted one leaves its marks. */
  async function assertKeptWhereTheClusterIsGone(path: string): Promise<void> {
    const right = await readFile(kubeconfig, "utf8");
    await writeFile(kubeconfig, right.replace(/(server: ).*/, "$1https://127.0.0.1:1"));
    const stored = async () => (JSON.parse(await readFile(path, "utf8")) as StateFile).checkpoint.latest;
    const sought = async () => interruptedObjects({ deployment: await stored() }).map(({ urn }) => urn);
    const before = await sought();
    const failed = await fixture().authorityUp("prod");
    assert.equal(failed.code, 1, said(failed));
    assert.match(
      said(failed),
      /unreachable[^]*Nothing is lost\. Fix this, then run `npx authority recover --stack prod` again/,
    );
    assert.equal((await stored()).pending_operations?.length, before.length);

    const state = JSON.parse(await readFile(path, "utf8")) as StateFile;
    const marked = markAsCreated(
      { deployment: state.checkpoint.latest },
      interruptedObjects({ deployment: state.checkpoint.latest }),
    );
    await writeFile(path, JSON.stringify({ ...state, checkpoint: { ...state.checkpoint, latest: marked.deployment } }));
    const refreshed = await fixture().pulumi("refresh", "--stack", "prod", "--yes", "--skip-preview");
    assert.notEqual(refreshed.code, 0);
    assert.deepEqual((await sought()).sort(), before.sort());
    await writeFile(kubeconfig, right);
  }

  it("ends with a preview without changes", async () => {
    await fixture().expectNoChanges("prod", "--refresh");
  });
});

function renamed(resource: StateResource, { namespace, name }: { namespace: string; name: string }): StateResource {
  const urn = resource.urn.replace(/::[^:]*$/, `::${namespace}/${name}`);
  return {
    ...resource,
    urn,
    inputs: { ...resource.inputs, metadata: { ...resource.inputs?.metadata, namespace, name } },
  };
}

function oneOf<T>(random: () => number, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]!;
}

function describeMoment(moment: Moment): string {
  return moment.seen === "engine"
    ? `work ${moment.work} on ${moment.count}`
    : `${moment.selection.kind} ${moment.change}`;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
