import { readStackConfig } from "../config/read-stack-config";
import { removalsOf, undeclaredRemovals } from "../config/removal";
import { printable } from "../config/printable";
import { type RenderedFile, renderedFile } from "../manifests/rendered-file";
import { stackObjects } from "../manifests/stack-objects";
import { readLock } from "../release/lock";
import { type ResolvedStack, resolveStack, unlockedHint, unlockedReleases } from "../release/resolve";
import { countOf } from "./count";
import { type ExitCode, exitCode } from "./exit-code";
import { renderedPlaces } from "./places";
import { requireStack } from "./project";
import { describeStackReasons } from "./releases";
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
  const folder = new RenderedFolder(session.path(options.out));
  const removals = removalsOf(config, renderedPlaces(session.path(options.out), config));
  const undeclared = undeclaredRemovals(config, removals);
  if (undeclared.length > 0) {
    terminal.log([...undeclared.map(printable), "Nothing was written."].join("\n"));
    return exitCode.blocked;
  }
  const stack = await resolveStack(config, readLock(root), session.reader());
  const reasons = describeStackReasons(stack);
  if (reasons.length > 0) {
    terminal.log([...reasons.map(printable), "Nothing was written."].join("\n"));
    return exitCode.blocked;
  }
  const count = await folder.replace(renderedFiles(stack), (written) => {
    terminal.count(`writing ${options.out}: ${written} files`);
  });
  terminal.print(`${options.out}: ${countOf(count, "object")} of the stack ${config.stack}`);
  const hint = unlockedHint(config.stack, unlockedReleases(stack));
  if (hint !== undefined) terminal.log(hint);
  return exitCode.fine;
}

function* renderedFiles(stack: ResolvedStack): Generator<RenderedFile> {
  for (const { object } of stackObjects(stack)) yield renderedFile(object);
}
