/**
 * `releases.lock.yaml`: the evidence of the releases that the stacks name or named, so that previews and rollbacks need
 * no network. Entries are sorted by tenant and version. People may add comments.
 */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { CORE_SCHEMA, load } from "js-yaml";
import { isMap, isScalar, LineCounter, Pair, parseDocument, Scalar, YAMLMap, type Document, type Node } from "yaml";
import * as z from "zod";
import { ProblemsError, type Problem } from "../config/problem";
import { objectName } from "../config/object-name";
import type { Tenant } from "../config/stack-config";
import { conflict, conflictIn, readTextFile } from "../config/yaml-file";
import { compareVersions, isVersion, versionOfTag } from "../version/version";
import { isDigest } from "./digest";
import type { Evidence } from "./evidence";
import { chartReference } from "./promise";

/** The file's name, in the project's folder. */
export const lockFile = "releases.lock.yaml";

/** 64 MiB hold some 100,000 releases. */
const largestLock = 64 * 1024 * 1024;

/** The evidence of releases, by tenant and version. */
export interface Lock {
  readonly releases: ReadonlyMap<string, ReadonlyMap<string, Evidence>>;
}

const header = `# The evidence of the releases that the stacks name or named, by tenant and version: what was read from Git and from
# the registry when the release was judged. Written by \`authority lock\`, checked by \`authority verify\`.
`;

/** @param expected what messages say is expected */
const fact = (isValid: (text: string) => boolean, expected: string) => z.string(expected).refine(isValid, expected);
const line = (expected: string) => fact((text) => /^[^\p{Cc}]+$/u.test(text), expected);
const objectId = (kind: string) =>
  fact((text) => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text), `${kind} id of 40 or 64 hexadecimal digits`);
const digest = fact(isDigest, "a digest such as `sha256:...`");
/** A map; an empty value is an empty map. */
const map = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => value ?? {}, schema);

/** An entry of the file, with its keys in the order in which they are written. */
const entrySchema = z.strictObject({
  repository: line("a URL").optional(),
  gitTag: line("a Git tag").optional(),
  tagObject: objectId("an object").optional(),
  commit: objectId("a commit").optional(),
  branch: line("a branch").optional(),
  chart: line("a path in the repository, or an address `oci://...`"),
  chartDigest: digest.optional(),
  chartVersion: line("the chart's `version`").optional(),
  appVersion: line("the chart's `appVersion`").optional(),
  revision: line("a revision label").optional(),
  images: map(z.record(z.string(), digest)).optional(),
});
const fileSchema = map(
  z.record(z.string(), map(z.record(fact(isVersion, 'SemVer without prefix, such as "6.15.0"'), map(entrySchema)))),
);

type Entry = z.infer<typeof entrySchema>;
type LockContent = Record<string, Record<string, Entry>>;

/** Unquoted, the version 1.10 would be a number. */
const quotedFields: readonly string[] = ["gitTag", "chartVersion", "appVersion"];

/**
 * Reads the lock of a project. A missing file is an empty lock.
 *
 * @param root the folder of `Pulumi.yaml`
 * @throws ProblemsError with all problems of the file
 */
export function readLock(root: string): Lock {
  return parseLockText(readText(root) ?? "");
}

/**
 * The lock that a text holds, such as the file at another commit.
 *
 * @throws ProblemsError with all problems of the text
 */
export function parseLockText(text: string): Lock {
  const evidenceOf = (version: string, { images = {}, ...facts }: Entry): Evidence => ({
    version,
    ...facts,
    images: Object.entries(images).map(([reference, digest]) => ({ reference, digest })),
  });
  const releases = Object.entries(validContent(text) ?? parseLock(text).content).map(([tenant, versions]) => {
    const entries = Object.entries(versions).map(([version, entry]) => [version, evidenceOf(version, entry)] as const);
    return [tenant, new Map(entries)] as const;
  });
  return { releases: new Map(releases) };
}

/**
 * The evidence of the release that the tenant's `tag` names. Nothing when the lock has none, or has that of another
 * repository, chart or image than the tenant declares now.
 */
