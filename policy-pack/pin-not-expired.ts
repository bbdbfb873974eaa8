import { definePolicy } from "./gate";
import { tenantOf } from "./release-evidence";

/**
 * A pin whose day has passed is reported, and blocks nothing by default: the pinned version is still a release that
 * keeps the promise, and a day that passes must not stop the other tenants' deploys. That is why it is a policy apart
 * from `production-follows-tags`: a policy has one enforcement level.
 *
 * @param today gives the time of the judgement
 */
export function pinNotExpiredAt(today: () => Date) {
  return definePolicy(
    {
      name: "pin-not-expired",
      displayName: "No pin outlives its day",
      description: "A pinned tenant's pin has not passed the day until which it was meant to hold.",
      severity: "medium",
      enforcementLevel: "advisory",
      remediationSteps:
        "unpin the tenant (`policy.pin` in the stack file), or give the pin a new `until` and its reason.",
    },
    {
      applies: (object, context) => object.isFluxKind("HelmRelease") && context.config.follow === "tags",
      judge: (object, { config }) => {
        const tenant = tenantOf(object, config);
        const pin = tenant?.policy.pin;
        if (tenant === undefined || pin?.until === undefined || pin.until >= today().toISOString().slice(0, 10))
          return [];
        return [`the pin of "${tenant.name}" by ${pin.by} (${pin.reason}) was meant to hold until ${pin.until}`];
      },
    },
  );
}

/** Judged by the day in UTC. */
export const pinNotExpired = pinNotExpiredAt(() => new Date());
