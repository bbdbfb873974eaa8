/**
 * Whether a branch is one that a pattern of `releasedFrom` names. `*` stands for any characters but `/`, `**` for any
 * characters at all, `?` for one character but `/`; everything else stands for itself, upper and lower case apart.
 * `release/*` names `release/1.x`, and not `release/old/1.x`.
 */
export function branchMatches(pattern: string, branch: string): boolean {
  const source = pattern.replace(
    /\*\*|[\s\S]/g,
    (part) => wildcards[part] ?? part.replace(/[\\^$.|+()[\]{}/-]/, "\\$&"),
  );
  return new RegExp(`^${source}$`).test(branch);
}

const wildcards: Readonly<Record<string, string>> = { "**": ".*", "*": "[^/]*", "?": "[^/]" };