export function lockedEvidence(lock: Lock, tenant: Tenant): Evidence | undefined {
  const { tag } = tenant;
  const version = tag === undefined ? undefined : versionOfTag(tag, tenant.prefix.image);
  // A renamed tenant has entries under its first name as well.
  const names = [tenant.name, objectName(tenant)];
  const entries = names.map((name) => lock.releases.get(name)?.get(version ?? ""));
  const evidence = entries.find((entry) => entry !== undefined);
  const matches =
    evidence !== undefined &&
    evidence.repository === tenant.repository &&
    evidence.chart === chartReference(tenant.chart) &&
    tenant.images.every((image) => evidence.images.some(({ reference }) => reference === `${image}:${String(tag)}`));
  return matches ? evidence : undefined;
}

/**
 * The lock with this evidence in place of the former one of the same tenant and version.
 *
 * @throws TypeError when the chart has a problem or an image has no digest: only a release that keeps the promise is
 *   locked
 */
export function withEvidence(lock: Lock, tenantName: string, evidence: Evidence): Lock {
  if ((evidence.chartProblems ?? []).length > 0 || evidence.images.some(({ digest }) => digest === undefined)) {
    throw new TypeError(`release ${evidence.version} of ${tenantName} does not keep the promise, and cannot be locked`);
  }
  const versions = new Map(lock.releases.get(tenantName)).set(evidence.version, evidence);
  return { releases: new Map(lock.releases).set(tenantName, versions) };
}

/** The lock without an entry. A tenant without entries goes too. */
export function withoutEvidence(lock: Lock, tenantName: string, version: string): Lock {
  const versions = new Map(lock.releases.get(tenantName));
  versions.delete(version);
  const releases = new Map(lock.releases).set(tenantName, versions);
  if (versions.size === 0) releases.delete(tenantName);
  return { releases };
}

/** Writes the lock atomically. Comments and the formatting of unchanged entries stay; an unchanged file is not written. */
export async function writeLock(root: string, lock: Lock): Promise<void> {
  const before = readText(root) ?? "";
  const after = lockText(before, lock);
  if (after === before) return;
  const { default: writeFileAtomic } = await import("write-file-atomic");
  await writeFileAtomic(join(root, lockFile), after);
}

