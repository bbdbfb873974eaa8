/**
 * Flux's marker: the comment on a value's line by which the automation knows what to write there.
 * `tag: "6.15.0" # {"$imagepolicy": "flux-system:podinfo:tag"}`
 */
import type { StackFile } from "./stack-file";

const token = '"$imagepolicy"';

/** The marker that a tenant's field must carry for Flux to write it. */
export function markerFor(authorityNamespace: string, tenant: string, field: "tag" | "digest"): string {
  return `{"$imagepolicy": "${authorityNamespace}:${tenant}:${field}"}`;
}

/** A comment in which Flux would look for a marker. */
export interface Marker {
  /** The line that it stands on, 1-based. */
  readonly line: number;
  readonly column: number;
  /** `<namespace>:<name>:<field>`, or nothing when the comment cannot be read as a marker. */
  readonly target?: string;
  /** The comment without `#`. */
  readonly text: string;
}

/**
 * All markers of a stack file by line. A line that is commented out as a whole has none, unless the comment is the
 * marker itself: Flux takes that for a marker of the next value.
 */
export function markersOf(file: StackFile): ReadonlyMap<number, Marker> {
  const markers = new Map<number, Marker>();
  if (!file.text.includes(token)) return markers;
  for (const [index, line] of file.text.split("\n").entries()) {
    const tokenAt = line.indexOf(token);
    const hash = tokenAt === -1 ? -1 : line.lastIndexOf("#", tokenAt);
    if (hash === -1) continue;
    const commentedOut = /^\s*#/.test(line) && line.indexOf("#") !== hash;
    if (commentedOut) continue;
    const text = line.slice(hash + 1).trim();
    markers.set(index + 1, { line: index + 1, column: hash + 1, text, target: targetOf(text) });
  }
  return markers;
}

function targetOf(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const [[key, value] = [], ...others] = Object.entries(parsed);
    return key === "$imagepolicy" && typeof value === "string" && others.length === 0 ? value : undefined;
  } catch {
    return undefined;
  }
}
