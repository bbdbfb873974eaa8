/** Compares what two states of the shared repository decide. Only tenants that change cost more than reading their entry. */
import { posix } from "node:path";
import { countOf } from "../config/count";
import { objectName } from "../config/object-name";
import { describeProblem, type Problem, ProblemsError } from "../config/problem";
import { type Removal, removalsOf, undeclaredRemovals } from "../config/removal";
import type { StackConfig, Tenant } from "../config/stack-config";
import { settingsOfFiles } from "../config/read-stack-config";
import { projectFilePath, stackFilePath, stacksOf, unknownStack } from "../config/stack-file";
import type { Violation } from "../policy-pack/judge";
import type { Decision } from "../release/decision-history";
import type { EvidenceReader } from "../release/evidence-reader";
import type { FactReader } from "../release/fact-reader";
import { GitError } from "../release/git-command";
import { type Lock, lockFile, readLock } from "../release/lock";
import { resolveBranch, resolveRelease } from "../release/resolve";
import { backsFrom, shownDecision } from "../release/taken-back";
import { BaseFolder } from "./base-folder";
import { listed } from "./changes";
import { lockWith, type Placed } from "./decided";
import { fileChanges } from "./file-changes";
import { type Block, type Report, reportVersion, type Revision, type StackReport, type Verdict } from "./model";
import { renderPlaced } from "./rendered-chart";
import {
  changedTenants,
  readSide,
  type Side,
  type SideStack,
  type TenantPair,
  valuesPathsOf,
  withValues,
} from "./sides";
import { type TenantFacts, tenantReport, verdictOf, writtenEntry } from "./tenant-report";

/** What is compared, and by what means. */
export interface ReportInput {
  /** The project's folder with the files of the head. */
  readonly root: string;
  readonly base: Revision;
  readonly head: Revision;
  /** The paths that differ between the two. */
  readonly changed: readonly string[];
  /** The files of the base. */
  readonly files: BaseFolder;
  /** Only this stack. */
  readonly stack?: string;
  /** Judges a stack that has only the tenants that change, as `authority check` does. */
  readonly judge: (config: StackConfig, lock: Lock) => Promise<Judgement>;
  readonly reader: EvidenceReader;
  readonly facts: FactReader;
  readonly onTenant: (done: number, all: number) => void;
}

/** What `authority check` says of a stack. */
export interface Judgement {
  readonly violations: readonly Violation[];
  /** Why releases may not run that no policy reports, by tenant. */
  readonly reasons: ReadonlyMap<string, readonly string[]>;
}

/** How many charts are fetched and rendered at once. */
const rendersAtOnce = 2;
const tenantsAtOnce = 8;
const mostFiles = 50;

/** Makes the report. */
export async function makeReport(input: ReportInput): Promise<Report> {
  const { root, files, changed } = input;
  const head = readSide(root);
  // What has not changed need not be read twice.
  const isSame = ![projectFilePath, ...[...head.names].map(stackFilePath)].some((path) => changed.includes(path));
  const base = isSame && stacksOf(changed).length === 0 ? head : readSide(files.root);
  const isAsked = ({ file }: Problem) =>
    input.stack === undefined || file === stackFilePath(input.stack) || stacksOf([file]).length === 0;
  const problems = new Set(head.problems.filter(isAsked).map(describeProblem));
  const names = [...new Set([...head.names, ...base.names])].sort();
  if (input.stack !== undefined && !names.includes(input.stack)) {
    problems.add(describeProblem(unknownStack(input.stack, names)));
  }
  const stacks: StackReport[] = [];
  for (const stack of names.filter((name) => input.stack === undefined || name === input.stack)) {
    try {
      const found = await stackReport(stack, base, head, input);
      if (found !== undefined) stacks.push(found);
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error;
      for (const problem of error.problems) problems.add(describeProblem(problem));
    }
  }
  return {
    version: reportVersion,
    verdict: worst([
      ...(problems.size > 0 ? ["blocked" as const] : []),
      ...stacks.flatMap(({ tenants, blocks, notes }) => [
        ...tenants.map(({ verdict }) => verdict),
        verdictOf(blocks, notes),
      ]),
    ]),
    base: input.base,
    head: input.head,
    problems: [...problems],
    stacks,
    project: changed.includes(projectFilePath) ? await fileChanges(files.root, root, projectFilePath) : [],
    files: listed(otherFiles(changed, [base, head]), mostFiles),
  };
}

