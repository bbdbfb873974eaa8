/** How the objects of two rendered charts differ. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { isMapping, textAt } from "../config/report";
import { fullRepository, parseImage } from "../config/image-reference";
import type { Tenant } from "../config/stack-config";
import { allowedRepositories, refusedImages } from "../manifests/image-admission";
import { yamlText } from "../manifests/yaml-text";
import { runGit } from "../release/git-command";
import { withScratchFolder } from "../release/scratch-folder";
import { listed } from "./changes";
import { secretsOf, withoutSecrets } from "./hidden";
import type { Chart, Image, ObjectChange } from "./model";

type KubeObject = Readonly<Record<string, unknown>>;

const mostObjects = 100;
const mostLines = 200;
const longestLine = 300;

/** Labels that hold the version of chart or application: they change with every release, in every object. */
const versionLabels = ["helm.sh/chart", "app.kubernetes.io/version", "chart"];

/** The objects in a YAML stream by group, kind, namespace and name. What is not an object is left out. */
export function objectsOf(stream: string): Map<string, KubeObject> {
  const objects = new Map<string, KubeObject>();
  const documents = parseAllDocuments(stream, { uniqueKeys: false, logLevel: "silent" });
  for (const document of Array.isArray(documents) ? documents : []) {
    const object = plain(document);
    if (!isMapping(object) || typeof object.kind !== "string") continue;
    const [group] = String(object.apiVersion).split("/");
    const isCore = !String(object.apiVersion).includes("/");
    const [namespace, own] = ["namespace", "name"].map((field) => textAt(object, "metadata", field));
    const name = [isCore ? "" : group, object.kind, namespace, own].join("/");
    let key = name;
    for (let count = 2; objects.has(key); count += 1) key = `${name}#${count}`;
    objects.set(key, object);
  }
  return objects;
}

function plain(document: { toJS(options: { maxAliasCount: number }): unknown }): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch {
    return undefined;
  }
}

/** The objects that differ. Secrets, and what looks like a credential, are not shown. */
export async function chartChanges(
  before: ReadonlyMap<string, KubeObject>,
  after: ReadonlyMap<string, KubeObject>,
): Promise<Pick<Chart, "objects" | "relabelled" | "unchanged">> {
  const keys = [...new Set([...after.keys(), ...before.keys()])];
  const relabelled: string[] = [];
  const changed: { title: string; change: ObjectChange["change"]; texts: [string, string] }[] = [];
  let unchanged = 0;
  for (const key of keys) {
    const [one, other] = [before.get(key), after.get(key)];
    const title = titleOf(other ?? one ?? {});
    const same = (by: (object: KubeObject) => unknown) =>
      one && other && yamlText(by(one) as object) === yamlText(by(other) as object);
    if (same((object) => object) === true) unchanged += 1;
    else if (same(withoutVersionLabels) === true) relabelled.push(title);
    else {
      const secrets = await secretsOf([one, other]);
      const [left, right] = withoutSecrets(one, other, secrets);
      const text = (side: unknown) =>
        side === undefined ? "" : secrets.withoutSecrets(yamlText(withoutVersionLabels(side) as object));
      const change = one === undefined ? "added" : other === undefined ? "removed" : "changed";
      changed.push({ title: secrets.withoutSecrets(title), change, texts: [text(left), text(right)] });
    }
  }
  // What is deleted is what a reviewer must not miss.
  const order = ["removed", "changed", "added"];
  changed.sort((one, other) => order.indexOf(one.change) - order.indexOf(other.change));
  const { shown, more } = listed(changed, mostObjects);
  const diffs = await unifiedDiffs(shown.map(({ texts }) => texts));
  const objects = shown.map(({ title, change }, index): ObjectChange => ({
    object: title,
    change,
    ...cutDiff(diffs[index] ?? []),
  }));
  return { objects: { shown: objects, more }, relabelled, unchanged };
}

