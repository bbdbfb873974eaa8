import { objectNameOf } from "../config/object-name";
import { type Settings, valueAt } from "../config/report";
import { type ExportedState, exportState } from "./engine-state";
import { InputError } from "./input-error";
import { PulumiError } from "./pulumi-error";

/** How long the engine has to answer; nothing depends on it. */
const patienceMs = 15_000;

/**
 * What each tenant of a stack ran after the last deploy, by its name in the cluster, from the stack's outputs. Nothing if
 * the engine cannot tell: it is missing, not signed in, or does not know the stack.
 */
export async function readLastDeploy(root: string, stack: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    return lastDeployOf(await exportState(root, stack, patienceMs));
  } catch (error) {
    if (error instanceof PulumiError || error instanceof InputError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The same from the engine's state. */
export function lastDeployOf({ deployment: { resources = [] } }: ExportedState): ReadonlyMap<string, string> {
  const { outputs } = resources.find(({ type }) => type === "pulumi:pulumi:Stack") ?? {};
  const tenants = Object.entries((outputs as { tenants?: Settings } | undefined)?.tenants ?? {});
  return new Map(
    tenants.flatMap(([name, output]) => {
      const version = valueAt(output, ["version"]);
      return typeof version === "string" ? [[objectNameOf(name, output), version] as const] : [];
    }),
  );
}