function worst(verdicts: readonly Verdict[]): Verdict {
  return (["blocked", "look"] as const).find((verdict) => verdicts.includes(verdict)) ?? "fine";
}

/** What decides nothing by itself: code, pipelines, documents. Rendered manifests follow from the rest. */
function otherFiles(changed: readonly string[], sides: readonly Side[]): string[] {
  const rendered = sides.flatMap(({ stacks }) =>
    [...stacks.values()].flatMap(({ config: { delivery } }) =>
      delivery.kind === "manifests" ? [delivery.directory] : [],
    ),
  );
  const folders = ["tenants", ...rendered].map((folder) => `${posix.normalize(folder).replace(/\/$/, "")}/`);
  return changed.filter(
    (path) =>
      path !== projectFilePath &&
      path !== lockFile &&
      stacksOf([path]).length === 0 &&
      !folders.some((folder) => path.startsWith(folder)),
  );
}

/** @returns nothing for a stack in which nothing changes @throws ProblemsError for values files with problems */
async function stackReport(
  stack: string,
  base: Side,
  head: Side,
  input: ReportInput,
): Promise<StackReport | undefined> {
  const file = stackFilePath(stack);
  const [before, after] = [base.stacks.get(stack), head.stacks.get(stack)];
  const settings = input.changed.includes(file) ? await fileChanges(input.files.root, input.root, file) : [];
  const empty = { stack, tenants: [], unchanged: 0, settings, blocks: [], notes: [] };
  if (after === undefined) {
    if (head.names.includes(stack)) return undefined;
    const count = before?.config.tenants.length ?? 0;
    const notes = [
      `the stack file is removed, with its ${countOf(count, "tenant")}: nobody decides or judges any more what runs there`,
    ];
    return { ...empty, settings: [], notes };
  }
  const notes = [
    ...(base.names.includes(stack) ? [] : ["the stack is new"]),
    ...(base.names.includes(stack) && before === undefined ? [unreadBase(base, file)] : []),
  ];
  const pairs = changedTenants(before, after, new Set(input.changed));
  if (pairs.length === 0 && settings.length === 0 && notes.length === 0) return undefined;
  const found = await tenantFacts(pairs, before, after, input);
  const { done, stackBlocks } = found;
  const unchanged = after.config.tenants.length - pairs.filter((pair) => pair.after !== undefined).length;
  return { ...empty, tenants: done, unchanged, blocks: stackBlocks, notes };
}

function unreadBase({ problems }: Side, file: string): string {
  const [problem] = problems.filter((one) => one.file === file || one.file === projectFilePath);
  const why = problem === undefined ? "" : `: ${describeProblem(problem)}`;
  return `the files of the base cannot be read, so every tenant counts as new${why}`;
}

