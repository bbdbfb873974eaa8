/**
 * `releases.lock.yaml`: the evidence of every release that was ever deployed, so that previews and rollbacks need no
 * network. By tenant, then by version; people may comment it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isScalar, LineCounter, Pair, parseDocument, Scalar, visit, YAMLMap, type Document } from "yaml";
import type { Tenant } from "../config/stack-config";
import { ProblemsError, type Problem } from "../config/problem";
import { reportDuplicateKeys } from "../config/yaml-file";
import { compareVersions, isVersion, versionOfTag } from "../version/version";
import { isDigest } from "./digest";
import type { Evidence } from "./evidence";
import { chartReference } from "./promise";

/** The file's name, at the project's root. */
export const lockFile = "releases.lock.yaml";

/** The evidence of releases, by tenant and version. */
export interface Lock {
  readonly releases: ReadonlyMap<string, ReadonlyMap<string, Evidence>>;
}

const header = `# The evidence of every release that was ever deployed, by tenant and version: what was read from Git and from the
# registry when the release was judged. Written by \`authority lock\`, checked by \`authority verify\`.
`;

const isObjectId = (text: string) => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
const isText = (text: string) => /^[^\p{Cc}]+$/u.test(text);

/** The texts of an entry in the order in which they are written, and what each must look like. */
const fields = {
  repository: [isText, "a URL"],
  gitTag: [isText, "a Git tag"],
  tagObject: [isObjectId, "an object id of 40 or 64 hexadecimal digits"],
  commit: [isObjectId, "a commit id of 40 or 64 hexadecimal digits"],
  branch: [isText, "a branch"],
  chart: [isText, "a path in the repository, or an address `oci://...`"],
  chartDigest: [isDigest, "a digest such as `sha256:...`"],
  chartVersion: [isText, "the chart's `version`"],
  appVersion: [isText, "the chart's `appVersion`"],
  revision: [isText, "a revision label"],
} as const satisfies Partial<Record<keyof Evidence, readonly [(text: string) => boolean, string]>>;

type Field = keyof typeof fields;

/** Versions and tags are always in quotes: `1.10` is a number. */
const quotedFields: readonly string[] = ["gitTag", "chartVersion", "appVersion"];

/**
 * Reads the lock of a project. A lock that is not there is an empty one.
 *
 * @param root the folder that holds `Pulumi.yaml`
 * @throws ProblemsError with everything that is wrong with the file
 */
export function readLock(root: string): Lock {
  const text = readFile(root);
  if (text === undefined) {
    return { releases: new Map() };
  }
  const lines = new LineCounter();
  const document = parseLock(text, lines);
  const problems: Problem[] = [];
  const report = (node: unknown, path: readonly string[], message: string) => {
    const offset = (node as { range?: [number, number, number] } | null | undefined)?.range?.[0];
    const place = offset === undefined ? {} : { line: lines.linePos(offset).line, column: lines.linePos(offset).col };
    problems.push({ file: lockFile, ...place, path: path.join("."), message });
  };
  const releases = new Map<string, ReadonlyMap<string, Evidence>>();
  for (const [tenant, versions] of entriesOf(document.contents, [], report)) {
    const known = new Map<string, Evidence>();
    for (const [version, entry, key] of entriesOf(versions, [tenant], report)) {
      if (!isVersion(version)) {
        report(
          key,
          [tenant, version],
          `${JSON.stringify(version)} is no version; expected SemVer without prefix, such as "6.15.0"`,
        );
        continue;
      }
      known.set(version, readEntry(version, entry, [tenant, version], report));
    }
    releases.set(tenant, known);
  }
  if (problems.length > 0) {
    throw new ProblemsError(problems);
  }
  return { releases };
}

/**
 * The lock's evidence of the release that the tenant's `tag` names. Nothing when there is none, or when it was read
 * for another repository, chart or image than the tenant declares now.
 */
export function lockedEvidence(lock: Lock, tenant: Tenant): Evidence | undefined {
  const { tag } = tenant;
  const version = tag === undefined ? undefined : versionOfTag(tag, tenant.prefix.image);
  const evidence = version === undefined ? undefined : lock.releases.get(tenant.name)?.get(version);
  const matches =
    evidence !== undefined &&
    evidence.repository === tenant.repository &&
    evidence.chart === chartReference(tenant.chart) &&
    tenant.images.every((image) => evidence.images.some(({ reference }) => reference === `${image}:${String(tag)}`));
  return matches ? evidence : undefined;
}

/**
 * The lock with this evidence in place of what it had for the same tenant and version.
 *
 * @throws TypeError for evidence with a problem of the chart or without an image's digest: only a release that keeps
 *   the promise is locked
 */
export function withEvidence(lock: Lock, tenantName: string, evidence: Evidence): Lock {
  if ((evidence.chartProblems ?? []).length > 0 || evidence.images.some(({ digest }) => digest === undefined)) {
    throw new TypeError(`release ${evidence.version} of ${tenantName} does not keep the promise, and cannot be locked`);
  }
  const versions = new Map(lock.releases.get(tenantName)).set(evidence.version, evidence);
  return { releases: new Map(lock.releases).set(tenantName, versions) };
}

/**
 * Writes the lock, whole or not at all, sorted by tenant and version. Comments of the file stay, and so do entries
 * that say the same as before, to the byte.
 */
