import { printable } from "../config/printable";
import { readLock } from "../release/lock";
import { hint } from "../release/resolve";
import { type ExitCode, exitCode } from "./exit-code";
import { readLastDeploy } from "./last-deploy";
import { offlineReader } from "./offline-reader";
import { readStacks } from "./project";
import type { Session } from "./session";
import { type Cell, table } from "./table";
import { type PlannedStack, type PlannedTenant, planStack } from "./tenant-plan";
import type { Colors } from "./terminal";
import type { PlannedRemoval } from "./tip-removals";

/** Options of `authority plan`. */
export interface PlanOptions {
  readonly stack?: string;
  readonly json?: boolean;
  /** Whether to use no network. */
  readonly offline?: boolean;
}

/** Shows for each tenant what is decided, what runs, and what it may run. */
export async function plan(options: PlanOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const offline = options.offline === true;
  const configs = readStacks(root, options.stack);
  const lock = readLock(root);
  const reader = offline ? offlineReader : session.reader();
  const stacks: PlannedStack[] = [];
  for (const config of configs) {
    const running = offline ? undefined : await readLastDeploy(root, config.stack);
    stacks.push(await planStack(config, { lock, reader, offline, running }));
  }
  terminal.done();
  if (options.json === true) terminal.printJson({ stacks });
  else {
    terminal.print(describePlan(stacks, terminal.colors));
    const messages = stacks.flatMap(({ stack, tenants }) => tenants.flatMap((tenant) => messagesOf(stack, tenant)));
    if (messages.length > 0) terminal.log(messages.map(printable).join("\n"));
  }
  const isBlocked = stacks.some(({ tenants }) => tenants.some(({ valid }) => valid === false));
  return isBlocked ? exitCode.blocked : exitCode.fine;
}

function describePlan(stacks: readonly PlannedStack[], colors: Colors): string {
  const rows = stacks.flatMap(({ stack, tenants, removed }) => [
    ...tenants.map((tenant) => row(stack, tenant, colors)),
    ...removed.map((one) => removalRow(stack, one, colors)),
  ]);
  if (rows.length === 0) return "The stacks have no tenants.";
  const head = [
    "STACK",
    "TENANT",
    "DECIDED",
    "VERDICT",
    "RUNNING",
    "NEWEST ALLOWED",
    "EVIDENCE",
    "AUTOMATION",
    "PINNED",
  ];
  return table(head, rows, colors);
}

function row(stack: string, planned: PlannedTenant, colors: Colors): Cell[] {
  const { tenant, source, automation, pinned, running, runningAllowed, newestAllowed, newestKnown, newerBroken } =
    planned;
  const runs: Cell =
    runningAllowed === false ? { text: `${String(running)} (not allowed)`, paint: colors.red } : (running ?? "unknown");
  const newest = newestAllowed ?? (newestKnown ? "none" : "unknown");
  return [
    ...[stack, tenant, decided(planned), verdict(planned, colors), runs],
    newerBroken.length === 0 ? newest : `${newest} (${newerBroken.length} newer broken)`,
    ...[source, automation, pinnedText(pinned)],
  ];
}

function removalRow(stack: string, { tenant, namespace, by, reason }: PlannedRemoval, colors: Colors): Cell[] {
  const what = `removed, with the namespace ${namespace ?? ""}`;
  const isDeclared: Cell = by === null ? { text: "not declared", paint: colors.red } : "declared";
  return [stack, tenant, what, isDeclared, "-", "-", "-", "-", by === null ? "-" : `by ${by}: ${reason ?? ""}`];
}

function verdict({ valid, allowed, source, reasons }: PlannedTenant, colors: Colors): Cell {
  if (valid === null) return { text: "not checked", paint: colors.dim };
  if (valid) return { text: "kept", paint: colors.green };
  const text = !allowed ? "not allowed" : source === "none" ? "not verified" : `broken (${reasons.length})`;
  return { text, paint: colors.red };
}

function decided({ version, tag, follows, commit }: PlannedTenant): string {
  if (follows === null) return version ?? tag ?? "-";
  const facts = [version, commit?.slice(0, 7)].filter((fact) => fact !== undefined && fact !== null);
  return facts.length === 0 ? (tag ?? follows) : `${tag ?? follows} (${facts.join(", ")})`;
}

function pinnedText(pinned: PlannedTenant["pinned"]): string {
  if (pinned === null) return "-";
  return `by ${pinned.by}${pinned.until === null ? "" : ` until ${pinned.until}`}: ${pinned.reason}`;
}

/** Why the decided version may not run, and what the newer ones break. */
function messagesOf(stack: string, planned: PlannedTenant): string[] {
  const { tenant, reasons, source, allowed, newerBroken } = planned;
  const title = !allowed ? "not allowed" : source === "none" ? "cannot be verified" : "the promise is broken";
  const advice = allowed ? hint(stack, { source, reasons }) : undefined;
  const lines = (sentences: readonly string[]) => sentences.map((sentence) => `  - ${sentence}`);
  return [
    ...(reasons.length === 0 ? [] : [`${stack}/${tenant}: ${title}`, ...lines([...reasons, ...[advice ?? []].flat()])]),
    ...newerBroken.flatMap((broken) => [
      `${stack}/${tenant}: the newer ${broken.version} is no release that may run`,
      ...lines(broken.reasons),
    ]),
  ];
}
