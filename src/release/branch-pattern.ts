/**
 * Whether a pattern of `releasedFrom` matches the branch. `*` matches any characters but `/`, `**` any characters, `?`
 * one character but `/`; everything else matches itself, case-sensitively. `release/*` matches `release/1.x`, but not
 * `release/old/1.x`.
 */
export function branchMatches(pattern: string, branch: string): boolean {
  const source = pattern.replace(
    /\*\*|[\s\S]/g,
    (part) => wildcards[part] ?? part.replace(/[\\^$.|+()[\]{}/-]/, "\\$&"),
  );
  return new RegExp(`^${source}$`).test(branch);
}

const wildcards: Readonly<Record<string, string>> = { "**": ".*", "*": "[^/]*", "?": "[^/]" };
