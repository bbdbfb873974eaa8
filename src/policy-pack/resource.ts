import type { PolicyResourceOptions, ResourceValidationArgs } from "@pulumi/policy";
import { isProtected } from "../manifests/object";
import { textAt } from "./field";

/** A resource as the engine, or `authority check`, passes it to a policy. */
export interface Resource extends Pick<ResourceValidationArgs, "type" | "props" | "urn" | "name" | "provider"> {
  readonly opts: Pick<PolicyResourceOptions, "ignoreChanges" | "aliases" | "deleteBeforeReplace" | "protect">;
}

/** The type that the SDK gives an object. */
export function typeOf(apiVersion: string, kind: string): string {
  return `kubernetes:${apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`}:${kind}`;
}

/** The provider treats a resource of another type than its object's, such as a patch or a list, differently. */
export function typeFaults({ type, props }: Resource): string[] {
  const [apiVersion, kind] = [textAt(props, "apiVersion"), textAt(props, "kind")];
  if (apiVersion === undefined) return ["it has no `apiVersion`, so nobody can judge it"];
  if (kind === undefined) return ["it has no `kind`, so nobody can judge it"];
  const expected = typeOf(apiVersion, kind);
  return type === expected ? [] : [`its type is ${type}, must be ${expected}`];
}

/**
 * Options by which the engine applies something else than the inputs, takes over another object's state, or deletes what
 * only a declaration may delete.
 */
export function optionFaults({ type, name, opts, props }: Resource): string[] {
  const { ignoreChanges, aliases, deleteBeforeReplace, protect } = opts;
  const kind = type.slice(type.lastIndexOf(":"));
  // The SDK knows its kinds by the types of their earlier versions.
  const foreign = aliases.filter((alias) => !alias.includes(`${kind}::`) || !alias.endsWith(`::${name}`));
  return [
    ...(ignoreChanges.length === 0 ? [] : [`its \`ignoreChanges\` keep ${ignoreChanges.join(", ")} as it was`]),
    ...foreign.map((alias) => `its alias ${alias} takes over another object`),
    ...(deleteBeforeReplace === true ? ["its `deleteBeforeReplace` removes the object before there is another"] : []),
    ...(isProtected({ kind: textAt(props, "kind") ?? "" }) && !protect
      ? ["its `protect` is off, so a later run could delete it, and what runs with it"]
      : []),
  ];
}
