import type { StackConfig } from "../config/stack-config";
import { readStackConfig } from "../config/read-stack-config";
import { type ExportedState, exportState, importState, type StateResource } from "./engine-state";
import { type ExitCode, exitCode } from "./exit-code";
import { asIfMade, interrupted, type Recovered, recoveredIn, settled, wasInterrupted } from "./interrupted";
import { askPulumi, PulumiError } from "./pulumi-command";
import type { Session } from "./session";
import type { Terminal } from "./terminal";

/** Options of `authority recover`. */
export interface RecoverOptions {
  readonly stack: string;
}

/** Takes over what an interrupted `up` has made in the cluster and has not written into the state. */
export async function recover({ stack }: RecoverOptions, session: Session): Promise<ExitCode> {
  const recovered = await takeOver(readStackConfig({ root: session.root, stack }), session.terminal);
  session.terminal.print(
    recovered === undefined
      ? `${stack}: no \`up\` was interrupted while it made an object.`
      : describeRecovered(recovered),
  );
  return recovered === undefined || recovered.foreign.length === 0 ? exitCode.fine : exitCode.blocked;
}

/**
 * Looks for every object that an `up` was making when it was interrupted, and writes those that are in the cluster into
 * the state. The engine itself would only drop them from its list, and would fail at the next `up`, since they exist.
 *
 * It may end anywhere: from the first import on each object is marked in the state, and the mark is there until it is
 * known what became of the object, so that the next run goes on.
 *
 * @returns `undefined` where no `up` was interrupted while it made anything
 * @throws PulumiError where the stack is locked, or the cluster does not answer
 */
export async function takeOver(
  { root, stack, delivery }: StackConfig,
  terminal: Terminal,
): Promise<Recovered | undefined> {
  const first = await exportState(root, stack);
  if (!wasInterrupted(first)) return undefined;
  terminal.tell(`An \`up\` of ${stack} was interrupted while it made objects; finding out what became of them`);
  // An `up` that is still running has such objects too. It holds the lock, at which this ends.
  await refresh(root, stack, rootOf(first));
  const before = await exportState(root, stack);
  // A file that is there already is written again, whoever wrote it.
  const sought = delivery.kind === "cluster" ? interrupted(before) : [];
  await lookInto(root, stack, knownIn(before, sought), "--preview-only");
  await importState(root, stack, asIfMade(before, sought));
  await lookInto(root, stack, sought);
  const after = await exportState(root, stack);
  const recovered = recoveredIn(after, sought);
  if (sought.length > 0) await importState(root, stack, settled(after, recovered));
  return recovered;
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

/**
 * One object that is known to be there, by which the cluster is asked whether it answers at all: where it does not, the
 * state stays as it is.
 */
function knownIn({ deployment }: ExportedState, sought: readonly StateResource[]): readonly StateResource[] {
  if (sought.length === 0) return [];
  return (deployment.resources ?? [])
    .filter((known) => known.custom && known.type.startsWith("kubernetes:") && known.delete !== true)
    .filter((known) => known.pendingReplacement !== true && !sought.includes(known))
    .slice(0, 1);
}

/** Reads these objects of the cluster again; with `--preview-only` the state stays as it is. */
async function lookInto(
  root: string,
  stack: string,
  objects: readonly StateResource[],
  mode?: "--preview-only",
): Promise<void> {
  if (objects.length === 0) return;
  try {
    await refresh(root, stack, objects, mode);
  } catch (error) {
    if (!(error instanceof PulumiError)) throw error;
    throw new PulumiError(
      `${error.message}\nNothing is lost: once that is fixed, run \`npx authority recover --stack ${stack}\` again.`,
    );
  }
}

/** Reads these resources again. */
async function refresh(
  root: string,
  stack: string,
  resources: readonly StateResource[],
  mode?: "--preview-only",
): Promise<void> {
  const targets = resources.flatMap(({ urn }) => ["--target", urn]);
  const flags = mode === undefined ? ["--yes", "--skip-preview"] : [mode];
  await askPulumi(root, ["refresh", "--stack", stack, ...flags, "--suppress-outputs", ...targets]);
}
