import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import type { KubernetesObject } from "../../src/manifests/object";
import { contentHash, type ConfigMapContent } from "../../src/manifests/content-hash";
import { temporaryDirectory } from "../support/directory";
import { requireTools } from "../support/tools";
import { awkwardText, awkwardTexts } from "./awkward-text";
import { manifestsOf, only } from "./example-stack";

/** The files of one generated ConfigMap, by key; each content in base64, since not all of it is text. */
type GeneratedFiles = Readonly<Record<string, string>>;

/** One line of the fixture: what went in, and the hash at the end of the name that came out. */
interface Generated {
  readonly files: GeneratedFiles;
  readonly hash: string;
}

const fixture = join(__dirname, "../fixtures/kustomize/hashes.jsonl");

// kustomize fails on a key that YAML reads as a number or a boolean.
const key = fc.stringMatching(/^[-._a-zA-Z0-9]{1,12}\.[yY]aml$/);

// kustomize fails on control characters, and on some texts of lines that begin with a tab.
const readable = (text: string): boolean => !/[\x7f-\x9f\ufffe\uffff]|\n\s*\t|^\s*\t[^]*\n/.test(text);

const text = fc.oneof(
  awkwardText.filter(readable),
  fc.string({ unit: "binary", maxLength: 40 }).filter(readable),
  fc.constantFrom("replicaCount: 2\n", "a: <b>&c\n", "a: b  \nc: d \n", "\u2028\u2029", "x".repeat(2_000)),
);

const bytes = fc.oneof(
  { weight: 9, arbitrary: text.map((content) => Buffer.from(content)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((content) => Buffer.from([0xff, ...content])) },
);

const filesOfOneMap = fc.dictionary(
  key,
  bytes.map((content) => content.toString("base64")),
  {
    minKeys: 1,
    maxKeys: 4,
    noNullPrototype: true,
  },
);

function generatedInputs(count: number): GeneratedFiles[] {
  const single = awkwardTexts
    .filter(readable)
    .map((content) => ({ "values.yaml": Buffer.from(content).toString("base64") }));
  return [...fc.sample(filesOfOneMap, { numRuns: count, seed: 200 }), ...single];
}

/** The hashes in the names that `kubectl kustomize` gives, for all inputs in one run. */
function kustomizeHashes(directory: string, inputs: readonly GeneratedFiles[]): string[] {
  const generators = inputs.map((files, map) => {
    mkdirSync(join(directory, String(map)));
    const sources = Object.entries(files).map(([name, content], file) => {
      writeFileSync(join(directory, String(map), String(file)), Buffer.from(content, "base64"));
      return `${name}=${map}/${file}`;
    });
    return { name: `tenant-${map}-values`, files: sources };
  });
  writeFileSync(join(directory, "kustomization.yaml"), stringify({ configMapGenerator: generators }));
  const { status, stdout, stderr } = spawnSync("kubectl", ["kustomize", directory], {
    encoding: "utf8",
    maxBuffer: 256 << 20,
  });
  assert.equal(status, 0, stderr);
  const hashes = new Map(
    Array.from(stdout.matchAll(/^ {2}name: tenant-(\d+)-values-(\S+)$/gm), ([, map, hash]) => [
      Number(map),
      hash ?? "",
    ]),
  );
  return inputs.map((_, map) => hashes.get(map) ?? "");
}

/** kustomize writes base64 in lines of 70 characters, and the line breaks count in the hash. */
function wrapped(base64: string): string {
  return base64.length < 70 ? base64 : base64.replace(/.{1,70}/g, "$&\n");
}

/** As kustomize sorts files into a ConfigMap: text is data, anything else is binary. */
function contentOf(files: GeneratedFiles): ConfigMapContent {
  const data: Record<string, string> = {};
  const binaryData: Record<string, string> = {};
  for (const [name, base64] of Object.entries(files)) {
    const content = Buffer.from(base64, "base64");
    const asText = content.toString("utf8");
    if (Buffer.from(asText).equals(content)) data[name] = asText;
    else binaryData[name] = wrapped(base64);
  }
  return { data, binaryData };
}

describe("contentHash", () => {
  const directory = temporaryDirectory();

  it("gives the names that `kubectl kustomize` gives for 200 generated inputs", function () {
    requireTools(this, "kubectl");
    const inputs = generatedInputs(200);
    const hashes = kustomizeHashes(directory(), inputs);
    inputs.forEach((files, index) => {
      assert.equal(contentHash(contentOf(files)), hashes[index], JSON.stringify(files));
    });
    if (process.env.UPDATE_FIXTURES === "1") {
      const lines = inputs.map((files, index) => JSON.stringify({ files, hash: hashes[index] }));
      writeFileSync(fixture, `${lines.join("\n")}\n`);
    }
  });

  it("gives the names that kustomize gave", () => {
    const recorded = readFileSync(fixture, "utf8").trimEnd().split("\n");
    assert.ok(recorded.length >= 200);
    for (const line of recorded) {
      const { files, hash } = JSON.parse(line) as Generated;
      assert.equal(contentHash(contentOf(files)), hash, line);
      assert.match(hash, /^[2456789bcdfghkmt]{10}$/);
    }
  });

  it("is the hash of the content alone, whatever the order of the keys", () => {
    assert.equal(contentHash({ data: { a: "1", b: "2" } }), contentHash({ data: { b: "2", a: "1" } }));
    assert.notEqual(contentHash({ data: { a: "1" } }), contentHash({ data: { a: "2" } }));
    assert.equal(contentHash({ data: { "values.yaml": "replicaCount: 2\n" } }), "857mh2h2h8");
  });

  it("names the ConfigMap of special config", () => {
    const objects = manifestsOf({
      values: [{ path: "tenants/podinfo/values.yaml", content: "replicaCount: 2\n" }],
    });
    const map = only(objects, "ConfigMap") as KubernetesObject;
    assert.equal(map.metadata.name, "podinfo-values-857mh2h2h8");
  });
});
