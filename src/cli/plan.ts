import { printable } from "../config/printable";
import { readLock } from "../release/lock";
import { hint } from "../release/resolve";
import { type ExitCode, exitCode } from "./exit-code";
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

/** Shows for each tenant what is decided, whether it may run, and where the evidence comes from. */
export async function plan(options: PlanOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const offline = options.offline === true;
  const configs = readStacks(root, options.stack);
  const lock = readLock(root);
  const reader = offline ? offlineReader : session.reader();
  const stacks: PlannedStack[] = [];
  for (const config of configs) {
    stacks.push(await planStack(config, { lock, reader, offline }));
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
  const head = ["STACK", "TENANT", "DECIDED", "VERDICT", "EVIDENCE", "AUTOMATION", "PINNED OR HELD"];
  return table(head, rows, colors);
}

function row(stack: string, planned: PlannedTenant, colors: Colors): Cell[] {
  const { tenant, source, automation } = planned;
  return [stack, tenant, decided(planned), verdict(planned, colors), source, automation, standstillText(planned)];
}

function removalRow(stack: string, { tenant, namespace, by, reason }: PlannedRemoval, colors: Colors): Cell[] {
  const what = `removed, with the namespace ${namespace ?? ""}`;
  const isDeclared: Cell = by === null ? { text: "not declared", paint: colors.red } : "declared";
  return [stack, tenant, what, isDeclared, "-", "-", by === null ? "-" : `by ${by}: ${reason ?? ""}`];
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

function standstillText({ pinned, held }: PlannedTenant): string {
  const one = held ?? pinned;
  if (one === null) return "-";
  const until = one.until === null ? "" : ` until ${one.until}`;
  return `${held === null ? "pinned" : "held"} by ${one.by}${until}: ${one.reason}`;
}

/** Why the decided version may not run. */
function messagesOf(stack: string, planned: PlannedTenant): string[] {
  const { tenant, reasons, source, allowed } = planned;
  const title = !allowed ? "not allowed" : source === "none" ? "cannot be verified" : "the promise is broken";
  const advice = allowed ? hint(stack, { source, reasons }) : undefined;
  const sentences = [...reasons, ...[advice ?? []].flat()];
  return reasons.length === 0 ? [] : [`${stack}/${tenant}: ${title}`, ...sentences.map((one) => `  - ${one}`)];
}
