import type { Tenant } from "../config/stack-config";
import { notAllowed } from "../version/range";
import { definePolicy } from "./define-policy";

/** If the stack follows tags, nothing may run that its policy does not allow, nor be kept for a rollback. */
export const productionFollowsTags = definePolicy(
  {
    name: "production-follows-tags",
    displayName: "Production follows releases",
    description: "Where the stack follows tags, each source is a release that the tenant's policy allows.",
    severity: "critical",
    enforcementLevel: "mandatory",
  },
  ({ carried }) => (carried?.kind === "tags" ? versionFaults(carried.tenant, carried.evidence.version) : []),
);

function versionFaults({ name, policy }: Tenant, version: string): string[] {
  const fault = notAllowed(policy, version);
  const instead = "`authority status` shows the newest one that is allowed";
  return fault === undefined ? [] : [`the version ${version} ${fault}, for the tenant "${name}"; ${instead}`];
}
