import { automationBounded } from "./automation-bounded";
import { evidenceVerified } from "./evidence-verified";
import type { Policy } from "./gate";
import { noSecretsInValues } from "./no-secrets-in-values";
import { pinNotExpired } from "./pin-not-expired";
import { productionFollowsTags } from "./production-follows-tags";
import { releaseSynced } from "./release-synced";
import { tenantIsolation } from "./tenant-isolation";
import { valuesContentAddressed } from "./values-content-addressed";

/** Every policy of the pack, the weightiest first. */
export const policies: Policy[] = [
  releaseSynced,
  productionFollowsTags,
  evidenceVerified,
  valuesContentAddressed,
  noSecretsInValues,
  tenantIsolation,
  automationBounded,
  pinNotExpired,
];
