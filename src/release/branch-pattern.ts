/**
 * Whether a pattern of `releasedFrom` matches the branch. `*` matches any characters but `/`, `**` any characters, `?`
 * one character but `/`; everything else matches itself, case-sensitively. `release/*` matches `release/1.x`, but not
 * `release/old/1.x`. It takes time in proportion to both lengths: no pattern makes it try the branch again and again.
 */
export function branchMatches(pattern: string, branch: string): boolean {
  const parts = pattern.match(/\*\*|[^]/g) ?? [];
  // The positions in the pattern up to which it may match what was read of the branch.
  let reached = withSkipped(parts, new Set([0]));
  for (const character of branch.split("")) {
    const next = new Set<number>();
    for (const at of reached) {
      const part = parts[at];
      if (part === "**" || (part === "*" && character !== "/")) next.add(at);
      else if (part === character || (part === "?" && character !== "/")) next.add(at + 1);
    }
    reached = withSkipped(parts, next);
  }
  return reached.has(parts.length);
}

/** Adds the positions behind wildcards, which may match nothing. A set is iterated with what is added meanwhile. */
function withSkipped(parts: readonly string[], reached: Set<number>): Set<number> {
  for (const at of reached) if (parts[at]?.startsWith("*") === true) reached.add(at + 1);
  return reached;
}
