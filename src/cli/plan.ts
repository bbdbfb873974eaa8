import type { StackConfig, Tenant } from "../config/stack-config";
import type { EvidenceReader } from "../release/evidence-reader";
import { readLock } from "../release/lock";
import { type ExitCode, exitCode } from "./exit-code";
import { offlineReader } from "./offline-reader";
import { readStacks } from "./project";
import { type AnyResolution, describeReasons, resolveStack } from "./releases";
import type { Session } from "./session";
import { type Cell, table } from "./table";
import { type Colors, printable } from "./terminal";

/** Options of `authority plan`. */
export interface PlanOptions {
  readonly stack?: string;
  readonly json?: boolean;
  /** Whether the network is left alone. */
  readonly offline?: boolean;
}

/** What one tenant would run, and why. A fact that does not exist is `null`. */
export interface PlannedTenant {
  readonly tenant: string;
  /** Without prefix; where a branch is followed, the `version` of the chart at its head. */
  readonly version: string | null;
  /** The image tag; where a branch is followed, that of the commit whose image runs, and `null` where none is named. */
  readonly tag: string | null;
  /** The branch that is followed; `null` where releases are. */
  readonly branch: string | null;
  readonly commit: string | null;
  /** Where the evidence comes from. */
  readonly source: "lock" | "read" | "none";
  /** Whether the promise is kept; `null` where nobody looked, as with `--offline`. */
  readonly valid: boolean | null;
  /** Why it may not run, each in one sentence. */
  readonly reasons: readonly string[];
  readonly automation: Tenant["policy"]["automation"];
  readonly pinned: { readonly by: string; readonly reason: string; readonly until: string | null } | null;
  /** The newest version, or tag of a commit, in the registry that the policy allows; `null` where the registry did not say. */
  readonly newestAllowed: string | null;
}

/** What the tenants of one stack would run. */
export interface PlannedStack {
  readonly stack: string;
  readonly follow: StackConfig["follow"];
  readonly tenants: readonly PlannedTenant[];
}

/** How long the registry has to say which version is the newest allowed; nothing is decided by it. */
const newestAllowedMs = 3_000;

/** Tells for each tenant what it would run, and why. */
export async function plan(options: PlanOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const offline = options.offline === true;
  const configs = readStacks(root, options.stack);
  const lock = readLock(root);
  const reader = offline ? offlineReader : session.reader();
  const stacks: PlannedStack[] = [];
  const messages: string[] = [];
  for (const config of configs) {
    const releases = await resolveStack(config, lock, reader);
    const newest = await Promise.all(config.tenants.map((tenant) => newestAllowed(tenant, reader)));
    const unasked = offline && config.follow === "branch";
    const tenants = config.tenants.map((tenant, index) =>
      plannedTenant(config, tenant, releases[index], newest[index] ?? null, unasked),
    );
    stacks.push({ stack: config.stack, follow: config.follow, tenants });
    if (!unasked) messages.push(...releases.flatMap((release) => describeReasons(config.stack, release)));
  }
  terminal.done();
  if (options.json === true) terminal.printJson({ stacks });
  else terminal.print(describePlan(stacks, terminal.colors));
  if (messages.length > 0 && options.json !== true) terminal.log(messages.map(printable).join("\n"));
  const isBlocked = stacks.some(({ tenants }) => tenants.some(({ valid }) => valid === false));
  return isBlocked ? exitCode.blocked : exitCode.fine;
}

function plannedTenant(
  config: StackConfig,
  tenant: Tenant,
  release: AnyResolution | undefined,
  newest: string | null,
  unasked: boolean,
): PlannedTenant {
  if (release === undefined) throw new TypeError(`${tenant.name} was not resolved`);
  const { evidence, source, reasons } = release;
  const { pin, automation } = tenant.policy;
  return {
    tenant: tenant.name,
    version: (evidence !== undefined && "version" in evidence ? evidence.version : evidence?.chartVersion) ?? null,
    tag: tenant.tag ?? null,
    branch: config.follow === "branch" ? tenant.branch : null,
    commit: evidence?.commit ?? null,
    source,
    valid: unasked ? null : reasons.length === 0,
    reasons: unasked ? [] : reasons,
    automation,
    pinned: pin === undefined ? null : { by: pin.by, reason: pin.reason, until: pin.until ?? null },
    newestAllowed: newest,
  };
}

async function newestAllowed(tenant: Tenant, reader: EvidenceReader): Promise<string | null> {
  if (tenant.tag === undefined) return null;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, newestAllowedMs, undefined)));
  try {
    return (await Promise.race([reader.newestAllowed(tenant), late])) ?? null;
  } catch {
    // The registry decides nothing here: what is in the lock can be planned without it.
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function describePlan(stacks: readonly PlannedStack[], colors: Colors): string {
  const rows = stacks.flatMap(({ stack, tenants }) => tenants.map((tenant) => row(stack, tenant, colors)));
  if (rows.length === 0) return "There is no tenant.";
  const head = ["STACK", "TENANT", "RUNS", "PROMISE", "EVIDENCE", "AUTOMATION", "PINNED", "NEWEST ALLOWED"];
  return table(head, rows, colors);
}

function row(stack: string, planned: PlannedTenant, colors: Colors): Cell[] {
  const { tenant, valid, reasons, source, automation, pinned, newestAllowed: newest } = planned;
  const promise: Cell =
    valid === null
      ? { text: "not asked", paint: colors.dim }
      : valid
        ? { text: "kept", paint: colors.green }
        : { text: source === "none" ? "not verified" : `broken (${reasons.length})`, paint: colors.red };
  return [stack, tenant, runs(planned), promise, source, automation, pinnedText(pinned), newest ?? "-"];
}

function runs({ version, tag, branch, commit }: PlannedTenant): string {
  if (branch === null) return version ?? tag ?? "-";
  const what = tag ?? `latest of ${branch}`;
  const facts = [version, commit?.slice(0, 7)].filter((fact) => fact !== undefined && fact !== null);
  return facts.length === 0 ? what : `${what} (${facts.join(", ")})`;
}

function pinnedText(pinned: PlannedTenant["pinned"]): string {
  if (pinned === null) return "-";
  return `by ${pinned.by}${pinned.until === null ? "" : ` until ${pinned.until}`}: ${pinned.reason}`;
}
