/** The status of all stacks for people: a table with a column for each stack, or one tenant in full. */
import { printable } from "../config/printable";
import { isRelease } from "../release/evidence";
import { brokenText } from "../release/newest-release";
import type { StackStatus, Status } from "./status";
import { type Cell, table } from "./table";
import type { DecidedBy, KeptUntil, TenantState, TenantStatus } from "./tenant-status";
import type { Colors } from "./terminal";

/** All tenants side by side, then one line for each that needs attention. */
export function describeStatus(status: Status, colors: Colors): string {
  const { stacks } = status;
  const names = [...new Set(stacks.flatMap(({ tenants }) => tenants.map(({ tenant }) => tenant)))].sort();
  if (names.length === 0) return "The stacks have no tenants.";
  const byName = stacks.map(({ tenants }) => new Map(tenants.map((tenant) => [tenant.tenant, tenant])));
  const rows = names.map((name) => [name, ...byName.map((tenants) => cell(tenants.get(name), colors))]);
  const lines = names.flatMap((name) =>
    stacks.flatMap(({ stack }, index) => {
      const tenant = byName[index]?.get(name);
      return tenant === undefined || tenant.state === "ok" ? [] : [attention(stack, tenant, colors)];
    }),
  );
  return [
    table(["TENANT", ...stacks.map(({ stack }) => stack.toUpperCase())], rows, colors),
    ...(lines.length === 0 ? [] : ["", ...lines]),
    ...["", ...sources(status)],
  ].join("\n");
}

/** One tenant, stack by stack. */
export function describeTenant({ stacks, ...status }: Status, colors: Colors): string {
  const blocks = stacks.flatMap((stack) =>
    stack.tenants.map((tenant) => [colors.bold(`${stack.stack}/${tenant.tenant}`), ...facts(stack, tenant)].join("\n")),
  );
  return [...blocks, sources({ stacks, ...status }).join("\n")].join("\n\n");
}

function cell(tenant: TenantStatus | undefined, colors: Colors): Cell {
  if (tenant === undefined) return { text: "-", paint: colors.dim };
  const { state } = tenant;
  const runs = runsOther(tenant);
  const since = tenant.decision === null ? "" : ` ${ageOf(tenant.decision.at)}`;
  const text = `${decidedText(tenant)}${since}${runs === undefined ? "" : ` (runs ${runs})`}`;
  return state === "ok" ? text : { text: `${text} ${state}`, paint: paintOf(state, colors) };
}

function paintOf(state: TenantState, colors: Colors): (text: string) => string {
  return ["taken back", "not allowed", "broken", "unverified", "failing"].includes(state) ? colors.red : colors.yellow;
}

/** A version or a tag; of a followed branch the commit, or its name where the commit is not known. */
function decidedText({ follows, version, tag, commit, runningCommit }: TenantStatus): string {
  if (follows === null) return version ?? tag ?? "-";
  return tag ?? (commit ?? runningCommit)?.slice(0, 7) ?? follows;
}

