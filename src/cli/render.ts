import { readStackConfig } from "../config/read-stack-config";
import { type RenderedFile, renderedFile } from "../manifests/rendered-file";
import type { KubernetesObject } from "../manifests/object";
import { readLock } from "../release/lock";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { requireStack } from "./project";
import { type AnyResolution, describeReasons, resolveStack, stackObjects } from "./releases";
import { RenderedFolder } from "./rendered-folder";
import type { Session } from "./session";
import { printable } from "./terminal";

/** Options of `authority render`. */
export interface RenderOptions {
  readonly stack?: string;
  /** The folder for the YAML. */
  readonly out: string;
}

/** Writes the objects of a stack as YAML, the same files that the engine writes; whole, or not at all. */
export async function render(options: RenderOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const config = readStackConfig({ root, stack: requireStack(root, "render", options.stack) });
  const folder = new RenderedFolder(session.path(options.out));
  const releases: AnyResolution[] = await resolveStack(config, readLock(root), session.reader());
  const reasons = releases.flatMap((release) => describeReasons(config.stack, release));
  if (reasons.length > 0) {
    terminal.log([...reasons.map(printable), "Nothing was written."].join("\n"));
    return exitCode.blocked;
  }
  const count = await folder.replace(files(stackObjects(config, releases)), (written) => {
    terminal.count(`writing ${options.out}: ${written} files`);
  });
  terminal.print(`${options.out}: ${count} ${count === 1 ? "object" : "objects"} of the stack ${config.stack}`);
  return exitCode.fine;
}

function* files(objects: Iterable<KubernetesObject>): Generator<RenderedFile> {
  for (const object of objects) {
    try {
      yield renderedFile(object);
    } catch (error) {
      const { name, namespace = "" } = object.metadata;
      throw new InputError(
        `${object.kind} ${namespace}/${name} cannot be written as YAML: ${(error as Error).message}`,
      );
    }
  }
}
