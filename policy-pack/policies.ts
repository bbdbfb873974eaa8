import { automationBounded } from "./automation-bounded";
import { evidenceVerified } from "./evidence-verified";
import type { Policy } from "./define-policy";
import { noSecretsInValues } from "./no-secrets-in-values";
import { pinNotExpired } from "./pin-not-expired";
import { productionFollowsTags } from "./production-follows-tags";
import { releaseSynced } from "./release-synced";
import { tenantIsolation } from "./tenant-isolation";
import { valuesContentAddressed } from "./values-content-addressed";

/** All policies of the pack, the most important first. */
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
