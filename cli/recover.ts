import type { Fleet } from "../fleet/fleet";
import { readFleet } from "../fleet/read";
import { type ExportedState, exportState, importState, type StateResource } from "./engine-state";
import { type ExitCode, exitCode } from "./exit-code";
import { asIfMade, interrupted, isOurs, wasInterrupted } from "./interrupted";
import { askPulumi } from "./pulumi-command";
import type { Session } from "./session";

/** Options of `authority recover`. */
export interface RecoverOptions {
  readonly stack: string;
}

/** Takes over what an interrupted `up` has made in the cluster and has not written into the state. */
export async function recover({ stack }: RecoverOptions, session: Session): Promise<ExitCode> {
  const recovered = await takeOver(readFleet({ root: session.root, stack }));
  session.terminal.print(
    recovered === undefined
      ? `${stack}: no \`up\` was interrupted while it made an object.`
      : describeRecovered(recovered),
  );
  return recovered === undefined || recovered.foreign.length === 0 ? exitCode.fine : exitCode.blocked;
}

/** What became of the objects that an interrupted `up` was making. */
export interface Recovered {
  /** In the cluster, and from now on in the state. */
  readonly taken: readonly StateResource[];
  /** Not in the cluster: the next `up` makes them. */
  readonly unmade: readonly StateResource[];
  /** In the cluster, and made by somebody else. */
  readonly foreign: readonly StateResource[];
}

/**
 * Looks for every object that an `up` was making when it was interrupted, and writes those that are in the cluster into
 * the state. The engine itself would only drop them from its list, and would fail at the next `up`, since they exist.
 *
 * @returns `undefined` where no `up` was interrupted while it made anything
 * @throws PulumiError where the stack is locked, or the cluster does not answer; the state is then as it was
 */
export async function takeOver({ root, stack, delivery }: Fleet): Promise<Recovered | undefined> {
  const first = await exportState(root, stack);
  if (!wasInterrupted(first)) return undefined;
  // An `up` that is still running has such objects too. It holds the lock, at which this ends.
  await refresh(root, stack, rootOf(first));
  const before = await exportState(root, stack);
  // A file that is there already is written again, whoever wrote it.
  const sought = delivery.kind === "cluster" ? interrupted(before) : [];
  await importState(root, stack, asIfMade(before, sought));
  if (sought.length === 0) return { taken: [], unmade: [], foreign: [] };
  try {
    await refresh(root, stack, sought);
  } catch (error) {
    await importState(root, stack, before);
    throw error;
  }
  const { resources = [] } = (await exportState(root, stack)).deployment;
  const found = resources.filter(({ urn }) => sought.some((one) => one.urn === urn));
  const foreign = found.filter((resource) => !isOurs(resource));
  for (const { urn } of foreign) await askPulumi(root, ["state", "delete", urn, "--stack", stack, "--yes"]);
  return {
    taken: found.filter(isOurs),
    unmade: sought.filter(({ urn }) => !found.some((one) => one.urn === urn)),
    foreign,
  };
}

/** One line for each object. */
export function describeRecovered({ taken, unmade, foreign }: Recovered): string {
  return [
    "An `up` was interrupted. Of what it was making,",
    ...taken.map((resource) => `  ${title(resource)} is there; it is taken over`),
    ...unmade.map((resource) => `  ${title(resource)} is not there; the next \`up\` makes it`),
    ...foreign.map((resource) => `  ${title(resource)} was made by somebody else, and is left as it is`),
    ...(taken.length + unmade.length + foreign.length === 0 ? ["  everything is in the state already"] : []),
  ].join("\n");
}

function title({ type, id = "", inputs }: StateResource): string {
  const { namespace, name = id } = inputs?.metadata ?? {};
  return `${type.slice(type.lastIndexOf(":") + 1)} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** The stack itself, which costs no look into the cluster. */
function rootOf({ deployment }: ExportedState): readonly StateResource[] {
  return (deployment.resources ?? []).filter(({ type }) => type === "pulumi:pulumi:Stack");
}

/** Reads these resources again. */
async function refresh(root: string, stack: string, resources: readonly StateResource[]): Promise<void> {
  const targets = resources.flatMap(({ urn }) => ["--target", urn]);
  await askPulumi(root, ["refresh", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs", ...targets]);
}