/** The file's text with this lock. What has not changed keeps its comments and its formatting. */
export function lockText(before: string, lock: Lock): string {
  const content = contentOf(lock);
  if (before !== "" && isDeepStrictEqual(content, parseLock(before).content)) return before;
  // The first comment belongs to the file, not to the tenant that happens to come first.
  const head = /^(?:#[^\n]*\n)+(?=\n|$)/.exec(before)?.[0] ?? "";
  const { document } = parseLock(before.slice(head.length).replace(/^\n+/, ""));
  document.contents = mergeMap(document.contents, content, (versions, known) =>
    mergeMap(known, versions, (entry, former) =>
      isMap(former) && isDeepStrictEqual(former.toJSON(), entry) ? former : entryNode(document, entry),
    ),
  );
  const body = lock.releases.size === 0 ? "" : `\n${document.toString({ lineWidth: 0 })}`;
  return (head === "" ? header : head) + body;
}

/** Nothing where there is none. A link that leads nowhere exists, and is refused. */
function readText(root: string): string | undefined {
  const path = join(root, lockFile);
  return lstatSync(path, { throwIfNoEntry: false }) && readTextFile(path, lockFile, largestLock);
}

/**
 * What a valid text holds. js-yaml reads it in a third of the time, but does not tell where a fault is. Undefined for
 * invalid text, and for text that js-yaml may read differently: it makes a number of a key such as `0x10`, and a text of a
 * missing one.
 */
function validContent(text: string): LockContent | undefined {
  if (/^[^a-z"# \n]/m.test(text)) return undefined;
  try {
    return fileSchema.safeParse(load(text, { schema: CORE_SCHEMA, maxAliases: 0 })).data;
  } catch {
    return undefined;
  }
}

function parseLock(text: string): { document: Document; content: LockContent } {
  const lineCounter = new LineCounter();
  const document: Document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const problem = (offset: number | undefined, path: readonly PropertyKey[], message: string): Problem => {
    const { line, col: column } = offset === undefined ? {} : lineCounter.linePos(offset);
    return { file: lockFile, line, column, path: path.length === 0 ? undefined : path.join("."), message };
  };
  const invalid = (offset: number | undefined, reason: string) =>
    problem(offset, [], `the file is not valid YAML: ${reason}`);
  if (document.errors.length > 0) {
    const conflictAt = conflictIn(text);
    if (conflictAt !== undefined) throw new ProblemsError([{ ...problem(conflictAt, [], ""), ...conflict }]);
    throw new ProblemsError(document.errors.map(({ message, pos }) => invalid(pos[0], message)));
  }
  const parsed = fileSchema.safeParse(toPlain(document, invalid));
  if (parsed.success) return { document, content: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => {
    const { path, code, message } = issue;
    if (code === "unrecognized_keys") {
      const known = Object.keys(entrySchema.shape).join(", ");
      return issue.keys.map((key) => {
        const here = [...path, key];
        return problem(nodesAt(document, here).key, here, `unknown key; expected one of ${known}`);
      });
    }
    const { key, value, parent, node } = nodesAt(document, path);
    const name = String(path.at(-1));
    if (code === "invalid_key") {
      const expected = issue.issues[0]?.message ?? "";
      return [problem(key, path, `${JSON.stringify(name)} is not a version; expected ${expected}`)];
    }
    if (node === undefined) return [problem(parent, path.slice(0, -1), `\`${name}\` is missing`)];
    if (code === "invalid_type" && issue.expected !== "string") return [problem(value, path, "expected a map")];
    const came = isScalar(node) ? (node.source ?? String(node.value)) : "a map or a list";
    const unquoted = isScalar(node) && typeof node.value === "number" ? " without quotes" : "";
    return [problem(value, path, `${JSON.stringify(came)}${unquoted}; expected ${message}`)];
  });
  throw new ProblemsError(problems.sort((one, other) => (one.line ?? 0) - (other.line ?? 0)));
}

/** @throws ProblemsError for an alias without an anchor, or for too many aliases */
function toPlain(document: Document, problem: (offset: undefined, reason: string) => Problem): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ProblemsError([problem(undefined, (error as Error).message)]);
  }
}

/** The value at the path, and the offsets of its key, of itself and of the map that holds it. */
function nodesAt(document: Document, path: readonly PropertyKey[]) {
  const parent = document.getIn(path.slice(0, -1), true) as Node | undefined;
  const pair = isMap<Node, Node>(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
    : undefined;
  const node = path.length === 0 ? document.contents : pair?.value;
  return { node, key: pair?.key.range?.[0], value: node?.range?.[0], parent: parent?.range?.[0] };
}

/** The lock as the file holds it: sorted, with the keys of each entry in their order. */
function contentOf(lock: Lock): LockContent {
  const entryOf = (evidence: Evidence): Entry => {
    const images = Object.fromEntries(evidence.images.map(({ reference, digest }) => [reference, String(digest)]));
    const facts = Object.keys(entrySchema.shape).map((key) => [key, evidence[key as keyof Evidence]] as const);
    const present = facts.filter(([key, value]) => key !== "images" && value !== undefined);
    return { ...Object.fromEntries(present), ...(evidence.images.length === 0 ? {} : { images }) } as Entry;
  };
  return Object.fromEntries(
    [...lock.releases]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([tenant, versions]) => {
        const sorted = [...versions].sort(([one], [other]) => compareVersions(one, other));
        return [tenant, Object.fromEntries(sorted.map(([version, evidence]) => [version, entryOf(evidence)]))];
      }),
  );
}

function entryNode(document: Document, entry: Entry): YAMLMap {
  const node = document.createNode(entry) as YAMLMap<Scalar, Scalar>;
  for (const { key, value } of node.items) {
    if (value !== null && quotedFields.includes(String(key.value))) value.type = Scalar.QUOTE_DOUBLE;
  }
  return node;
}

/** A map of the entries, with the key nodes and comments of the former map. */
function mergeMap<Value>(
  former: unknown,
  entries: Readonly<Record<string, Value>>,
  merge: (value: Value, former: unknown) => unknown,
): YAMLMap {
  const map = isMap(former) ? former : new YAMLMap();
  const pairs = new Map(map.items.map((pair) => [String((pair.key as Scalar).value), pair]));
  // The comment before the first entry is the map's, and goes with that entry.
  const [first] = pairs.keys();
  if (first !== undefined && !Object.hasOwn(entries, first)) map.commentBefore = undefined;
  map.flow = false;
  map.items = Object.entries(entries).map(([name, value]): Pair => {
    const key = new Scalar(name);
    if (isVersion(name)) key.type = Scalar.QUOTE_DOUBLE;
    const pair = pairs.get(name) ?? new Pair(key);
    pair.value = merge(value, pair.value);
    return pair;
  });
  return map;
}