function titleOf(object: KubeObject): string {
  const [namespace = "", name = ""] = ["namespace", "name"].map((field) => textAt(object, "metadata", field));
  return `${String(object.kind)} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}

/** The object with these labels blanked, in its pod template too. */
function withoutVersionLabels(value: unknown): unknown {
  if (!isMapping(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => {
    if (key === "labels" && isMapping(item)) {
      return [key, Object.fromEntries(Object.entries(item).filter(([label]) => !versionLabels.includes(label)))];
    }
    return [key, withoutVersionLabels(item)];
  });
  return Object.fromEntries(entries) as unknown;
}

/** The hunks of each pair of texts, by one process of Git. */
async function unifiedDiffs(pairs: readonly (readonly [string, string])[]): Promise<string[][]> {
  if (pairs.length === 0) return [];
  return withScratchFolder("authority-diff-", async (folder) => {
    for (const side of ["before", "after"] as const) {
      mkdirSync(join(folder, side));
      pairs.forEach((pair, index) => writeFileSync(join(folder, side, String(index)), pair[side === "before" ? 0 : 1]));
    }
    const form = [
      "--no-index",
      "--no-color",
      "--no-ext-diff",
      "--no-textconv",
      "--no-renames",
      "--text",
      "--unified=3",
    ];
    let text = "";
    const onOutput = (part: Buffer) => void (text += part.toString("latin1"));
    // Git says by its exit code that there are differences.
    await runGit(["-c", "core.autocrlf=false", "diff", ...form, "before", "after"], {
      folder,
      timeoutMs: 60_000,
      onOutput,
    }).catch((error: unknown) => {
      if (text === "") throw error;
    });
    const diffs: string[][] = pairs.map(() => []);
    for (const part of Buffer.from(text, "latin1")
      .toString("utf8")
      .split(/^diff --git (?=a\/(?:before|after)\/\d+ )/m)) {
      const index = Number(/^a\/(?:before|after)\/(\d+) /.exec(part)?.[1] ?? NaN);
      const hunks = part.indexOf("\n@@");
      if (!Number.isNaN(index) && hunks >= 0)
        diffs[index] = part
          .slice(hunks + 1)
          .trimEnd()
          .split("\n");
    }
    return diffs;
  });
}

function cutDiff(lines: readonly string[]): Pick<ObjectChange, "diff" | "cut"> {
  const shown = lines
    .slice(0, mostLines)
    .map((line) => line.replace(/^(@@ [-+,\d ]+ @@).*/, "$1"))
    .map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)}...` : line));
  return { diff: shown.join("\n"), cut: Math.max(0, lines.length - mostLines) };
}

/** The images of the chart at the head, each judged against the tenant's declaration. */
export function chartImages(
  before: ReadonlyMap<string, KubeObject>,
  after: ReadonlyMap<string, KubeObject>,
  tenant: Tenant,
): Image[] {
  const allowed = allowedRepositories(tenant);
  const own = tenant.images.map(fullRepository);
  const known = new Set(imagesIn(before));
  return imagesIn(after).map((image) => {
    const { repository, tag, digest } = parseImage(image);
    const isRelease = tag === tenant.tag || (digest !== undefined && digest === tenant.digest);
    const verdict = own.includes(repository)
      ? tenant.tag === undefined || isRelease
        ? "release"
        : "other-tag"
      : allowed.includes(repository)
        ? "also"
        : "undeclared";
    return { image, isNew: !known.has(image), verdict };
  });
}

function imagesIn(objects: ReadonlyMap<string, KubeObject>): string[] {
  return [...new Set([...objects.values()].flatMap((object) => safeImages(object)))].sort();
}

/** A chart may write anything in the place of a pod spec. */
function safeImages(object: KubeObject): string[] {
  try {
    return refusedImages(object, []).filter((image) => typeof image === "string");
  } catch {
    return [];
  }
}
