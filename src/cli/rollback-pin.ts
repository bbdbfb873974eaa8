import { printable } from "../config/printable";
import { objectName } from "../config/object-name";
import { valueAt } from "../config/report";
import type { Pin, StackConfig } from "../config/stack-config";
import { isDenied, parseRange, rangeAllows } from "../version/range";
import { isVersion } from "../version/version";
import type { StateResource } from "./engine-state";

/** The reason of the pin that a rollback writes. It names the version that Flux must not write again. */
export function rollbackReason(version: string, reason: string): string {
  return `rollback from ${version}: ${reason}`;
}

/** The version from which a rollback went back, if the pin is that of a rollback. */
export function rolledBackFrom({ reason }: Pin): string | undefined {
  const version = /^rollback from (\S+): /.exec(reason)?.[1];
  return version !== undefined && isVersion(version) ? version : undefined;
}

/** Whether a rollback has pinned a tenant, and the version is denied since. */
export function hasRollbackPin({ tenants }: StackConfig): boolean {
  return tenants.some(({ policy: { pin, deny } }) => isDenied(deny, (pin && rolledBackFrom(pin)) ?? ""));
}

/**
 * For each pin of a rollback: that it may end, because the policy in the cluster excludes the version. Flux cannot
 * write it again.
 *
 * @param resources the engine's state after the `up`
 */
export function unpinOffers({ stack, tenants }: StackConfig, resources: readonly StateResource[]): string[] {
  return tenants.flatMap((tenant) => {
    const { name, policy } = tenant;
    const version = policy.pin && rolledBackFrom(policy.pin);
    const range = version === undefined ? undefined : rangeInCluster(objectName(tenant), resources);
    if (version === undefined || range === undefined || "error" in range || rangeAllows(range.range, version))
      return [];
    return [
      printable(
        `${name} has been pinned since the rollback from ${version}, and the cluster now denies that version: ` +
          `\`authority unpin ${name} --stack ${stack}\`, and the \`up\` after it, let Flux promote again.`,
      ),
    ];
  });
}

/** The range of a tenant's ImagePolicy, as the engine has applied it. */
function rangeInCluster(name: string, resources: readonly StateResource[]): ReturnType<typeof parseRange> | undefined {
  const policy = resources.find(
    ({ type, inputs, delete: isLeaving }) =>
      type.endsWith(":ImagePolicy") && inputs?.metadata?.name === name && isLeaving !== true,
  );
  const range = valueAt(policy?.inputs, ["spec", "policy", "semver", "range"]);
  return typeof range === "string" ? parseRange(range) : undefined;
}
