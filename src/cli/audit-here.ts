import { printable } from "../config/printable";
import { type ExitCode, exitCode } from "./exit-code";
import { inFolder, judgeChart, ownChart, ownPrefix, prefixText } from "./own-chart";
import { parsePrefix } from "./audit";
import type { Session } from "./session";

/** Options of `authority audit --here`. */
export interface AuditHereOptions {
  readonly chart?: string;
  readonly prefix?: string;
  readonly json?: boolean;
}

/**
 * Judges the chart of the repository that the command runs in: would its next tag keep the promise? Reads local files
 * only, so that it runs in any pull request.
 */
export async function auditHere(options: AuditHereOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const chart = await ownChart(options.chart, session);
  // A pipeline's clone often has no tags. Then the chart alone shows whether it is right without prefixes.
  const found = (await chart.git.run("rev-parse", "--is-shallow-repository")).trim() === "true" ? "" : undefined;
  const known = await ownPrefix(options.prefix ?? found, chart);
  const prefix = known?.prefix ?? parsePrefix("");
  const { version, chartVersion, appVersion, reasons } = await judgeChart(chart, prefix);
  const file = inFolder(chart.folder, "Chart.yaml");
  const nextTag = version === undefined ? null : prefix.git + version;
  if (options.json === true) {
    terminal.printJson({
      chart: chart.folder,
      prefix,
      chartVersion: chartVersion ?? null,
      appVersion: appVersion ?? null,
      nextTag,
      valid: reasons.length === 0,
      reasons,
    });
    return reasons.length === 0 ? exitCode.fine : exitCode.blocked;
  }
  const judged = `${file}, with the prefixes ${prefixText(prefix)}${known?.tag === undefined ? "" : ` of the tag ${known.tag}`}`;
  if (reasons.length === 0) {
    terminal.print(printable(`The tag ${nextTag ?? ""} would keep the promise: ${judged}.`));
    return exitCode.fine;
  }
  terminal.print(
    [`The next tag would break the promise: ${judged}.`, ...reasons.map((reason) => `  - ${reason}`)]
      .map(printable)
      .join("\n"),
  );
  terminal.log(
    "`npx shared-authority release <version>` sets version, appVersion and image.tag. `--prefix` says which prefixes they have.",
  );
  return exitCode.blocked;
}
