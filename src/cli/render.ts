import { readStackConfig } from "../config/read-stack-config";
import type { StackConfig } from "../config/stack-config";
import { removalsOf, undeclaredRemovals } from "../config/removal";
import { type RenderedFile, renderedFile } from "../manifests/rendered-file";
import { stackObjects } from "../manifests/stack-objects";
import { type Lock, readLock } from "../release/lock";
import { type ResolvedStack, resolveStack, unlockedHint, unlockedReleases } from "../release/resolve";
import { takenBackReasons } from "../release/taken-back";
import { countOf } from "../config/count";
import { type ExitCode, exitCode } from "./exit-code";
import { renderedPlaces } from "./places";
import { requireStack } from "./project";
import { describeStackReasons, refuseToWrite } from "./releases";
import { RenderedFolder } from "./rendered-folder";
import type { Session } from "./session";

/** Options of `authority render`. */
export interface RenderOptions {
  readonly stack?: string;
  /** The folder for the YAML. */
  readonly out: string;
}

/** Writes the objects of a stack as YAML, the same objects that the engine renders: all of them, or none. */
export async function render(options: RenderOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  session.requireOneVersion();
  const config = readStackConfig({ root, stack: requireStack(root, "render", options.stack) });
  const prepared = await prepareRender(config, readLock(root), session.path(options.out), session);
  if ("reasons" in prepared) return refuseToWrite(terminal, prepared.reasons);
  const count = await prepared.write();
  terminal.print(`${options.out}: ${countOf(count, "object")} of the stack ${config.stack}`);
  const hint = unlockedHint(config.stack, unlockedReleases(prepared.stack));
  if (hint !== undefined) terminal.log(hint);
  return exitCode.fine;
}

/** A render that may be written. */
export interface PreparedRender {
  readonly stack: ResolvedStack;
  /** Replaces the folder. Returns the number of objects. */
  readonly write: () => Promise<number>;
}

/**
 * Resolves a stack for a render into a folder, which is not changed yet.
 *
 * @param path the folder's absolute path
 * @param accepted the tenant whose version a person accepts with it, although it was taken back
 * @returns the reasons if nothing may be written
 * @throws InputError if the folder holds what is no render
 */
export async function prepareRender(
  config: StackConfig,
  lock: Lock,
  path: string,
  session: Session,
  accepted?: string,
): Promise<PreparedRender | { readonly reasons: readonly string[] }> {
  const folder = new RenderedFolder(path);
  const undeclared = undeclaredRemovals(config, removalsOf(config, renderedPlaces(path, config)));
  if (undeclared.length > 0) return { reasons: undeclared };
  const stack = await resolveStack(config, lock, session.reader());
  const takenBack = [...(await takenBackReasons(config))].filter(([tenant]) => tenant !== accepted);
  const reasons = [
    ...describeStackReasons(stack),
    ...takenBack.map(([tenant, reason]) => `${config.stack}/${tenant}: ${reason}`),
  ];
  if (reasons.length > 0) return { reasons };
  const onWritten = (count: number) => session.terminal.count(`writing ${path}: ${count} files`);
  return { stack, write: () => folder.replace(renderedFiles(stack), onWritten) };
}

function* renderedFiles(stack: ResolvedStack): Generator<RenderedFile> {
  for (const { object } of stackObjects(stack)) yield renderedFile(object);
}
