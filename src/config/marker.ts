/**
 * Flux's marker: the comment on a value's line that tells the automation what to write there.
 * `tag: "6.15.0" # {"$imagepolicy": "flux-system:podinfo:tag"}`
 */
import { isScalar } from "yaml";
import type { MergedTenant } from "./merge-tenant";
import { isMapping, type Report } from "./report";
import type { ParsedConfig } from "./parse-config";
import { isAutomated } from "./rules";
import { standstillOf } from "./stack-config";
import { entryAt, type StackFile } from "./stack-file";

/** A comment in which Flux looks for a marker. */
interface Marker {
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  /** `<namespace>:<name>:<field>`; absent where the comment is not a marker. */
  readonly target?: string;
  /** The comment without `#`. */
  readonly text: string;
}

/**
 * Flux writes every value that has its marker. So the values of an automated tenant need the markers, and nothing else
 * may have one.
 */
export function checkMarkers(report: Report, file: StackFile, { settings, tenants }: ParsedConfig): void {
  if (settings === undefined || report.has(["tenants"])) return;
  const markers = new Map(markersOf(file).map((marker) => [marker.line, marker]));
  const checked = new Map(tenants.map((tenant) => [tenant.name, tenant]));
  for (const name of isMapping(report.settings.tenants) ? Object.keys(report.settings.tenants) : []) {
    for (const field of ["tag", "digest"]) {
      const node = entryAt(file, ["tenants", name, field])?.value;
      if (!isScalar(node) || node.range === undefined || node.range === null) continue;
      // The comment is on the line on which the value ends.
      const { line } = file.lineCounter.linePos(node.range[1]);
      const tenant = checked.get(name);
      const target = `${settings.authorityNamespace}:${tenant?.settings.formerly ?? name}:${field}`;
      const [message, fix] = (tenant && markerProblem(tenant, target, markers.get(line))) ?? [];
      if (message !== undefined) report.add(["tenants", name, field], message, fix);
      markers.delete(line);
    }
  }
  for (const { line, column } of markers.values()) {
    const message =
      "Flux's marker is where Flux must not write; expected it only on the line of a tenant's `tag` or `digest`.";
    report.addProblem({
      file: file.path,
      line,
      column,
      message,
      fix: "Remove the comment, or give the value a line of its own.",
    });
  }
}

function markerProblem(tenant: MergedTenant, target: string, marker: Marker | undefined): string[] | undefined {
  const { name, settings } = tenant;
  const wanted = `{"$imagepolicy": "${target}"}`;
  if (standstillOf(settings.policy) !== undefined) {
    if (marker === undefined) return undefined;
    const is = settings.policy.pin === undefined ? "held" : "pinned";
    const message = `The tenant ${name} is ${is}, but carries Flux's marker: Flux would go on writing its version.`;
    return [message, "Remove the marker (the comment) from the line."];
  }
  if (!isAutomated(tenant)) {
    if (marker === undefined) return undefined;
    return [
      `The tenant ${name} has automation \`manual\`, but carries Flux's marker.`,
      "Remove the marker (the comment) from the line, or set `policy.automation` to `auto` or `pull-request`.",
    ];
  }
  if (marker === undefined) {
    const message = `Flux is to write this value of the tenant ${name}, but it carries no marker.`;
    return [message, `Put \`# ${wanted}\` after it, on the same line.`];
  }
  if (marker.target === target) return undefined;
  const message = `Expected the marker \`${wanted}\`, got \`${marker.text.slice(0, 120)}\`.`;
  return [message, "Each marker names its own tenant and field."];
}

/**
 * All markers of a stack file. A line that is commented out as a whole has none, unless the comment is the marker itself:
 * Flux treats that as a marker of the next value.
 */
function markersOf(file: StackFile): Marker[] {
  const token = '"$imagepolicy"';
  if (!file.text.includes(token)) return [];
  return file.text.split("\n").flatMap((line, index): Marker[] => {
    const tokenAt = line.indexOf(token);
    const hash = tokenAt === -1 ? -1 : line.lastIndexOf("#", tokenAt);
    if (hash === -1 || (/^\s*#/.test(line) && line.indexOf("#") !== hash)) return [];
    const text = line.slice(hash + 1).trim();
    return [{ line: index + 1, column: hash + 1, text, target: targetOf(text) }];
  });
}

function targetOf(text: string): string | undefined {
  try {
    const [[key, value] = [], ...others] = Object.entries(JSON.parse(text) as object);
    return key === "$imagepolicy" && typeof value === "string" && others.length === 0 ? value : undefined;
  } catch {
    return undefined;
  }
}
