import { objectNameOf } from "./object-name";
import { isMapping, textAt, valueAt } from "./report";
import type { StackFile } from "./stack-file";
import { settingsOf } from "./structure";

/** What a tenant's entry in a stack file decides, without a check of the entry: it may be one of long ago. */
export interface DecidedEntry {
  readonly tenant: string;
  /** The name of its objects in the cluster, which it keeps when it is renamed. */
  readonly object: string;
  readonly tag?: string;
  readonly digest?: string;
  /** What `policy.pin` holds. */
  readonly pin?: unknown;
  /** What `policy.hold` holds. */
  readonly hold?: unknown;
  /** The versions that `policy.deny` holds. */
  readonly deny: readonly string[];
}

/** The entries of all tenants of a stack file. */
export function decidedEntries(file: StackFile): DecidedEntry[] {
  const { tenants } = settingsOf(file);
  return Object.entries(isMapping(tenants) ? tenants : {}).map(([tenant, entry]) => {
    const denied = valueAt(entry, ["policy", "deny"]);
    return {
      tenant,
      object: objectNameOf(tenant, entry),
      tag: textAt(entry, "tag"),
      digest: textAt(entry, "digest"),
      pin: valueAt(entry, ["policy", "pin"]),
      hold: valueAt(entry, ["policy", "hold"]),
      deny: Array.isArray(denied) ? denied.filter((version) => typeof version === "string") : [],
    };
  });
}
