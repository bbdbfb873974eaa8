import { join } from "node:path";
import { fluxForm } from "../config/flux-form";
import { LineEnds } from "../config/line-ends";
import { readConfigFiles } from "../config/stack-file";
import { type ExitCode, exitCode } from "./exit-code";
import { requireAnyStack } from "./project";
import type { Session } from "./session";

/** Options of `authority format`. */
export interface FormatOptions {
  readonly stack?: string;
}

/** Writes stack files in the form in which Flux writes them, so that its commits change versions only. */
export async function format(options: FormatOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const { default: writeFileAtomic } = await import("write-file-atomic");
  let code: ExitCode = exitCode.fine;
  const stacks = options.stack === undefined ? requireAnyStack(root) : [options.stack];
  for (const { path, text, form } of stacks.map((stack) => readForm(root, stack))) {
    if (form === undefined) {
      terminal.log(`${path}: not written: ${noForm}`);
      code = exitCode.badInput;
    } else if (form === text) {
      terminal.print(`${path}: unchanged`);
    } else {
      await writeFileAtomic(join(root, path), form);
      terminal.print(`${path}: written`);
    }
  }
  return code;
}

/**
 * What Flux's next commit would change in a stack file beside versions, in one sentence; nothing if it changes nothing
 * else, or if Flux does not write the file.
 */
export function fluxNotice(root: string, stack: string): string | undefined {
  const { path, text, form } = readForm(root, stack);
  if (!text.includes('"$imagepolicy"') || form === text) return undefined;
  const title = `${path}: Flux writes the whole file anew when it promotes a release`;
  if (form === undefined) return `${title}, and ${noForm}`;
  const formed = form.split("\n");
  const line = text.split("\n").findIndex((one, index) => one !== formed[index]) + 1;
  const what = text.includes("\r\n")
    ? "all line ends, which are CRLF"
    : `the layout, such as spacing or quotes, first in line ${line}`;
  return `${title}, so its next commit also changes ${what}. To write that form yourself, run \`npx authority format --stack ${stack}\` and commit the file.`;
}

const noForm = "a value ends in blank lines, which Flux changes with each commit; write it in quotes.";

function readForm(root: string, stack: string): { path: string; text: string; form: string | undefined } {
  const { path, text } = readConfigFiles(root, stack).stack;
  // Where Git converts line ends, Flux finds LF.
  const committed = new LineEnds(root, path).asCommitted(path, text);
  const form = fluxForm(committed);
  return { path, text, form: form === committed ? text : form };
}
