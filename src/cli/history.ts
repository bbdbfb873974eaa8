import { isDeepStrictEqual } from "node:util";
import { shortSubject } from "../config/printable";
import { textAt } from "../config/report";
import { listStacks } from "../config/stack-file";
import { suggestion } from "../config/suggestion";
import { type Decision, type DecisionHistory, readDecisions } from "../release/decision-history";
import { GitError } from "../release/git-command";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { requireAnyStack } from "./project";
import type { Session } from "./session";
import { type Cell, table } from "./table";
import type { Colors } from "./terminal";

/** Options of `authority history`. */
export interface HistoryOptions {
  readonly stack?: string;
  readonly json?: boolean;
}

/** A decision as `--json` prints it. */
interface ShownDecision {
  readonly stack: string;
  /** The tenant's name at that time. */
  readonly tenant: string;
  readonly tag: string | null;
  readonly previous: string | null;
  /** What the commit changed, such as `1.0.0 -> 1.1.0` or `denied 1.1.0`. */
  readonly changes: readonly string[];
  readonly commit: string;
  readonly at: string;
  /** How long the tag was decided; nothing if the commit changed another thing. */
  readonly seconds: number | null;
  readonly isCurrent: boolean;
  readonly author: Decision["author"];
  readonly byAutomation: boolean;
  readonly subject: string;
  readonly reason: string | null;
  readonly trailers: Decision["trailers"];
}

/** Shows who decided what of a tenant, or of all tenants, when, why, and for how long; from Git alone. */
export async function history(
  tenant: string | undefined,
  options: HistoryOptions,
  { root, terminal }: Session,
): Promise<ExitCode> {
  const stacks = options.stack === undefined ? requireAnyStack(root) : [options.stack];
  const decisions: ShownDecision[] = [];
  const incomplete: string[] = [];
  const names: string[] = [];
  for (const stack of stacks) {
    terminal.count(`reading the history of the stack ${stack}`);
    const found = await historyOf(root, stack);
    if (!found.isComplete) incomplete.push(stack);
    else if (found.decisions.size === 0) requireStack(root, stack);
    for (const [object, all] of found.decisions) {
      const known = [object, ...all.map((decision) => decision.tenant)];
      names.push(...known);
      if (tenant === undefined || known.includes(tenant)) decisions.push(...shownDecisions(stack, all));
    }
    names.push(...[...found.current.values()].map((entry) => entry.tenant));
  }
  terminal.done();
  if (tenant !== undefined && !names.includes(tenant)) {
    const stackNames = stacks.join(", ");
    const hint = suggestion(tenant, [...new Set(names)]);
    throw new InputError(`The history of ${stackNames} has no tenant ${JSON.stringify(tenant)}. ${hint}`);
  }
  if (options.json === true) terminal.printJson({ decisions, incomplete });
  else terminal.print(describeHistory(decisions, terminal.colors));
  for (const stack of incomplete) {
    terminal.log(
      `${stack}: this clone is shallow, so earlier decisions are missing; \`git fetch --unshallow\` fetches them.`,
    );
  }
  return exitCode.fine;
}

/** @throws InputError if there is no such stack. One whose file is removed still has a history. */
function requireStack(root: string, stack: string): void {
  const all = listStacks(root);
  if (all.includes(stack)) return;
  throw new InputError(`The history has no stack ${JSON.stringify(stack)}. ${suggestion(stack, all)}`);
}

async function historyOf(root: string, stack: string): Promise<DecisionHistory> {
  try {
    return await readDecisions(root, stack);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const isNew = error.message.endsWith("bad revision 'HEAD'");
    throw new InputError(
      isNew ? "There is no history yet. Commit the stack files first." : `The history cannot be read: ${error.message}`,
    );
  }
}

/** @param decisions of one tenant, the newest first */
function shownDecisions(stack: string, decisions: readonly Decision[]): ShownDecision[] {
  let until: number | undefined;
  return decisions.flatMap((decision) => {
    const { tenant, tag, previous, commit, at, author, byAutomation, subject, trailers, entry } = decision;
    const changes = changesOf(decision);
    const isTag = tag !== previous;
    const isCurrent = isTag && until === undefined;
    const seconds = isTag && tag !== undefined ? Math.round(((until ?? Date.now()) - at) / 1000) : null;
    if (isTag) until = at;
    const [kept] = (["held", "pinned"] as const).filter((one) => changes.some((change) => change.startsWith(one)));
    const keptReason = kept && textAt(kept === "held" ? entry?.hold : entry?.pin, "reason");
    const shown: ShownDecision = {
      ...{ stack, tenant, tag: tag ?? null, previous: previous ?? null, changes, commit },
      ...{ at: new Date(at).toISOString(), seconds, isCurrent, author, byAutomation, subject },
      reason: trailers.Reason ?? keptReason ?? null,
      trailers,
    };
    return changes.length === 0 ? [] : [shown];
  });
}

function changesOf({ tag, previous, entry, entryBefore }: Decision): string[] {
  if (entry === undefined) return [`removed${previous === undefined ? "" : ` at ${previous}`}`];
  if (entryBefore === undefined) return [`added${tag === undefined ? "" : ` at ${tag}`}`];
  const denied = entry.deny.filter((version) => !entryBefore.deny.includes(version));
  const allowed = entryBefore.deny.filter((version) => !entry.deny.includes(version));
  const isPinChanged = !isDeepStrictEqual(entry.pin, entryBefore.pin);
  const isHoldChanged = !isDeepStrictEqual(entry.hold, entryBefore.hold);
  return [
    ...(tag === previous ? [] : [`${previous ?? "none"} -> ${tag ?? "none"}`]),
    ...(tag === previous && entry.digest !== entryBefore.digest ? [`digest ${entry.digest ?? "removed"}`] : []),
    ...(isPinChanged ? [entry.pin === undefined ? "unpinned" : `pinned${untilText(entry.pin)}`] : []),
    ...(isHoldChanged ? [entry.hold === undefined ? "resumed" : `held${untilText(entry.hold)}`] : []),
    ...(denied.length === 0 ? [] : [`denied ${denied.join(", ")}`]),
    ...(allowed.length === 0 ? [] : [`allowed ${allowed.join(", ")}`]),
    ...(entry.tenant === entryBefore.tenant ? [] : [`renamed from ${entryBefore.tenant}`]),
  ];
}

function untilText(kept: unknown): string {
  const until = textAt(kept, "until");
  return until === undefined ? "" : ` until ${until}`;
}

function describeHistory(decisions: readonly ShownDecision[], colors: Colors): string {
  if (decisions.length === 0) return "No commit has decided anything.";
  const head = ["STACK", "TENANT", "WHEN", "WHAT", "DECIDED FOR", "BY", "COMMIT", "WHY"];
  return table(head, decisions.map(row), colors);
}

function row(decision: ShownDecision): Cell[] {
  const { stack, tenant, at, changes, seconds, isCurrent, author, byAutomation, commit, reason, subject } = decision;
  const time = seconds === null ? "-" : durationText(seconds) + (isCurrent ? " so far" : "");
  const when = at.slice(0, 16).replace("T", " ");
  return [
    ...[stack, tenant, when, changes.join("; "), time, byAutomation ? "automation" : author.name],
    ...[commit.slice(0, 10), reason ?? shortSubject(subject)],
  ];
}

const units = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** In the two largest units, such as `3 d 4 h`. A clock that was set back makes it 0. */
function durationText(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, seconds);
  for (const [size, name] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
  }
  return parts.length === 0 ? "0 s" : parts.slice(0, 2).join(" ");
}
