/**
 * What a stack file may not look like, whatever its values: each rule keeps Pulumi, Flux, and this program from
 * reading the same text in different ways.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, Scalar, type Node, type Pair, type YAMLMap } from "yaml";
import { distance } from "fastest-levenshtein";
import type { Report } from "./report";
import { projectPrefix, stackSchema } from "./schema";
import type { ConfigPath, StackFile } from "./stack-file";
import { strayInScalar } from "./stray-character";
import { nearest } from "./suggestion";
import { keyText, reportDuplicateKeys, startOf } from "./yaml-file";

/** Keys that JavaScript gives a meaning of its own. */
const dangerousKeys: readonly string[] = ["__proto__", "constructor", "prototype"];

/** The settings below `shared-authority:`, without the prefix, as plain values. What is wrong goes to the report. */
export function readSettings(report: Report): Record<string, unknown> {
  const { file } = report;
  const { contents } = file.document;
  if (isMap(contents)) checkTopLevel(report, contents);
  if (file.config === undefined) return {};
  checkDuplicates(report, file.config, []);
  for (const pair of file.config.items) {
    const key = keyText(pair);
    if (key === undefined) report.addAt([], "A key of the config is no text.");
    else if (key.startsWith(`${projectPrefix}:`)) checkPair(report, pair, [key]);
    else checkForeignKey(report, key);
  }
  return settingsOf(file);
}

/** The settings below `shared-authority:`, without the prefix, as plain values, unchecked. */
export function settingsOf(file: StackFile): Record<string, unknown> {
  const entries = (file.config?.items ?? []).flatMap((pair): [string, unknown][] => {
    const key = keyText(pair);
    if (key?.startsWith(`${projectPrefix}:`) !== true) return [];
    const name = key.slice(projectPrefix.length + 1);
    return dangerousKeys.includes(name) ? [] : [[name, plainValue(pair.value ?? nothing)]];
  });
  return Object.fromEntries(entries);
}

/** The node as plain values. An alias, refused with a problem of its own, is left out, so that nothing is expanded. */
function plainValue(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map(plainValue);
  if (!isMap(node)) return undefined;
  const entries = node.items.map((pair) => [keyText(pair), plainValue(pair.value ?? nothing)] as const);
  return Object.fromEntries(
    entries.filter(([key]) => key !== undefined && key !== "<<" && !dangerousKeys.includes(key)),
  );
}

/** What a key without a value has. */
const nothing = new Scalar(null);

function checkTopLevel(report: Report, contents: YAMLMap): void {
  const place = (pair: Pair) => ({ file: report.file.path, ...startOf(report.file, pair.key) });
  reportDuplicateKeys(
    contents,
    (pair) => startOf(report.file, pair.key)?.line,
    (pair, key, firstLine) => {
      report.addProblem({ ...place(pair), path: key, ...duplicate(key, firstLine) });
    },
  );
  for (const pair of contents.items) {
    const key = keyText(pair) ?? "";
    if (key.startsWith(`${projectPrefix}:`)) {
      report.addProblem({
        ...place(pair),
        path: key,
        message: `The key \`${key}\` stands at the top of the file; expected it below \`config:\`.`,
        fix: "Indent it below `config:`.",
      });
    } else if (key !== "config" && key !== "" && distance(key.toLowerCase(), "config") <= 2) {
      report.addProblem({
        ...place(pair),
        path: key,
        message: `The key \`${key}\` is unknown.`,
        fix: "Did you mean `config`?",
      });
    }
  }
}

function checkForeignKey(report: Report, key: string): void {
  const known = Object.keys(stackSchema().shape);
  const colon = key.indexOf(":");
  if (colon === -1) {
    const meant = nearest(key, known);
    report.addAt(
      [key],
      `The key \`${key}\` has no project prefix; expected a key such as \`${projectPrefix}:follow\`.`,
      meant === undefined
        ? "Give it the prefix of the project or provider that it belongs to."
        : `Did you mean \`${projectPrefix}:${meant}\`?`,
      "key",
    );
    return;
  }
  const prefix = key.slice(0, colon);
  if (distance(prefix.toLowerCase().replaceAll("_", "-"), projectPrefix) <= 3) {
    const name = key.slice(colon + 1);
    report.addAt(
      [key],
      `The prefix \`${prefix}\` is unknown; expected \`${projectPrefix}\`.`,
      `Did you mean \`${projectPrefix}:${nearest(name, known) ?? name}\`?`,
      "key",
    );
  }
}