/** `3d`, or `5h`. */
function ageOf(at: string): string {
  const hours = Math.max(0, Math.floor((Date.now() - Date.parse(at)) / 3_600_000));
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** What runs, if it is known and is not what is decided. */
function runsOther({ version, commit, running, runningCommit }: TenantStatus): string | undefined {
  if (running !== null) return running === version ? undefined : running;
  if (runningCommit === null || commit === null || commit.startsWith(runningCommit)) return undefined;
  return runningCommit.slice(0, 7);
}

function attention(stack: string, { tenant, state, why, command }: TenantStatus, colors: Colors): string {
  const act = command === null ? "" : `: ${colors.bold(printable(command))}`;
  return `${printable(`${stack}/${tenant}: ${state}, ${why.join("; ")}`)}${act}`;
}

/** Where the information on what runs comes from, and which hosts did not answer. */
function sources({ stacks, silent }: Status): string[] {
  const from = new Map<string, string[]>();
  for (const { stack, runningFrom } of stacks) from.set(runningFrom, [...(from.get(runningFrom) ?? []), stack]);
  const what = [...from].map(
    ([source, names]) => `${source === "unknown" ? "unknown in" : `from the ${source} in`} ${names.join(", ")}`,
  );
  const problems = stacks.flatMap(({ stack, clusterProblem }) =>
    clusterProblem === null ? [] : [`Cannot read what runs in the cluster of ${stack}: ${clusterProblem}.`],
  );
  const hosts = silent.map(({ host, problem }) => `${host} did not answer every question: ${problem}`);
  return [`What runs: ${what.join("; ")}.`, ...problems, ...hosts].map(printable);
}

function facts({ runningFrom }: StackStatus, tenant: TenantStatus): string[] {
  const { state, why, command, running, runningCommit, runningSince, rendered, automation, range, denied } = tenant;
  const {
    pinned,
    held,
    openPaths,
    newestAllowed,
    newestKnown,
    newerBroken,
    newerNotAllowed,
    follows,
    evidence,
    valid,
    decision,
  } = tenant;
  const runs = running ?? runningCommit ?? "unknown";
  const newest = newestAllowed ?? (newestKnown ? "none" : "unknown");
  const policy = [
    ...(follows === null ? [`range "${range}"`] : []),
    `automation ${automation}`,
    ...(denied.length === 0 ? [] : [`denied ${denied.join(", ")}`]),
  ];
  const lines: [string, string | undefined][] = [
    ["state", `${state}${command === null ? "" : `: ${command}`}`],
    ...why.map((reason): [string, string] => ["", reason]),
    ["decided", `${decidedText(tenant)}${decision === null ? "" : ` since ${decision.at} by ${decision.by}`}`],
    ...(decision === null ? [] : decisionLines(decision)),
    [
      "running",
      `${runs}${runs === "unknown" ? "" : ` (${runningFrom})`}${runningSince === null ? "" : ` since ${runningSince}`}`,
    ],
    ["rendered", rendered ?? undefined],
    ["newest", follows === null || tenant.tag !== null ? newest : undefined],
    ...newerBroken.map((one): [string, string] => ["", `${brokenText(one)}: ${one.reasons.join("; ")}`]),
    ...newerNotAllowed.map(({ version, reason }): [string, string] => ["", `${version} ${reason}`]),
    ["policy", policy.join(", ")],
    ["held", held === null ? undefined : keptText(held, automation)],
    ...openPaths.map((path): [string, string] => ["", path]),
    ["pinned", pinned === null ? undefined : keptText(pinned, automation)],
    [
      "promise",
      valid === null ? "not checked" : valid ? `kept (evidence: ${tenant.source})` : "not kept, or not allowed",
    ],
    ...evidenceLines(evidence),
  ];
  return lines.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(9)} ${printable(text)}`]));
}

function decisionLines({ commit, subject, reason, byAutomation }: DecidedBy): [string, string][] {
  const automatic = byAutomation ? ", by Flux's automation" : "";
  return [
    ["", `commit ${commit.slice(0, 10)}, ${subject}${automatic}`],
    ...(reason === null ? [] : [["", `reason: ${reason}`] as [string, string]]),
  ];
}

function keptText({ by, reason, until: day, isOver }: KeptUntil, automation: TenantStatus["automation"]): string {
  const until = day === null ? "" : ` until ${day}${isOver ? " (over)" : ""}`;
  const markers = automation === "manual" ? "" : "; Flux's markers are taken out";
  return `by ${by}${until}: ${reason}${markers}`;
}

function evidenceLines(evidence: TenantStatus["evidence"]): [string, string][] {
  if (evidence === null) return [];
  const { repository, commit, branch, chart, chartVersion, appVersion, images = [] } = evidence;
  const tag = isRelease(evidence) ? evidence.gitTag : undefined;
  const git = [tag && `tag ${tag}`, commit && `commit ${commit}`, branch && `branch ${branch}`].filter(Boolean);
  return [
    ["Git", `${repository ?? "none"}${git.length === 0 ? "" : `: ${git.join(", ")}`}`],
    ["chart", `${chart} ${chartVersion ?? "without a version"}, appVersion ${appVersion ?? "missing"}`],
    ...images.map(({ reference, digest }): [string, string] => ["image", `${reference}${digest ? `@${digest}` : ""}`]),
  ];
}
