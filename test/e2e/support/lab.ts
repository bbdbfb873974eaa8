import { randomBytes } from "node:crypto";
import type { Context } from "mocha";
import { Cluster } from "../../lab/cluster";
import { connectLab } from "../../lab/connect";
import type { Lab, LabControl } from "../../lab/lab";
import { startLab } from "../../lab/start";
import { ToolsMissingError } from "../../lab/tools";
import { lacks, skipBecause } from "../../support/tools";

/** A lab with an administrator's client for its cluster. */
export interface OpenedLab {
  readonly lab: Lab;
  readonly cluster: Cluster;
  /** Whether the lab ends with the suite. */
  readonly own: boolean;
}

const needsPrograms = "needs the lab's programs in $AUTHORITY_TOOLS";

/**
 * The lab that all suites of this run share, see `shared-lab.ts`. Suites must use namespaces and repositories of their own.
 * Call it in a `describe`.
 *
 * @returns a function that returns the lab, for hooks and tests
 */
export function useLab(): () => OpenedLab {
  return useLabOf((context) => Promise.resolve(connectLab() ?? lacks(context, needsPrograms)), { own: false });
}

/**
 * A separate lab for a suite that stops components. It always has `control`. Call it in a `describe`.
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
    if (opened === undefined) throw new Error("The lab exists only while hooks and tests run.");
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

/** The control of the lab's processes. On a user's own cluster, the test is skipped. */
export function requireControl(context: Context, lab: Lab): LabControl {
  return lab.control ?? skipBecause(context, "needs control over the processes of the cluster");
}

/** A unique name such as `podinfo-3f9c1a`, because tests share labs and labs can outlive a run. */
export function freshName(start: string): string {
  return `${start}-${randomBytes(3).toString("hex")}`;
}
