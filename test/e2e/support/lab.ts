import { randomBytes } from "node:crypto";
import type { Context } from "mocha";
import { Cluster } from "../../lab/cluster";
import { connectLab } from "../../lab/connect";
import type { Lab, LabControl } from "../../lab/lab";
import { startLab } from "../../lab/start";
import { ToolsMissingError } from "../../lab/tools";
import { lacks, skipBecause } from "../../support/tools";

/** A lab, and an administrator's client of its cluster. */
export interface OpenedLab {
  readonly lab: Lab;
  readonly cluster: Cluster;
  /** Whether it ends with the suite, and takes along what is in it. */
  readonly own: boolean;
}

const needsPrograms = "needs the lab's programs in $AUTHORITY_TOOLS";

/**
 * The lab that all suites of this run share, see `shared-lab.ts`. A suite has to keep to namespaces and repositories of
 * its own. Called in a `describe`.
 *
 * @returns what gives the lab and an administrator's client, from the suite's own hooks on
 */
export function useLab(): () => OpenedLab {
  return useLabOf((context) => Promise.resolve(connectLab() ?? lacks(context, needsPrograms)), { own: false });
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
  return useLabOf((context) => (own = startLabFor(context)), { own: true });
}

function useLabOf(open: (context: Context) => Promise<Lab>, { own }: Pick<OpenedLab, "own">): () => OpenedLab {
  let opened: OpenedLab | undefined;
  before(async function () {
    const lab = await open(this);
    opened = { lab, cluster: Cluster.fromKubeconfig(lab.kubeconfigPath), own };
  });
  return () => {
    if (opened === undefined) throw new Error("The lab is there from the suite's hooks on, not while it is declared.");
    return opened;
  };
}

async function startLabFor(context: Context): Promise<Lab> {
  try {
    return await startLab();
  } catch (error) {
    if (error instanceof ToolsMissingError) lacks(context, needsPrograms);
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
