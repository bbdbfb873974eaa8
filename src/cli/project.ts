import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StackConfig } from "../config/stack-config";
import type { Problem } from "../config/problem";
import { listStacks, readAllStackConfigs, readStackConfig } from "../config/read-stack-config";
import { InputError } from "./input-error";

/**
 * The project's folder: the nearest one, from here upwards, that holds `Pulumi.yaml`.
 *
 * @throws InputError where there is none
 */
export function findProject(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
    if (folder === dirname(folder)) {
      throw new InputError(
        `There is no Pulumi.yaml in ${from}, nor in any folder above it. ` +
          "Run this in the shared repository, or name its folder with `--cwd`.",
      );
    }
  }
}

/**
 * The fleet of the stack, or those of all stacks.
 *
 * @throws ProblemsError with everything that is wrong with any of them
 * @throws InputError where there is no stack at all
 */
export function readStacks(root: string, stack: string | undefined): StackConfig[] {
  if (stack !== undefined) return [readStackConfig({ root, stack })];
  requireAnyStack(root);
  return readAllStackConfigs(root);
}

/**
 * The names of all stacks. What looks at all of them must not pass in a folder that has none.
 *
 * @throws InputError where there is none
 */
export function requireAnyStack(root: string): string[] {
  const stacks = listStacks(root);
  if (stacks.length > 0) return stacks;
  throw new InputError(`There is no stack in ${root}; expected a file \`Pulumi.<stack>.yaml\`.`);
}

/**
 * The stack that a verb works on which works on one only.
 *
 * @throws InputError where none is named
 */
export function requireStack(root: string, verb: string, stack: string | undefined): string {
  if (stack !== undefined) return stack;
  throw new InputError(
    `\`authority ${verb}\` works on one stack; name it with \`--stack\`. There are: ${requireAnyStack(root).join(", ")}.`,
  );
}

/** `3 problems in the files`, the last line under them. */
export function countProblems(problems: readonly Problem[]): string {
  return `${problems.length} ${problems.length === 1 ? "problem" : "problems"} in the files`;
}
