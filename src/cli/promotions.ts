import { printable } from "../config/printable";
import { stackConfigOf } from "../config/read-stack-config";
import type { ConfigRepository, StackConfig } from "../config/stack-config";
import { parseStackFile, readConfigFiles, type StackFile } from "../config/stack-file";
import { lockFile, readLock } from "../release/lock";
import { backsFrom } from "../release/taken-back";
import { withScratchFolder } from "../release/scratch-folder";
import type { GitHost } from "../git-host/git-host";
import { countOf } from "../config/count";
import { type ExitCode, exitCode } from "./exit-code";
import { gitHostOf } from "./git-host";
import { InputError } from "./input-error";
import { readTagStacks } from "./lock";
import { readStacks } from "./project";
import * as branches from "./promotion-branch";
import { type PromotionIssue, tellBroken } from "./promotion-issue";
import { type PromotionPullRequest, PromotionPullRequests } from "./promotion-pull-requests";
import { PromotionRepository } from "./promotion-repository";
import { Session } from "./session";
import { table } from "./table";
import {
  type BlockedVersion,
  type MainBranch,
  takenBackText,
  TenantBranches,
  type TenantPromotion,
  updateOf,
} from "./tenant-branches";

/** Options of `authority promotions`. */
export interface PromotionsOptions {
  readonly stack?: string;
  readonly push?: boolean;
  readonly pullRequests?: boolean;
  readonly json?: boolean;
}

/** The promotions of one stack. */
export interface StackPromotions {
  readonly stack: string;
  /** The main branch, and the commit that the branches begin at. */
  readonly base: { readonly branch: string; readonly commit: string };
  /** The branch that Flux commits to. `stale`: it has another stack file than the main branch, and is deleted. */
  readonly flux: {
    readonly branch: string;
    readonly commit: string | null;
    readonly state: "absent" | "current" | "stale" | "edited";
    readonly deleted: boolean;
    /** Why it is not deleted, if the Git host refuses that. */
    readonly reason: string | null;
  };
  readonly promotions: readonly TenantPromotion[];
  /** Only with `--pull-requests`. */
  readonly pullRequests?: readonly PromotionPullRequest[];
  /** The issue about releases that break the promise. `null`: there is none. Only with `--pull-requests`. */
  readonly issue?: PromotionIssue | null;
}

/** Makes a branch for each tenant with a release that Flux has found, on the main branch. */
export async function promotions(options: PromotionsOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const configs = readStacks(root, options.stack).filter(isProposing);
  if (configs.length === 0 && options.stack !== undefined) {
    throw new InputError(
      `The stack ${options.stack} has no promotion branches: it needs \`follow: tags\` and a \`configRepository\`.`,
    );
  }
  if (options.pullRequests === true && options.push !== true) {
    throw new InputError("`--pull-requests` opens pull requests of pushed branches. Add `--push`.");
  }
  const host = options.pullRequests === true ? gitHostOf(session) : undefined;
  const stacks: StackPromotions[] = [];
  for (const config of configs) stacks.push(await stackPromotions(config, options, host, session));
  terminal.done();
  const all = stacks.flatMap((stack) => stack.promotions);
  if (options.json === true) terminal.printJson({ stacks });
  else print(stacks, options, session);
  const isRefused =
    options.push === true &&
    (all.some(({ pushed, state }) => !pushed && state !== "blocked") || stacks.some((stack) => isHostRefusing(stack)));
  // What the Git host shows of a release is not a failure of the run. That nobody can judge a release is.
  const isUntold = ({ cause }: BlockedVersion) => host === undefined || cause === "unread";
  return isRefused || all.some(({ blocked }) => blocked.some(isUntold)) ? exitCode.blocked : exitCode.fine;
}

function isHostRefusing({ pullRequests = [], issue }: StackPromotions): boolean {
  return issue?.state === "failed" || pullRequests.some(({ state }) => state === "failed");
}

type ProposingConfig = StackConfig & { readonly configRepository: ConfigRepository };

function isProposing(config: StackConfig): config is ProposingConfig {
  return config.follow === "tags" && config.configRepository !== undefined;
}

async function stackPromotions(
  config: ProposingConfig,
  { push }: PromotionsOptions,
  host: GitHost | undefined,
  session: Session,
): Promise<StackPromotions> {
  const { stack, configRepository } = config;
  const repository = await PromotionRepository.open(config);
  const { branch, promotionBranch, author } = configRepository;
  const folder = branches.branchFolder(stack, repository.folder, configRepository);
  session.terminal.step(`reading the branches of ${configRepository.url}`);
  const found = await repository.branches([branch, promotionBranch, `${folder}/*`]);
  const base = found.get(branch);
  if (base === undefined) throw new InputError(`There is no branch ${branch} in ${configRepository.url}.`);
  await repository.fetch(found);
  const isTenants = ([name]: readonly [string, string]) => name.startsWith(`${folder}/`);
  const tips = await repository.tips(new Map([...found].filter(isTenants)));
  return withScratchFolder("authority-promotions-", async (scratch) => {
    const main = await readMain(stack, base, repository, scratch, session);
    const fluxCommit = found.get(promotionBranch);
    const fluxFile = await readFluxFile(main, fluxCommit, repository);
    const work = new TenantBranches(repository, main, { folder, tips, author, scratch }, session);
    const promotions = await work.all(fluxFile, (tenants) => backsFrom(config, tenants, base));
    const state = await fluxState(main, fluxCommit, fluxFile, author, repository);
    const pullRequests = host && (await PromotionPullRequests.read(host, branch, folder, session.terminal));
    // An approval of the version before must not count for the next one, so its pull request goes before the branch moves.
    const unclosed = (await pullRequests?.closeOld(promotions)) ?? new Map<string, string>();
    const updates = [
      ...promotions.filter((one) => !unclosed.has(one.branch)).flatMap((one) => updateOf(one, tips)),
      ...(state === "stale" ? [{ branch: promotionBranch, from: fluxCommit }] : []),
    ];
    if (push === true && updates.length > 0)
      session.terminal.step(`pushing ${countOf(updates.length, "branch", "branches")}`);
    const refused = new Map([...unclosed, ...(push === true ? await repository.push(updates) : [])]);
    const results = promotions.map((one) => ({
      ...one,
      pushed: !refused.has(one.branch) && (push === true || updateOf(one, tips).length === 0),
      reason: refused.get(one.branch) ?? one.reason,
    }));
    const result = {
      stack,
      base: { branch, commit: base },
      flux: {
        ...{ branch: promotionBranch, commit: fluxCommit ?? null, state },
        deleted: push === true && state === "stale" && !refused.has(promotionBranch),
        reason: refused.get(promotionBranch) ?? null,
      },
      promotions: results,
    };
    if (host === undefined || pullRequests === undefined) return result;
    const opened = await pullRequests.openNew(results);
    return { ...result, pullRequests: opened, issue: (await tellBroken(host, stack, results)) ?? null };
  });
}

