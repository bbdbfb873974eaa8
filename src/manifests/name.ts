import { createHash } from "node:crypto";

/** Every object of a tenant that has one carries this label; the automations select image policies by the next one. */
export const label = {
  tenant: "shared-authority/tenant",
  automation: "shared-authority/automation",
  stack: "shared-authority/stack",
} as const;

/**
 * The name of the source that holds one release: `podinfo-6.14.1`.
 *
 * The version stands in the name because a source that moves gives two upgrades, the first of them the old chart with
 * the new values; a source of its own for each version gives one. Kubernetes takes neither upper case nor more than
 * 253 characters, so a version such as `1.0.0-RC.1` is lower-cased and gets a hash that keeps it apart from `-rc.1`.
 */
export function sourceName(tenant: string, version: string): string {
  const plain = `${tenant}-${version}`;
  if (plain === plain.toLowerCase() && plain.length <= 253) return plain;
  const hash = createHash("sha256").update(plain).digest("hex").slice(0, 8);
  return `${plain.toLowerCase().slice(0, 253 - hash.length - 1)}-${hash}`;
}

/**
 * The name of the source that holds one commit of a branch: `podinfo-commit.dd507173b7b7`. The dot keeps it apart from
 * the source of a tenant that is called so.
 */
export function commitSourceName(tenant: string, commit: string): string {
  return `${tenant}-commit.${commit.slice(0, 12)}`;
}

/** The name of the ConfigMap of special config: `podinfo-values-857mh2h2h8`. */
export function valuesName(tenant: string, hash: string): string {
  return `${valuesNamePrefix(tenant)}${hash}`;
}

/** What stands before the hash in the name of a tenant's ConfigMap of special config. */
export function valuesNamePrefix(tenant: string): string {
  return `${tenant}-values-`;
}

/** The objects of a stack that belong to no tenant: `shared-authority-prod`, `shared-authority-prod-auto`. */
export function stackObjectName(stack: string, automation?: string): string {
  return ["shared-authority", stack, automation].filter((part) => part !== undefined).join("-");
}
