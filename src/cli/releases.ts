import { printable } from "../config/printable";
import { reasonsWithHint, type ResolvedTenant } from "../release/resolve";
import { type ExitCode, exitCode } from "./exit-code";
import type { Terminal } from "./terminal";

/** Why a tenant may not run: a title with the names of stack and tenant, and one line for each reason and the hint. */
export function describeReasons(
  stack: string,
  tenant: string,
  resolved: Pick<ResolvedTenant, "source" | "reasons">,
): string[] {
  const { source, reasons } = resolved;
  if (reasons.length === 0) return [];
  const title = source === "none" ? "cannot be verified" : "the promise is broken";
  return [`${stack}/${tenant}: ${title}`, ...reasonsWithHint(stack, resolved).map((line) => `  - ${line}`)];
}

/** Says why a verb writes nothing, and returns its exit code. */
export function refuseToWrite(terminal: Terminal, reasons: readonly string[]): ExitCode {
  terminal.log([...reasons.map(printable), "Nothing was written."].join("\n"));
  return exitCode.blocked;
}