async function readMain(
  stack: string,
  commit: string,
  repository: PromotionRepository,
  scratch: string,
  session: Session,
): Promise<MainBranch> {
  const root = await repository.checkout(commit, scratch);
  const main = new Session(root, session.terminal);
  const read = readConfigFiles(root, stack);
  // As Git stores it, whatever line ends the checkout has.
  const text = (await repository.file(commit, read.stack.path)) ?? read.stack.text;
  const files = { ...read, stack: parseStackFile(stack, text) };
  let stacks: readonly StackConfig[] | undefined;
  return {
    commit,
    files,
    config: stackConfigOf(files),
    sources: {
      lock: readLock(root),
      reader: session.reader(),
      stacks: () => (stacks ??= readTagStacks(stack, main)),
    },
    lockText: (await repository.file(commit, lockFile)) ?? "",
  };
}

async function readFluxFile(
  { files }: MainBranch,
  commit: string | undefined,
  repository: PromotionRepository,
): Promise<StackFile | undefined> {
  if (commit === undefined) return undefined;
  return branches.fluxFileOf(files.stack.stack, await repository.file(commit, files.stack.path));
}

async function fluxState(
  { commit: base, files }: MainBranch,
  commit: string | undefined,
  file: StackFile | undefined,
  author: ConfigRepository["author"],
  repository: PromotionRepository,
): Promise<StackPromotions["flux"]["state"]> {
  if (commit === undefined) return "absent";
  if (!branches.isStale(files.stack, file)) return "current";
  return (await repository.isOnlyBy(branches.personText(author), commit, base)) ? "stale" : "edited";
}

function staleText({ deleted, reason }: StackPromotions["flux"]): string {
  const what = deleted ? "was deleted" : reason === null ? "is to be deleted" : `could not be deleted (${reason})`;
  return `${what}: it lacks the main branch's stack file, and only automation has committed to it; Flux makes it again`;
}

function print(stacks: readonly StackPromotions[], { push }: PromotionsOptions, { terminal }: Session): void {
  const all = stacks.flatMap(({ promotions }) => promotions);
  const rows = all.map(({ stack, tenant, from, to, branch, state }) => [
    stack,
    tenant,
    from ?? "-",
    to ?? "-",
    branch,
    state,
  ]);
  terminal.print(
    rows.length === 0
      ? "Flux proposes no release."
      : table(["STACK", "TENANT", "FROM", "TO", "BRANCH", "STATE"], rows, terminal.colors),
  );
  const opened = stacks.flatMap(({ pullRequests = [] }) => pullRequests);
  if (opened.length > 0) {
    const shown = opened.map(({ branch, state, url }) => [branch, state, url ?? "-"]);
    terminal.print(`\n${table(["BRANCH", "PULL REQUEST", "ADDRESS"], shown, terminal.colors)}`);
  }
  const messages = all.flatMap(({ branch, reason, blocked, to, takenBack }) => [
    ...(takenBack === null ? [] : [`${branch}: ${takenBackText(to, takenBack)}`]),
    ...blocked.flatMap(({ reasons }) => reasons),
    ...(reason === null ? [] : [`${branch}: ${reason}`]),
  ]);
  for (const { flux } of stacks) {
    if (flux.state === "stale") messages.push(`${flux.branch}: ${staleText(flux)}`);
    if (flux.state === "edited")
      messages.push(
        `${flux.branch}: has an old stack file and commits of others; delete it, so that Flux makes it again`,
      );
  }
  for (const { branch, reason } of opened) if (reason !== null) messages.push(`${branch}: pull request: ${reason}`);
  const isPending = all.some(({ pushed, state }) => !pushed && state !== "blocked");
  for (const { stack, issue } of stacks) {
    if (issue?.state === "failed")
      messages.push(`the issue about broken releases for ${stack}: ${String(issue.reason)}`);
    else if (issue?.url) messages.push(`broken releases for ${stack}: ${issue.url} (${issue.state})`);
  }
  if (push !== true && isPending) messages.push("Nothing was pushed. `--push` pushes the branches.");
  if (messages.length > 0) terminal.log(messages.map(printable).join("\n"));
}
