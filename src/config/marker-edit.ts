/**
 * A pin takes Flux's markers out of a tenant's lines and keeps their text in the comment, so that they can be restored
 * byte for byte: `# {"$imagepolicy": ...}` becomes `# pinned: {"imagepolicy": ...}`, which Flux does not read.
 */
import { isScalar } from "yaml";
import { entryAt, type StackFile } from "./stack-file";
import { type Splice, spliced } from "./tenant-edit";

const fields = ["tag", "digest"] as const;

/** A tenant's name in the stack file. */
type TenantName = string;

/** The file without the tenant's markers. */
export function withoutMarkers(file: StackFile, tenant: TenantName): StackFile {
  return editRests(file, tenant, (rest) =>
    rest.replace(/#(\s*\{\s*)"\$imagepolicy"/, (_, brace: string) => `# pinned:${brace}"imagepolicy"`),
  );
}

/**
 * The file with the tenant's markers: those that `withoutMarkers` took out, or new ones where the line has no comment.
 *
 * @param targetOf what the marker of a field names; nothing if Flux does not write the tenant, so that none belongs there
 */
export function withMarkers(
  file: StackFile,
  tenant: TenantName,
  targetOf: (field: string) => string | undefined,
): StackFile {
  return editRests(file, tenant, (rest, field) => {
    const target = targetOf(field);
    if (target === undefined) return rest.replace(/[ \t]*# pinned:\s*\{\s*"imagepolicy".*$/, "");
    const marker = `{"$imagepolicy": ${JSON.stringify(target)}}`;
    const restored = rest.replace(/# pinned:(\s*\{\s*)"imagepolicy"/, (_, brace: string) => `#${brace}"$imagepolicy"`);
    if (restored !== rest) {
      return restored.includes(JSON.stringify(target)) ? restored : restored.replace(/#.*$/, () => `# ${marker}`);
    }
    return rest.trim() === "" ? ` # ${marker}${rest}` : rest;
  });
}

/** Changes what follows the values of tag and digest on their lines. */
function editRests(file: StackFile, tenant: TenantName, edit: (rest: string, field: string) => string): StackFile {
  return fields.reduce((current, field) => {
    const node = entryAt(current, ["tenants", tenant, field])?.value;
    if (!isScalar(node) || node.range === undefined || node.range === null) return current;
    const start = node.range[1];
    const rest = /^[^\r\n]*/.exec(current.text.slice(start))?.[0] ?? "";
    const splice: Splice = { start, end: start + rest.length, by: edit(rest, field) };
    return splice.by === rest ? current : spliced(current, splice);
  }, file);
}
