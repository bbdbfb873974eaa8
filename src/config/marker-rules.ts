import { markerFor, markersOf, type Marker } from "./marker";
import { ours, type Report } from "./report";
import { scalarAt, type ConfigPath } from "./stack-file";

/** What decides which markers a tenant's entry must carry. */
export interface MarkedTenant {
  readonly name: string;
  readonly automated: boolean;
  readonly pinned: boolean;
}

const fields = ["tag", "digest"] as const;

/**
 * Flux writes whatever carries its marker, and nothing else: so an automated tenant needs the markers, and nobody else
 * may have one. A suspended ImagePolicy is no pin; the automation goes on writing its last version.
 */
export function checkMarkers(report: Report, authorityNamespace: string, tenants: readonly MarkedTenant[]): void {
  const markers = new Map(markersOf(report.file));
  for (const tenant of tenants) {
    for (const field of fields) {
      const path = ["tenants", tenant.name, field];
      const line = lineOf(report, path);
      if (line === undefined) continue;
      const marker = markers.get(line);
      markers.delete(line);
      checkField(report, path, markerFor(authorityNamespace, tenant.name, field), marker, tenant);
    }
  }
  for (const marker of markers.values()) {
    report.addProblem({
      file: report.file.path,
      line: marker.line,
      column: marker.column,
      message:
        "A marker of Flux stands where Flux must not write; expected it only on the line of a tenant's `tag` or `digest`.",
      fix: "Remove the comment, or give the value a line of its own.",
    });
  }
}

function checkField(
  report: Report,
  path: ConfigPath,
  wanted: string,
  marker: Marker | undefined,
  { name, automated, pinned }: MarkedTenant,
): void {
  if (!automated || pinned) {
    if (marker === undefined) return;
    report.add(
      path,
      pinned
        ? `The tenant ${name} is pinned, but carries Flux's marker: Flux would go on writing its version.`
        : `The tenant ${name} has automation \`manual\`, but carries Flux's marker.`,
      pinned
        ? "Remove the marker (the comment) from the line."
        : "Remove the marker (the comment) from the line, or set `policy.automation` to `auto` or `pull-request`.",
    );
    return;
  }
  if (marker === undefined) {
    report.add(
      path,
      `The automation of the tenant ${name} is to write this value, but it carries no marker.`,
      `Put \`# ${wanted}\` after it, on the same line.`,
    );
    return;
  }
  const target = (JSON.parse(wanted) as { readonly $imagepolicy: string }).$imagepolicy;
  if (marker.target !== target) {
    report.add(
      path,
      `Expected the marker \`${wanted}\`, got \`${marker.text.slice(0, 120)}\`.`,
      "Each marker names its own tenant and field.",
    );
  }
}

/** The line on which the value ends: there its comment stands. */
function lineOf(report: Report, path: ConfigPath): number | undefined {
  const range = scalarAt(report.file, ours(path))?.range;
  if (range === undefined || range === null) return undefined;
  return report.file.lineCounter.linePos(range[1]).line;
}
