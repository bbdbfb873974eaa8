import { randomBytes } from "node:crypto";
import type { Context } from "mocha";
import { Cluster } from "../../../lab/control-plane/cluster";
import { connectLab } from "../../../lab/control-plane/connect";
import type { Lab, LabControl } from "../../../lab/control-plane/lab";
import { startLab } from "../../../lab/control-plane/start";
import { ToolsMissingError } from "../../../lab/control-plane/toolbox";
import { lacks, skipBecause } from "../../support/tools";

/** A lab, and an administrator's client of its cluster. */
export interface OpenedLab {
  readonly lab: Lab;
  readonly cluster: Cluster;
}

let shared: Promise<Lab> | undefined;

// At the top of the file, so that mocha runs it once, after the last suite of all files.
after(async () => {
  const started = await shared?.catch(() => undefined);
  await started?.stop();
});

/**
 * The lab that all suites of this run share: the one that the environment names, or else one that is started for the
 * run. A suite has to keep to namespaces and repositories of its own. Called in a `describe`.
 *
 * @returns what gives the lab and an administrator's client, from the suite's own hooks on
 */
export function useLab(): () => OpenedLab {
  return useLabOf((context) => (shared ??= openLab(context)));
}

/**
 * A lab for one suite alone, which may break it. Always one of our own, with rights over its processes. Called in a
 * `describe`.
 */
export function useOwnLab(): () => OpenedLab {
  let own: Promise<Lab> | undefined;
  after(async () => {
    await (await own?.catch(() => undefined))?.stop();
  });
  return useLabOf((context) => (own = startLabFor(context)));
}

function useLabOf(open: (context: Context) => Promise<Lab>): () => OpenedLab {
  let opened: OpenedLab | undefined;
  before(async function () {
    this.timeout(120_000);
    const lab = await open(this);
    opened = { lab, cluster: Cluster.fromKubeconfig(lab.kubeconfigPath) };
  });
  return () => {
    if (opened === undefined) throw new Error("The lab is there from the suite's hooks on, not while it is declared.");
    return opened;
  };
}

async function openLab(context: Context): Promise<Lab> {
  return connectLab() ?? (await startLabFor(context));
}

async function startLabFor(context: Context): Promise<Lab> {
  try {
    return await startLab();
  } catch (error) {
    if (error instanceof ToolsMissingError) lacks(context, "needs the lab's programs in $AUTHORITY_TOOLS");
    throw error;
  }
}

/** The rights over the lab's processes; on a cluster of the user's own the test is skipped. */
export function requireControl(context: Context, lab: Lab): LabControl {
  return lab.control ?? skipBecause(context, "needs rights over the processes of the cluster");
}

/** A name that no other test or run has used: `podinfo-3f9c1a`. Labs may be shared, and may outlive a run. */
export function freshName(start: string): string {
  return `${start}-${randomBytes(3).toString("hex")}`;
}
