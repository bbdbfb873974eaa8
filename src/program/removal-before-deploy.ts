import { describeRemoval, type Removal, removalsOf, undeclaredRemovals } from "../config/removal";
import type { StackConfig } from "../config/stack-config";
import { type LastOutputs, readLastOutput } from "./previous-release";
import { removedByAuthority } from "./skipped-tenants";

/**
 * Why this run must not go on: it would delete what was deployed last, which the stack file does not declare, or which
 * only `authority up` deletes in the right order.
 */
export async function removalReasons(
  config: StackConfig,
  last: LastOutputs,
): Promise<{ readonly title: string; readonly reasons: readonly string[] }> {
  const { file, stack } = config;
  const carriedOut = await removedByAuthority(stack);
  const isPending = ({ tenant, namespace }: Removal) =>
    !carriedOut.some((one) => one.tenant === tenant && (namespace === undefined || one.namespace === namespace));
  const authorityNamespace = await readLastOutput(config, "authorityNamespace");
  const places = Object.entries(last).map(([tenant, { namespace }]) => ({
    ...{ tenant, namespace },
    ...(typeof authorityNamespace === "string" && { authorityNamespace }),
  }));
  const removals = removalsOf(config, places);
  const undeclared = undeclaredRemovals(config, removals);
  if (undeclared.length > 0) return { title: `Only what ${file} declares is deleted`, reasons: undeclared };
  const pending = removals.filter(isPending);
  return {
    title: "A tenant is removed by `authority up`, which deletes in the right order",
    reasons: [
      ...pending.map(describeRemoval),
      ...(pending.length === 0
        ? []
        : [`Run \`npx authority up --stack ${stack}\`. To see first what it deletes, add \`-- --preview-only\`.`]),
    ],
  };
}
