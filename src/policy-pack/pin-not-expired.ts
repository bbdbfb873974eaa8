import type { Pin } from "../config/stack-config";
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
      if (!object.isFluxKind("HelmRelease")) return [];
      const day = today().toISOString().slice(0, 10);
      const { pin, hold } = tenant?.policy ?? {};
      const reasonOf = (name: "pin" | "hold", verb: string, entry: Pin | undefined): string[] => {
        if (entry?.until === undefined || entry.until >= day) return [];
        return [
          `the ${name} of "${object.name}" by ${entry.by} (${entry.reason}) was meant to hold until ${entry.until}. ` +
            `Fix: ${verb} the tenant (\`policy.${name}\` in the stack file), or give the ${name} a new \`until\``,
        ];
      };
      return [...(config.follow === "tags" ? reasonOf("pin", "unpin", pin) : []), ...reasonOf("hold", "resume", hold)];
    },
  );
}

/** Compares days in UTC. */
export const pinNotExpired = pinNotExpiredAt(() => new Date());
