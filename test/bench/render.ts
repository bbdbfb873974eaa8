/**
 * `authority render` compared with `kubectl kustomize` for the same tenants: time and peak memory of a new process.
 *
 *   npx tsx test/bench/render.ts [--rounds 3] [--smallest 10] [--largest 10000] [--largest-kustomize 100]
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { readStackConfig } from "../../src/config/read-stack-config";
import { findExecutable } from "../../demo/executable";
import { label } from "../../src/manifests/annotation";
import type { KubernetesObject } from "../../src/manifests/object";
import { renderedFile } from "../../src/manifests/rendered-file";
import { stackObjects } from "../../src/manifests/stack-objects";
import { yamlText } from "../../src/manifests/yaml-text";
import { createEvidenceReader } from "../../src/release/evidence-reader";
import { readLock } from "../../src/release/lock";
import { resolveStack } from "../../src/release/resolve";
import { writeStack } from "./synthetic-stack";
import {
  alternate,
  type Programs,
  describeMachine,
  describeSeconds,
  median,
  numberOption,
  type Run,
  runOnce,
} from "./measure";

const authority = join(__dirname, "..", "..", "bin", "authority.js");

/** Tells kustomize which field of a HelmRelease refers to a ConfigMap. */
const nameReference = {
  nameReference: [
    {
      kind: "ConfigMap",
      version: "v1",
      fieldSpecs: [{ kind: "HelmRelease", group: "helm.toolkit.fluxcd.io", path: "spec/valuesFrom/name" }],
    },
  ],
};

async function objectsOf(root: string): Promise<KubernetesObject[]> {
  const config = readStackConfig({ root, stack: "prod" });
  const resolved = await resolveStack(config, readLock(root), createEvidenceReader());
  return Array.from(stackObjects(resolved), ({ object }) => object);
}

/** Writes the same objects for kustomize: one folder per tenant, with a generated ConfigMap. */
function writeKustomization(directory: string, objects: readonly KubernetesObject[]): void {
  const byOwner = new Map<string, KubernetesObject[]>();
  for (const object of objects) {
    const owner = object.metadata.labels?.[label.tenant] ?? "stack";
    byOwner.set(owner, [...(byOwner.get(owner) ?? []), object]);
  }
  mkdirSync(directory);
  writeFileSync(join(directory, "kustomization.yaml"), stringify({ resources: [...byOwner.keys()] }));
  for (const [owner, owned] of byOwner) {
    const folder = join(directory, owner);
    mkdirSync(folder);
    writeFileSync(join(folder, "name-reference.yaml"), stringify(nameReference));
    const maps = owned.filter(({ kind }) => kind === "ConfigMap");
    const others = owned.filter(({ kind }) => kind !== "ConfigMap");
    const generators = maps.map(({ metadata, data }) => {
      for (const [key, content] of Object.entries(data as Record<string, string>)) {
        writeFileSync(join(folder, key), content);
      }
      return {
        name: withoutHash(metadata.name),
        namespace: metadata.namespace,
        files: Object.keys(data as object),
        options: { immutable: true, labels: metadata.labels, annotations: metadata.annotations },
      };
    });
    const written = others.map((object) => yamlText(maps.reduce(referToGenerated, object)));
    writeFileSync(join(folder, "objects.yaml"), written.join("---\n"));
    writeFileSync(
      join(folder, "kustomization.yaml"),
      stringify({
        resources: ["objects.yaml"],
        ...(generators.length > 0 && { configMapGenerator: generators, configurations: ["name-reference.yaml"] }),
      }),
    );
  }
}

/** @throws AssertionError if kustomize and render give different objects */
function assertSameObjects(directory: string, objects: readonly KubernetesObject[]): void {
  const printed = execFileSync("kubectl", ["kustomize", directory], { encoding: "utf8", maxBuffer: 1 << 30 });
  const byIdentity = (made: readonly KubernetesObject[]) =>
    new Map(made.map((object) => [renderedFile(object).path, object]));
  const made = parseAllDocuments(printed).map((document) => document.toJS() as KubernetesObject);
  assert.deepEqual(byIdentity(made), byIdentity(objects));
}

function withoutHash(name: string): string {
  return name.slice(0, name.lastIndexOf("-"));
}

function referToGenerated(object: KubernetesObject, { metadata }: KubernetesObject): KubernetesObject {
  return JSON.parse(JSON.stringify(object).replaceAll(metadata.name, withoutHash(metadata.name))) as KubernetesObject;
}

async function benchSize(tenants: number, rounds: number, largestKustomize: number): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "shared-authority-bench-"));
  try {
    const config = join(directory, "project");
    mkdirSync(config);
    writeStack({ directory: config, tenants });
    const withKustomize = tenants <= largestKustomize && findExecutable("kubectl") !== undefined;
    if (withKustomize) {
      const objects = await objectsOf(config);
      writeKustomization(join(directory, "kustomize"), objects);
      if (tenants <= 100) assertSameObjects(join(directory, "kustomize"), objects);
    }
    const programs: Programs = {
      render: () =>
        runOnce({
          program: process.execPath,
          parameters: [authority, "render", "--stack", "prod", "--out", join(directory, "out")],
          directory: config,
        }),
      ...(withKustomize && {
        kustomize: () =>
          runOnce({ program: "kubectl", parameters: ["kustomize", join(directory, "kustomize")], directory }),
      }),
    };
    const { render = [], kustomize = [] } = await alternate(programs, rounds);
    return `| ${[String(tenants), ...cells(render), ...cells(kustomize)].join(" | ")} |`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function cells(runs: readonly Run[]): string[] {
  if (runs.length === 0) return ["-", "-", "-"];
  const peak = Math.round(median(runs.map(({ peakMiB }) => peakMiB)));
  return [describeSeconds(runs), describeSeconds(runs, "processorSeconds"), `${peak} MiB`];
}

async function main(): Promise<void> {
  const rounds = numberOption("rounds", 3);
  const largest = numberOption("largest", 10_000);
  const smallest = numberOption("smallest", 10);
  // kustomize does not scale linearly: 1,000 tenants took more than ten minutes.
  const largestKustomize = numberOption("largest-kustomize", 100);
  const rows: string[] = [];
  for (const tenants of [10, 100, 1000, 10_000].filter((size) => size >= smallest && size <= largest)) {
    rows.push(await benchSize(tenants, rounds, largestKustomize));
  }
  console.log(describeMachine());
  console.log("| tenants | `authority render` | CPU time | memory | `kubectl kustomize` | CPU time | memory |");
  console.log("|---:|---|---|---:|---|---|---:|");
  console.log(rows.join("\n"));
}

void main();
