import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { isInnerPath } from "../config/address";
import { type Place, type Removal, removalsOf, undeclaredRemovals } from "../config/removal";
import type { StackConfig } from "../config/stack-config";
import { objectNameOf } from "../config/object-name";
import { describeProblem, ProblemsError } from "../config/problem";
import { isMapping, valueAt } from "../config/report";
import { defaultAuthorityNamespace } from "../config/built-in-defaults";
import { listStacks, parseStackFile, stackFilePath, stacksOf } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import { type BranchHistory, remoteBranch } from "../program/push-before-deploy";
import { GitError } from "../release/git-command";

/** What this work tree removes from the branch that decides, as its Git host has it. */
export interface TipRemovals {
  readonly removals: readonly Removal[];
  /** Why they may not be merged, line by line. */
  readonly reasons: readonly string[];
  /** Why nothing was compared, in one sentence. */
  readonly uncompared?: string;
}

/**
 * Compares the tenants of a stack file with those at the tip of the branch that decides: `configRepository.branch`, or
 * the default branch of the clone's remote. A place that this work tree has not changed is not a removal: others have added
 * or moved its tenant after this work tree's commit.
 */
export async function tipRemovals(config: StackConfig): Promise<TipRemovals> {
  try {
    const found = await fetchTip(config);
    if (typeof found === "string") return uncompared(found);
    const { branch, tip } = found;
    const removals = await removalsSince(config, branch, tip);
    const left = await leftFolder(config, branch, tip, config);
    return { removals, reasons: [...undeclaredRemovals(config, removals), ...left] };
  } catch (error) {
    if (error instanceof GitError) return uncompared(error.message);
    if (error instanceof ProblemsError) {
      const [first = ""] = error.problems.map(describeProblem);
      return uncompared(`at the tip of the branch that decides: ${first}`);
    }
    throw error;
  }
}

/** The branch that decides and its last commit, which is in this clone afterwards; or why there is none, in a sentence. */
async function fetchTip(config: StackConfig): Promise<{ branch: BranchHistory; tip: string } | string> {
  const branch = await remoteBranch(config);
  if (branch === undefined) return "this clone has no remote";
  const tip = await branch.tip();
  if (tip === undefined) return `there is no branch ${branch.branch} in ${branch.remote}`;
  await branch.fetch(tip);
  return { branch, tip };
}

/**
 * Why the folders may not be changed that removed stacks render into at the tip.
 *
 * @param configs all stacks that are left
 */
export async function removedStackReasons(configs: readonly StackConfig[]): Promise<string[]> {
  const [first] = configs;
  if (first === undefined) return [];
  try {
    const found = await fetchTip(first);
    if (typeof found === "string") return [];
    const { branch, tip } = found;
    const here = new Set(listStacks(first.root));
    const gone = stacksOf(await branch.names(tip)).filter((stack) => !here.has(stack));
    const reasons = gone.map((stack) =>
      leftFolder({ root: first.root, stack, file: stackFilePath(stack) }, branch, tip, ...configs),
    );
    return (await Promise.all(reasons)).flat();
  } catch (error) {
    // `tipRemovals` says that nothing could be compared.
    if (error instanceof GitError || error instanceof ProblemsError) return [];
    throw error;
  }
}

/**
 * Why the folder that a stack renders into at the tip may not be changed: Flux applies it, and nobody judges it any more.
 *
 * @param configs the stacks that may render into it now
 */
async function leftFolder(
  { root, stack, file }: Pick<StackConfig, "root" | "stack" | "file">,
  branch: BranchHistory,
  tip: string,
  ...configs: readonly StackConfig[]
): Promise<string[]> {
  const before = settingsOf(parseStackFile(stack, (await branch.file(tip, file)) ?? "")).delivery;
  const folder = valueAt(before, ["manifests"]);
  if (typeof folder !== "string" || !isInnerPath(folder) || !existsSync(resolve(root, folder))) return [];
  const isJudged = ({ delivery }: StackConfig) =>
    delivery.kind === "manifests" && resolve(root, delivery.directory) === resolve(root, folder);
  if (configs.some(isJudged)) return [];
  const base = (await branch.mergeBase(tip)) ?? tip;
  if ((await branch.changedFiles(base, "HEAD", [folder])).length === 0) return [];
  const fix = "Restore it, or remove all of it; change nothing in it before Flux reads from the new place.";
  return [
    `${folder}: it is changed, but ${file} no longer renders into it, so nobody judges what Flux applies. ${fix}`,
  ];
}

function uncompared(reason: string): TipRemovals {
  return { removals: [], reasons: [], uncompared: reason };
}

async function removalsSince(config: StackConfig, branch: BranchHistory, tip: string): Promise<Removal[]> {
  const at = async (commit: string) => placesOfFile(config.stack, (await branch.file(commit, config.file)) ?? "");
  const places = await at(tip);
  const base = await branch.mergeBase(tip);
  const before = base === undefined || base === tip ? places : await at(base);
  const changed = new Set(removalsOf(config, before).map(({ tenant }) => tenant));
  return removalsOf(config, places).filter(({ tenant }) => changed.has(tenant));
}

/** Reads no more than the places, because another version of this program may have written the rest. */
function placesOfFile(stack: string, text: string): Place[] {
  const { tenants, authorityNamespace = defaultAuthorityNamespace } = settingsOf(parseStackFile(stack, text));
  return Object.entries(isMapping(tenants) ? tenants : {}).map(([name, entry]) => {
    const tenant = objectNameOf(name, entry);
    const namespace = valueAt(entry, ["namespace"]);
    return {
      tenant,
      namespace: typeof namespace === "string" ? namespace : tenant,
      ...(typeof authorityNamespace === "string" && { authorityNamespace }),
    };
  });
}

/** A tenant, or a namespace that it has left, that is to be deleted. A missing fact is `null`. */
export interface PlannedRemoval {
  readonly tenant: string;
  readonly namespace: string | null;
  /** `null` if the stack file does not declare it: then nothing is deployed. */
  readonly by: string | null;
  readonly reason: string | null;
}

/**
 * What this work tree removes without a declaration, and what the stack file declares.
 *
 * @param offline whether only the stack file is read
 */
export async function plannedRemovals(config: StackConfig, offline: boolean): Promise<PlannedRemoval[]> {
  const { removals } = offline ? { removals: [] } : await tipRemovals(config);
  const undeclared = removals.filter(({ kind, declared }) => kind !== "reinstalled" && declared === undefined);
  return [
    ...undeclared.map(({ tenant, namespace }) => ({ tenant, namespace: namespace ?? null, by: null, reason: null })),
    ...Object.entries(config.removed ?? {}).map(([tenant, declared]) => ({ tenant, ...declared })),
  ];
}
