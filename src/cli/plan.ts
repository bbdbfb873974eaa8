import type { StackConfig, Tenant } from "../config/stack-config";
import { isRelease } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import { readLock } from "../release/lock";
import { newestAllowed, type ResolvedTenant, resolveStack } from "../release/resolve";
import { type ExitCode, exitCode } from "./exit-code";
import { offlineReader } from "./offline-reader";
import { readStacks } from "./project";
import { describeStackReasons } from "./releases";
import type { Session } from "./session";
import { type Cell, table } from "./table";
import { type Colors, printable } from "./terminal";

/** Options of `authority plan`. */
export interface PlanOptions {
  readonly stack?: string;
  readonly json?: boolean;
  /** Whether to use no network. */
  readonly offline?: boolean;
}

/** What one tenant would run, and why. A missing fact is `null`. */
export interface PlannedTenant {
  readonly tenant: string;
  /** Without prefix. With `follow: branch`, the `version` of the chart at the branch's head. */
  readonly version: string | null;
  /** The image tag. With `follow: branch`, that of the commit whose image runs, or `null` if the stack names none. */
  readonly tag: string | null;
  /** The branch that the tenant follows; `null` with `follow: tags`. */
  readonly branch: string | null;
  readonly commit: string | null;
  /** Where the evidence comes from. */
  readonly source: "lock" | "read" | "none";
  /** Whether the promise is kept; `null` if it was not checked, as with `--offline`. */
  readonly valid: boolean | null;
  /** Why it may not run, one sentence each. */
  readonly reasons: readonly string[];
  readonly automation: Tenant["policy"]["automation"];
  readonly pinned: { readonly by: string; readonly reason: string; readonly until: string | null } | null;
  /** The newest version, or tag of a commit, in the registry that the policy allows; `null` if the registry did not answer. */
  readonly newestAllowed: string | null;
}

/** What the tenants of one stack would run. */
export interface PlannedStack {
  readonly stack: string;
  readonly follow: StackConfig["follow"];
  readonly tenants: readonly PlannedTenant[];
}

/** How long the registry has to answer which version is the newest allowed; nothing depends on the answer. */
const newestAllowedMs = 3_000;

/** Shows for each tenant what it would run, and why. */
export async function plan(options: PlanOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const offline = options.offline === true;
  const configs = readStacks(root, options.stack);
  const lock = readLock(root);
  const reader = offline ? offlineReader : session.reader();
  const stacks: PlannedStack[] = [];
  const messages: string[] = [];
  for (const config of configs) {
    const resolved = await resolveStack(config, lock, reader);
    const unchecked = offline && config.follow === "branch";
    const tenants = await Promise.all(
      resolved.tenants.map(async (release) => ({
        ...plannedTenant(config, release, unchecked),
        newestAllowed: await newestInTime(release.tenant, reader),
      })),
    );
    stacks.push({ stack: config.stack, follow: config.follow, tenants });
    if (!unchecked) messages.push(...describeStackReasons(resolved));
  }
  terminal.done();
  if (options.json === true) terminal.printJson({ stacks });
  else terminal.print(describePlan(stacks, terminal.colors));
  if (messages.length > 0 && options.json !== true) terminal.log(messages.map(printable).join("\n"));
  const isBlocked = stacks.some(({ tenants }) => tenants.some(({ valid }) => valid === false));
  return isBlocked ? exitCode.blocked : exitCode.fine;
}

function plannedTenant(
  { follow }: StackConfig,
  { tenant, evidence, source, reasons }: ResolvedTenant,
  unchecked: boolean,
): Omit<PlannedTenant, "newestAllowed"> {
  const { pin, automation } = tenant.policy;
  const version = evidence !== undefined && isRelease(evidence) ? evidence.version : evidence?.chartVersion;
  return {
    tenant: tenant.name,
    version: version ?? null,
    tag: tenant.tag ?? null,
    branch: follow === "branch" ? tenant.branch : null,
    commit: evidence?.commit ?? null,
    source,
    valid: unchecked ? null : reasons.length === 0,
    reasons: unchecked ? [] : reasons,
    automation,
    pinned: pin === undefined ? null : { by: pin.by, reason: pin.reason, until: pin.until ?? null },
  };
}

async function newestInTime(tenant: Tenant, reader: EvidenceReader): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, newestAllowedMs, undefined)));
  try {
    return (await Promise.race([newestAllowed(tenant, reader), late])) ?? null;
  } finally {
    clearTimeout(timer);
  }
}

function describePlan(stacks: readonly PlannedStack[], colors: Colors): string {
  const rows = stacks.flatMap(({ stack, tenants }) => tenants.map((tenant) => row(stack, tenant, colors)));
  if (rows.length === 0) return "The stacks have no tenants.";
  const head = ["STACK", "TENANT", "RUNS", "PROMISE", "EVIDENCE", "AUTOMATION", "PINNED", "NEWEST ALLOWED"];
  return table(head, rows, colors);
}

function row(stack: string, planned: PlannedTenant, colors: Colors): Cell[] {
  const { tenant, valid, reasons, source, automation, pinned, newestAllowed: newest } = planned;
  const promise: Cell =
    valid === null
      ? { text: "not checked", paint: colors.dim }
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
