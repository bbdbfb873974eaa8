import { type FSWatcher, watch as watchFolder } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { ProblemsError } from "../config/problem";
import { objectName } from "../config/object-name";
import { printableLines } from "../config/printable";
import { newStacks } from "./init-files";
import type { StackConfig, Tenant } from "../config/stack-config";
import { suggestion } from "../config/suggestion";
import { type DecisionHistory, decisionsOf } from "../release/decision-history";
import type { EvidenceReader } from "../release/evidence-reader";
import { GitError } from "../release/git-command";
import { readLock } from "../release/lock";
import { newestRelease } from "../release/newest-release";
import { takenBackReasons } from "../release/taken-back";
import { isDenied, notAllowed } from "../version/range";
import { compareVersions, isPrerelease, versionOfTag } from "../version/version";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { offlineReader } from "./offline-reader";
import { eachStack } from "./project";
import { renderedVersion } from "./rendered-version";
import { readRunningStack, type RunningStack } from "./running-stack";
import type { Session } from "./session";
import { BoundedReader, type SilentHost } from "./silent-hosts";
import { describeStatus, describeTenant } from "./status-text";
import { planTenants } from "./tenant-plan";
import { type NewerVersion, runningVersions, type TenantStatus, tenantStatus } from "./tenant-status";
import { watchedReader } from "./watched-reader";

/** Options of `authority status`. */
export interface StatusOptions {
  readonly stack?: string;
  readonly json?: boolean;
  /** Whether to use no network. */
  readonly offline?: boolean;
  /** Whether the history is read too. For one tenant it always is. */
  readonly history?: boolean;
  readonly watch?: boolean;
}

/** What `authority status --json` prints. */
export interface Status {
  /** In the order in which releases are promoted: dev, staging, prod, then the others by name. */
  readonly stacks: readonly StackStatus[];
  /** The Git hosts and registries that did not answer every question. */
  readonly silent: readonly SilentHost[];
}

/** One stack in `authority status --json`. */
export interface StackStatus extends Pick<StackConfig, "stack" | "follow"> {
  readonly delivery: StackConfig["delivery"]["kind"];
  /** Where the information on what runs comes from. */
  readonly runningFrom: RunningStack["source"];
  /** Why the cluster that the stack file names cannot be read; `null` if it can, or the file names none. */
  readonly clusterProblem: string | null;
  readonly tenants: readonly TenantStatus[];
}

/**
 * Shows for each tenant, all stacks side by side, what is decided, what runs, and why no newer release is decided.
 *
 * @param tenant only this one, in full
 * @returns fine; blocked if a cluster, a Git host or a registry did not answer
 */
export async function status(tenant: string | undefined, options: StatusOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const read = async () => {
    const found = await readStatus(tenant, options, session);
    terminal.done();
    const describe = tenant === undefined ? describeStatus : describeTenant;
    return { found, text: options.json === true ? undefined : describe(found, terminal.colors) };
  };
  if (options.watch === true) return watchText(async () => (await read()).text ?? "", session);
  const { found, text } = await read();
  if (text === undefined) terminal.printJson(found);
  else terminal.print(text);
  const isPartial = found.silent.length > 0 || found.stacks.some(({ clusterProblem }) => clusterProblem !== null);
  return isPartial ? exitCode.blocked : exitCode.fine;
}

async function readStatus(tenant: string | undefined, options: StatusOptions, session: Session): Promise<Status> {
  const { root, terminal } = session;
  const offline = options.offline === true;
  const withHistory = tenant !== undefined || options.history === true;
  const all: StackConfig[] = [];
  for (const config of eachStack(root, options.stack, { values: false })) {
    all.push(config);
    // Git lists the commits of one stack while the files of the next one are parsed.
    if (!withHistory) takenBackReasons(config).catch(() => undefined);
    await setImmediate();
  }
  const configs = ofTenant(all, tenant).sort(byPromotion);
  const lock = readLock(root);
  const bounded = offline ? undefined : new BoundedReader((reader) => watchedReader(reader, terminal));
  const reader = bounded?.reader ?? offlineReader;
  const today = new Date().toISOString().slice(0, 10);
  const local = configs.map(async (config) => ({
    config,
    running: offline ? ({ source: "unknown" } satisfies RunningStack) : await readRunningStack(config),
    // The whole history serves both.
    decisions: withHistory ? await knownDecisions(config) : undefined,
    takenBack: await takenBackReasons(config),
  }));
  const known = await Promise.all(local);
  bounded?.start();
  const stacks = known.map(async ({ config, running, decisions, takenBack }): Promise<StackStatus> => {
    const planned = await planTenants(config, { lock, reader, offline });
    const versions = runningVersions(config, running);
    const asked = offline ? [] : planned.map(({ release }) => inTime(newestRelease(release.tenant, lock, reader)));
    const newest = await Promise.all(asked);
    for (const [index, { planned: one, release }] of planned.entries()) {
      if (one.tag !== null && newest[index] === undefined) bounded?.newestIsUnknown(release.tenant);
    }
    const rejected = offline ? [] : planned.map(({ release }) => newerNotAllowed(config, release.tenant, reader));
    const newer = await Promise.all(rejected);
    const tenants = planned.map((one, index) =>
      tenantStatus({
        ...{ ...one, config, running, today, takenBack: takenBack.get(one.planned.tenant) },
        ...{ runningVersions: versions, newest: newest[index], newerNotAllowed: newer[index] ?? [] },
        decisions: decisions?.get(objectName(one.release.tenant)),
        rendered: renderedVersion(config, one.release.tenant),
      }),
    );
    return {
      ...{ stack: config.stack, follow: config.follow, delivery: config.delivery.kind },
      ...{ runningFrom: running.source, clusterProblem: running.problem ?? null },
      tenants,
    };
  });
  return { stacks: await Promise.all(stacks), silent: bounded?.silent ?? [] };
}

