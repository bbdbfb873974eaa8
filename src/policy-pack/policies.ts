import { decidedObjects } from "./decided-objects";
import type { Policy } from "./define-policy";
import { equalityPolicy } from "./equality";
import { evidenceVerified } from "./evidence-verified";
import { imagesDeclared } from "./images-declared";
import { exceptionsInUse, noSecretsInValues } from "./no-secrets-in-values";
import { notTakenBack } from "./not-taken-back";
import { pinNotExpired } from "./pin-not-expired";
import { productionFollowsTags } from "./production-follows-tags";

/** All policies of the pack. The first has the pack's settings. */
export const policies: Policy[] = [
  decidedObjects,
  equalityPolicy("release-synced"),
  productionFollowsTags,
  notTakenBack,
  evidenceVerified,
  equalityPolicy("values-content-addressed"),
  noSecretsInValues,
  imagesDeclared,
  equalityPolicy("tenant-isolation"),
  equalityPolicy("automation-bounded"),
  pinNotExpired,
  exceptionsInUse,
];
