import type { StackConfig } from "../config/stack-config";
import { readStackConfig } from "../config/read-stack-config";
import { type ExportedState, exportState, importState, type StateResource, titleOf } from "./engine-state";
import { type ExitCode, exitCode } from "./exit-code";
import {
  completeRecovery,
  interruptedObjects,
  isCurrent,
  markAsCreated,
  type Recovery,
  recoveryOf,
  resourcesOf,
  wasInterrupted,
} from "./interrupted";
import { askPulumi } from "./pulumi-command";
import { PulumiError } from "./pulumi-error";
import type { Session } from "./session";
import type { Terminal } from "./terminal";

/** Options of `authority recover`. */
export interface RecoverOptions {
  readonly stack: string;
}

/** Adds to the state the objects that an interrupted `up` created in the cluster but did not record. */
export async function recover({ stack }: RecoverOptions, session: Session): Promise<ExitCode> {
  const config = readStackConfig({ root: session.root, stack });
  const recovery = await recoverObjects(config, await exportState(config.root, stack), session.terminal);
  session.terminal.print(
    recovery === undefined ? `${stack}: nothing to recover, no \`up\` was interrupted.` : describeRecovery(recovery),
  );
  return recovery === undefined || recovery.foreign.length === 0 ? exitCode.fine : exitCode.blocked;
}

/**
 * Finds out which objects an interrupted `up` created, and adds them to the state. The engine would only forget them, and
 * its next `up` would fail because they exist.
 *
 * It may be interrupted at any point: the objects stay marked in the state until it completes, so the next run continues.
 *
 * @param first the state as it is now
 * @returns `undefined` if no `up` was interrupted while it created an object; then the state has not changed
 * @throws PulumiError if the stack is locked, or the cluster does not answer
 */
export async function recoverObjects(
  { root, stack, delivery }: StackConfig,
  first: ExportedState,
  terminal: Terminal,
): Promise<Recovery | undefined> {
  if (!wasInterrupted(first)) return undefined;
  terminal.log(`An \`up\` of ${stack} was interrupted; looking for the objects that it was creating`);
  // A running `up` has pending objects too. It holds the lock, so this refresh fails.
  await refresh(root, stack, resourcesOfStack(first));
  const before = await exportState(root, stack);
  // With rendered manifests, the next `up` overwrites a file that exists.
  const objects = delivery.kind === "cluster" ? interruptedObjects(before) : [];
  await readCluster(root, stack, oneKnownObject(before, objects), "--preview-only");
  await importState(root, stack, markAsCreated(before, objects));
  await readCluster(root, stack, objects);
  const after = await exportState(root, stack);
  const recovery = recoveryOf(after, objects);
  if (objects.length > 0) await importState(root, stack, completeRecovery(after, recovery));
  return recovery;
}

/** One line for each object. */
export function describeRecovery({ recovered, missing, foreign }: Recovery): string {
  const objects = [
    ...recovered.map((resource) => `  ${titleOf(resource)} exists; added to the state`),
    ...missing.map((resource) => `  ${titleOf(resource)} does not exist; the next \`up\` creates it`),
    ...foreign.map((resource) => `  ${titleOf(resource)} was created by someone else; left unchanged`),
  ];
  return ["Recovered from the interrupted `up`:", ...(objects.length > 0 ? objects : ["  the state is complete"])].join(
    "\n",
  );
}

/** The stack resource, which can be refreshed without the cluster. */
function resourcesOfStack(state: ExportedState): readonly StateResource[] {
  return resourcesOf(state).filter(({ type }) => type === "pulumi:pulumi:Stack");
}

/** One object that exists, to test whether the cluster answers before the state is changed. */
function oneKnownObject(state: ExportedState, objects: readonly StateResource[]): readonly StateResource[] {
  if (objects.length === 0) return [];
  return resourcesOf(state)
    .filter((known) => known.custom && known.type.startsWith("kubernetes:") && isCurrent(known))
    .filter((known) => !objects.includes(known))
    .slice(0, 1);
}

/** Refreshes objects from the cluster. With `--preview-only` the state stays unchanged. */
async function readCluster(
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
      `${error.message}\nNothing is lost. Fix this, then run \`npx authority recover --stack ${stack}\` again.`,
    );
  }
}

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