async function tenantFacts(
  pairs: readonly TenantPair[],
  before: SideStack | undefined,
  after: SideStack,
  input: ReportInput,
) {
  const { files, root, reader, facts } = input;
  await files.write(pairs.flatMap((pair) => (pair.before && before ? valuesPathsOf(before.files, pair.before) : [])));
  const lock = readLock(root);
  let baseLock: Lock | undefined;
  if (input.changed.includes(lockFile)) await files.writeLock();
  const lockOfBase = () => (baseLock ??= input.changed.includes(lockFile) ? readLock(files.root) : lock);
  const valued = pairs.map((pair) => ({
    before: pair.before && before && withBaseValues(before, pair.before, files.root),
    after: pair.after && withValues(after.files, pair.after),
  }));
  const tenants = valued.flatMap((pair) => pair.after ?? []).sort((one, other) => (one.name < other.name ? -1 : 1));
  const config = { ...after.config, tenants };
  const { violations, reasons } = await input.judge(config, lock);
  const removals = removedPlaces(before?.config, after.config, pairs);
  const undeclared = undeclaredRemovals(after.config, removals);
  const takenBack = await takenBackNotes(config, valued, input.base.commit);
  const place = async (stack: StackConfig, tenant: Tenant, known: Lock): Promise<Placed> => {
    const resolved =
      stack.follow === "tags" ? await resolveRelease(tenant, known, reader) : await resolveBranch(tenant, reader);
    return { tenant, evidence: resolved.evidence, source: resolved.source, reasons: resolved.reasons };
  };
  const { default: pLimit } = await import("p-limit");
  const [limitTenants, limitRenders] = [pLimit(tenantsAtOnce), pLimit(rendersAtOnce)];
  const readers = { facts, render: (placed: Placed) => limitRenders(() => renderPlaced(placed, facts)) };
  let count = 0;
  const done = await Promise.all(
    valued.map((pair) =>
      limitTenants(async () => {
        const name = (pair.after ?? pair.before)?.name ?? "";
        const found: TenantFacts = {
          before:
            pair.before && before && (await place(before.config, pair.before, lockWith(pair.before, lock, lockOfBase))),
          after: pair.after && (await place(after.config, pair.after, lock)),
          configBefore: before?.config,
          configAfter: after.config,
          entry: writtenEntry(settingsOfFiles(after.files), name),
          blocks: [
            ...violations.filter(({ tenant }) => tenant === name).map(blockOf),
            ...(reasons.get(name) ?? []).map((message) => ({ policy: "promise", isAdvisory: false, message })),
          ],
          notes: [...(takenBack.get(name) ?? []), ...removalNotes(removals, pair)],
        };
        const report = await tenantReport(found, readers);
        input.onTenant((count += 1), pairs.length);
        return report;
      }),
    ),
  );
  const known = new Set(tenants.map(({ name }) => name));
  const stackBlocks: Block[] = [
    ...violations.filter(({ tenant }) => tenant === undefined || !known.has(tenant)).map(blockOf),
    ...(undeclared.length === 0 ? [] : [{ policy: "removal", isAdvisory: false, message: undeclared.join("\n") }]),
  ];
  return { done, stackBlocks };
}

function withBaseValues({ files }: SideStack, tenant: Tenant, root: string): Tenant {
  try {
    return withValues({ ...files, root }, tenant);
  } catch (error) {
    // What was wrong there was not judged here; its values count as new.
    if (error instanceof ProblemsError) return tenant;
    throw error;
  }
}

function blockOf({ policy, enforcement, message }: Violation): Block {
  return { policy, isAdvisory: enforcement === "advisory", message };
}

/** What leaves by this change. Another authority namespace concerns every tenant. */
function removedPlaces(before: StackConfig | undefined, after: StackConfig, pairs: readonly TenantPair[]): Removal[] {
  if (before === undefined) return [];
  const isMoved = before.authorityNamespace !== after.authorityNamespace;
  const tenants = isMoved ? before.tenants : pairs.flatMap((pair) => pair.before ?? []);
  const places = tenants.map((tenant) => ({
    tenant: objectName(tenant),
    namespace: tenant.namespace,
    authorityNamespace: before.authorityNamespace,
  }));
  return removalsOf(after, places);
}

function removalNotes(removals: readonly Removal[], { before }: TenantPair): string[] {
  const found = removals.find(({ tenant }) => before !== undefined && tenant === objectName(before));
  if (found?.declared === undefined) return [];
  return [`declared by ${found.declared.by}: ${found.declared.reason}`];
}

/** Versions that a person took back before, whoever decides them now. */
async function takenBackNotes(
  config: StackConfig,
  pairs: readonly TenantPair[],
  base: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const decided = pairs.flatMap(({ before, after }) =>
    after?.tag !== undefined && after.tag !== before?.tag ? [after] : [],
  );
  if (config.follow !== "tags") return new Map();
  try {
    const backs = await backsFrom(config, decided, base);
    const noteOf = ({ name, tag }: Tenant, back: Decision) =>
      [name, [`${String(tag)} was taken back in ${shownDecision(back)}`]] as const;
    return new Map(
      decided.flatMap((tenant) => {
        const back = backs.get(tenant.name);
        return back === undefined ? [] : [noteOf(tenant, back)];
      }),
    );
  } catch (error) {
    // The policy reports a history that cannot be read.
    if (error instanceof GitError) return new Map();
    throw error;
  }
}