function checkPair(report: Report, pair: Pair, path: ConfigPath): void {
  const key = path.at(-1);
  if (typeof key === "string" && dangerousKeys.includes(key.replace(`${projectPrefix}:`, ""))) {
    report.addAt(
      path,
      `The name \`${key}\` is refused: it has a meaning of its own in JavaScript.`,
      "Choose another name.",
      "key",
    );
  }
  if (isNode(pair.key)) checkDecoration(report, pair.key, path, "key");
  if (isNode(pair.value)) checkNode(report, pair.value, path);
}

function checkNode(report: Report, node: Node, path: ConfigPath): void {
  checkDecoration(report, node, path, "value");
  if (report.isSpoiled(path)) return;
  if (isScalar(node)) checkScalar(report, node, path);
  else if (isMap(node)) checkMap(report, node, path);
  else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      if (isNode(item)) checkNode(report, item, [...path, index]);
    }
  }
}

function checkMap(report: Report, map: YAMLMap, path: ConfigPath): void {
  checkDuplicates(report, map, path);
  for (const pair of map.items) {
    const key = keyText(pair);
    if (key === undefined) {
      report.addAt(path, "A key of the mapping is a list, a mapping, or an alias; expected a text.");
    } else if (key === "<<") {
      report.spoil(
        [...path, key],
        "Merge keys (`<<`) are refused: one edit would change several entries.",
        "Write the entry out.",
        "key",
      );
    } else if (key === "secure") {
      report.spoil(
        path,
        "Encrypted values (`secure:`) are refused: Flux cannot decrypt them, and every decision must be readable in its commit.",
        "Put the value into a Secret in the authority namespace and name it in the tenant's `secrets`.",
      );
    } else {
      checkPair(report, pair, [...path, key]);
    }
  }
}

/** Anchors, aliases and tags: a comment-keeping edit of one entry would silently change another, or its type. */
function checkDecoration(report: Report, node: Node, path: ConfigPath, part: "key" | "value"): void {
  if (isAlias(node)) {
    report.spoil(
      path,
      `The alias \`*${node.source}\` is refused: one edit would change several entries.`,
      "Write the value out.",
      part,
    );
    return;
  }
  if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) {
    report.spoil(
      path,
      `The anchor \`&${node.anchor}\` is refused: one edit would change several entries.`,
      "Remove it.",
      part,
    );
  }
  if (node.tag !== undefined) {
    report.spoil(
      path,
      `The YAML tag \`${node.tag}\` is refused; expected a plain value.`,
      "Remove it, and quote what is a text.",
      part,
    );
  }
}

/**
 * Characters that no object can carry, and scalars that Pulumi's YAML (yaml.v3 of Go) and ours read differently.
 * Measured with Pulumi 3.259: `2026-01-02` comes to the program as "2026-01-02 00:00:00 +0000 UTC", `010` as 8,
 * `1_000` as 1000.
 */
function checkScalar(report: Report, scalar: Scalar, path: ConfigPath): void {
  const { source, value } = scalar;
  const stray = typeof value === "string" ? strayInScalar(value) : undefined;
  if (stray !== undefined) {
    report.addAt(path, `The value holds the character ${stray}, which no object can carry.`, "Remove it.");
  }
  if (scalar.type !== "PLAIN" || source === undefined) return;
  const readDifferently =
    typeof value === "number" || typeof value === "bigint"
      ? !/^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?$/.test(source)
      : typeof value === "string" &&
        (/^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt\s])/.test(source) ||
          /^[-+.]?[0-9][0-9a-fA-FoxX_.eE+-]*_[0-9a-fA-F_.]*$|^[-+]?0[bB][01_]+$/.test(source));
  if (readDifferently) {
    report.addAt(
      path,
      `The value \`${source}\` means one thing to Pulumi and another to other readers of YAML.`,
      `Quote it if it is a text: \`"${source}"\`; write a number in plain decimal digits.`,
    );
  }
}

function checkDuplicates(report: Report, map: YAMLMap, path: ConfigPath): void {
  reportDuplicateKeys(
    map,
    (pair) => startOf(report.file, pair.key)?.line,
    (_pair, key, firstLine) => {
      const { message, fix } = duplicate(key, firstLine);
      report.spoil([...path, key], message, fix, "key");
    },
  );
}

function duplicate(key: string, firstLine: number | undefined): { message: string; fix: string } {
  return {
    message: `The key \`${key}\` stands twice; the first one is on line ${firstLine ?? 0}.`,
    fix: "Remove one of the two.",
  };
}
