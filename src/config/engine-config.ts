import { isDeepStrictEqual } from "node:util";
import type { Problem } from "./problem";
import { projectPrefix } from "./schema";
import { positionOf, type StackFile } from "./stack-file";
import { settingsOf } from "./structure";

/**
 * Compares the config that Pulumi gives the program with the stack file. They differ when somebody used
 * `pulumi up -c` or `--config-file`, or when `Pulumi.yaml` holds config of ours: then what would be deployed is not the
 * decision that the commit holds. No value is printed, since it may be a secret.
 *
 * @param file the stack file, which the commit holds
 * @param allConfig everything that the engine gives: texts, and JSON for mappings and lists
 * @returns one problem for each key that differs
 */
export function engineConfigProblems(file: StackFile, allConfig: Readonly<Record<string, string>>): Problem[] {
  const declared = new Map(Object.entries(settingsOf(file)).map(([key, value]) => [`${projectPrefix}:${key}`, value]));
  const given = new Map(Object.entries(allConfig).filter(([key]) => key.startsWith(`${projectPrefix}:`)));
  const keys = [...new Set([...declared.keys(), ...given.keys()])].sort();
  return keys.flatMap((key) => {
    const message = difference(declared.has(key), declared.get(key), given.get(key));
    if (message === undefined) return [];
    return [{ file: file.path, ...positionOf(file, [key], "key"), path: key, message, fix }];
  });
}

const fix =
  "Write the decision into the stack file and commit it; leave out `-c`, `--config` and `--config-file`, and keep keys of ours out of `Pulumi.yaml`.";

function difference(isDeclared: boolean, value: unknown, given: string | undefined): string | undefined {
  if (given === undefined) return "The engine does not have this key, but the stack file has it.";
  if (!isDeclared) return "The engine has this key, but the stack file does not.";
  return isSame(value, given) ? undefined : "The engine has another value for this key than the stack file.";
}

function isSame(value: unknown, given: string): boolean {
  if (typeof value === "string") return value === given;
  // Pulumi gives a key without value as an empty text.
  if (value === null) return given === "" || given === "null";
  try {
    return isDeepStrictEqual(JSON.parse(given), value);
  } catch {
    return false;
  }
}
