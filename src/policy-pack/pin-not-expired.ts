import { definePolicy } from "./define-policy";

/**
 * Reports an expired pin. By default it does not block: the pinned version is still a release that keeps the promise,
 * and an expired date must not stop other tenants' deployments. It is separate from `production-follows-tags` because a
 * policy has one enforcement level.
 *
 * @param today the current time
 */
export function pinNotExpiredAt(today: () => Date) {
  return definePolicy(
    {
      name: "pin-not-expired",
      displayName: "No pin outlives its day",
      description: "A pinned tenant's pin has not passed the day until which it was meant to hold.",
      severity: "medium",
      enforcementLevel: "advisory",
    },
    ({ object, tenant }, { config }) => {
      const pin = tenant?.policy.pin;
      if (!object.isFluxKind("HelmRelease") || config.follow !== "tags" || pin?.until === undefined) return [];
      if (pin.until >= today().toISOString().slice(0, 10)) return [];
      return [
        `the pin of "${object.name}" by ${pin.by} (${pin.reason}) was meant to hold until ${pin.until}. ` +
          "Fix: unpin the tenant (`policy.pin` in the stack file), or give the pin a new `until`",
      ];
    },
  );
}

/** Compares days in UTC. */
export const pinNotExpired = pinNotExpiredAt(() => new Date());