export async function writeLock(root: string, lock: Lock): Promise<void> {
  const before = readFile(root);
  const { head, body } = splitHead(before ?? "");
  const document = parseLock(body, new LineCounter());
  document.contents = mergeMap(document.contents, [...lock.releases].sort(byName), (versions, node) =>
    mergeMap(
      node,
      [...versions].sort(([one], [other]) => compareVersions(one, other)),
      (evidence, known) => {
        const entry = document.createNode(toPlain(evidence)) as YAMLMap;
        quoteVersions(entry);
        return isMap(known) && JSON.stringify(known.toJSON()) === JSON.stringify(entry.toJSON()) ? known : entry;
      },
    ),
  );
  const text = head + (lock.releases.size === 0 ? "" : `\n${document.toString({ lineWidth: 0 })}`);
  if (text !== before) {
    const { default: writeFileAtomic } = await import("write-file-atomic");
    await writeFileAtomic(join(root, lockFile), text);
  }
}

/** The comment at the top of the file, which stays there whichever tenant comes first, and the rest. */
function splitHead(text: string): { head: string; body: string } {
  const head = /^(?:#[^\n]*\n)+(?=\n|$)/.exec(text)?.[0] ?? "";
  return { head: head === "" ? header : head, body: text.slice(head.length).replace(/^\n+/, "") };
}

function readFile(root: string): string | undefined {
  try {
    return readFileSync(join(root, lockFile), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      return undefined;
    }
    throw new ProblemsError([{ file: lockFile, message: `the file cannot be read: ${code ?? String(error)}` }]);
  }
}

function parseLock(text: string, lineCounter: LineCounter): Document {
  // The library compares every key of a map with every other; our own look grows in proportion.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  const faults = document.errors.map(({ message, pos }) => ({ message, offset: pos[0] }));
  visit(document, {
    Map: (_, map) =>
      reportDuplicateKeys(
        map,
        () => undefined,
        ({ key }) =>
          faults.push({ message: "Map keys must be unique", offset: isScalar(key) ? (key.range?.[0] ?? 0) : 0 }),
      ),
  });
  if (faults.length > 0) {
    throw new ProblemsError(
      faults.map(({ message, offset }) => {
        const { line, col } = lineCounter.linePos(offset);
        return { file: lockFile, line, column: col, message: `the file is no YAML: ${message}` };
      }),
    );
  }
  return document;
}

type Report = (node: unknown, path: readonly string[], message: string) => void;

/** Key, value and the key's node of each entry of a map; an empty file or value has none. */
function entriesOf(node: unknown, path: readonly string[], report: Report): [string, unknown, unknown][] {
  if (node === null || node === undefined || (isScalar(node) && node.value === null)) {
    return [];
  }
  if (!isMap(node)) {
    report(node, path, "expected a map");
    return [];
  }
  return node.items.map(({ key, value }) => [isScalar(key) ? String(key.value) : String(key), value, key]);
}

function readEntry(version: string, node: unknown, path: readonly string[], report: Report): Evidence {
  const facts: Partial<Record<Field, string>> = {};
  let images: Evidence["images"] = [];
  for (const [key, value, keyNode] of entriesOf(node, path, report)) {
    const here = [...path, key];
    if (key === "images") {
      images = entriesOf(value, here, report).map(([reference, digest]) => ({
        reference,
        digest: readScalar(digest, [isDigest, "a digest such as `sha256:...`"], [...here, reference], report),
      }));
    } else if (isField(key)) {
      facts[key] = readScalar(value, fields[key], here, report);
    } else {
      report(keyNode, here, `unknown key; expected one of ${[...Object.keys(fields), "images"].join(", ")}`);
    }
  }
  const { chart } = facts;
  if (chart === undefined) {
    report(node, path, "`chart` is missing");
  }
  return { version, ...facts, chart: chart ?? "", images };
}

function isField(key: string): key is Field {
  return Object.hasOwn(fields, key);
}

function readScalar(
  node: unknown,
  [isGood, expected]: readonly [(text: string) => boolean, string],
  path: readonly string[],
  report: Report,
): string {
  const value: unknown = isScalar(node) ? node.value : undefined;
  if (typeof value === "string" && isGood(value)) {
    return value;
  }
  const came = isScalar(node) ? (node.source ?? String(node.value)) : "a map or a list";
  report(
    node,
    path,
    `${JSON.stringify(came)}${typeof value === "number" ? " without quotes" : ""}; expected ${expected}`,
  );
  return "";
}

function toPlain(evidence: Evidence): Record<string, unknown> {
  const texts = (Object.keys(fields) as Field[]).flatMap((field) => {
    const value = evidence[field];
    return value === undefined ? [] : [[field, value] as const];
  });
  const images = evidence.images.flatMap(({ reference, digest }) =>
    digest === undefined ? [] : [[reference, digest] as const],
  );
  return { ...Object.fromEntries(texts), ...(images.length === 0 ? {} : { images: Object.fromEntries(images) }) };
}

function quoteVersions(entry: YAMLMap): void {
  for (const { key, value } of entry.items) {
    if (isScalar(key) && isScalar(value) && quotedFields.includes(String(key.value))) {
      value.type = Scalar.QUOTE_DOUBLE;
    }
  }
}

/** The entries as a map in their order, on the nodes and with the comments that the file has for them. */
function mergeMap<Value>(
  known: unknown,
  entries: readonly (readonly [string, Value])[],
  merge: (value: Value, known: unknown) => unknown,
): YAMLMap {
  const map = isMap(known) ? known : new YAMLMap();
  const pairs = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : "", pair]));
  map.flow = false;
  map.items = entries.map(([name, value]): Pair => {
    const pair = pairs.get(name) ?? new Pair(keyOf(name));
    pair.value = merge(value, pair.value);
    return pair;
  });
  return map;
}

function keyOf(name: string): Scalar {
  const key = new Scalar(name);
  if (isVersion(name)) {
    key.type = Scalar.QUOTE_DOUBLE;
  }
  return key;
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