/** How long it may take to find the newest release; nothing depends on it. */
const newestMs = 20_000;

async function inTime<Result>(finding: Promise<Result>): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, newestMs, undefined)));
  try {
    return await Promise.race([finding, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Nothing outside of a repository. It takes a second for a thousand commits of the stack file. */
async function knownDecisions(config: StackConfig): Promise<DecisionHistory["decisions"] | undefined> {
  try {
    return (await decisionsOf(config)).decisions;
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}

/** @throws InputError if no stack has the tenant */
function ofTenant(configs: readonly StackConfig[], name: string | undefined): StackConfig[] {
  if (name === undefined) return [...configs];
  const found = configs.flatMap((config) => {
    const tenants = config.tenants.filter((tenant) => tenant.name === name);
    return tenants.length === 0 ? [] : [{ ...config, tenants }];
  });
  if (found.length > 0) return found;
  const names = new Set(configs.flatMap(({ tenants }) => tenants.map((tenant) => tenant.name)));
  throw new InputError(`No stack has a tenant ${JSON.stringify(name)}. ${suggestion(name, [...names])}`);
}

function byPromotion({ stack: one }: StackConfig, { stack: other }: StackConfig): number {
  const order: readonly string[] = newStacks;
  const rank = (stack: string) => (order.includes(stack) ? order.indexOf(stack) : order.length);
  return rank(one) - rank(other) || (one < other ? -1 : 1);
}

/** Nobody needs more of them. */
const mostNewer = 3;

/** What the registry has that is newer than the decided release, and that the policy does not allow; the newest first. */
async function newerNotAllowed(
  { follow }: StackConfig,
  tenant: Tenant,
  reader: EvidenceReader,
): Promise<readonly NewerVersion[]> {
  const { tag = "", prefix, policy } = tenant;
  const decided = versionOfTag(tag, prefix.image);
  if (follow !== "tags" || decided === undefined) return [];
  const any = { ...tenant, policy: { ...policy, range: ">=0.0.0-0", deny: [] } };
  // The plan has asked the same question, and its failure is noted.
  const versions = await reader.readAllowed(any).catch(() => []);
  return versions
    .filter((version) => compareVersions(version, decided) > 0)
    .flatMap((version) => {
      const reason = notAllowed(policy, version);
      const isAsked = !isPrerelease(version) || isDenied(policy.deny, version);
      return reason === undefined || !isAsked ? [] : [{ version, reason }];
    })
    .slice(0, mostNewer);
}

/** How often everything is read again. A change of the files is noticed at once. */
const watchMs = 30_000;

/** Prints what `read` returns whenever it has changed, until the process is interrupted. */
async function watchText(read: () => Promise<string>, { root, terminal }: Session): Promise<never> {
  let last: string | undefined;
  for (;;) {
    // Begins before the reading, so that no change is missed.
    const changed = nextChange(root);
    const text = await read().catch(textOfProblem);
    if (text !== last) terminal.redraw(text);
    last = text;
    await changed;
  }
}

/** Somebody may be in the middle of an edit. */
function textOfProblem(error: unknown): string {
  if (error instanceof ProblemsError || error instanceof InputError) return printableLines(error.message);
  throw error;
}

function nextChange(root: string): Promise<void> {
  return new Promise((resolve) => {
    let watcher: FSWatcher | undefined;
    const timer = setTimeout(done, watchMs);
    function done(): void {
      clearTimeout(timer);
      watcher?.close();
      resolve();
    }
    // Without a watch, as on some network drives or with too many of them, the timer remains.
    try {
      watcher = watchFolder(root, done).on("error", () => watcher?.close());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    }
  });
}
