/**
 * `authority status --offline` of many tenants in dev, staging and prod, compared with reading their stack files as YAML.
 *
 *   npx tsx test/bench/status.ts [--rounds 5] [--tenants 1000]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alternate, describeMachine, describeSeconds, median, medianRatio, numberOption, runOnce } from "./measure";
import { writeThreeStacks } from "./synthetic-stack";

const root = join(__dirname, "..", "..");

/** The least that a status has to read: the project's file, the stack files and the lock, as YAML. */
const readFiles = `
const { readFileSync } = require("node:fs");
const { parseDocument } = require(${JSON.stringify(join(root, "node_modules", "yaml"))});
for (const name of ["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml", "releases.lock.yaml"]) {
  parseDocument(readFileSync(name, "utf8"), { uniqueKeys: false }).toJS();
}`;

async function main(): Promise<void> {
  const rounds = numberOption("rounds", 5);
  const tenants = numberOption("tenants", 1000);
  const directory = mkdtempSync(join(tmpdir(), "shared-authority-bench-"));
  try {
    writeThreeStacks({ directory, tenants });
    const ofAuthority = (...args: string[]) => [join(root, "bin", "authority.js"), ...args, "--offline"];
    const program = (parameters: readonly string[]) => () =>
      runOnce({ program: process.execPath, parameters, directory });
    const runs = await alternate(
      { files: program(["-e", readFiles]), status: program(ofAuthority("status")), plan: program(ofAuthority("plan")) },
      rounds,
    );
    console.log(`${describeMachine()}; ${tenants} tenants in 3 stacks, ${rounds} rounds`);
    console.log("| program | elapsed | ratio | CPU time | ratio | memory |");
    console.log("|---|---|---:|---|---:|---:|");
    for (const [name, title] of [
      ["files", "the five files, read as YAML"],
      ["status", "`authority status --offline`"],
      ["plan", "`authority plan --offline`"],
    ] as const) {
      const own = runs[name] ?? [];
      const baseline = runs.files ?? [];
      const cells = [
        ...[title, describeSeconds(own), medianRatio(own, baseline)],
        ...[describeSeconds(own, "processorSeconds"), medianRatio(own, baseline, "processorSeconds")],
        `${Math.round(median(own.map(({ peakMiB }) => peakMiB)))} MiB`,
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

void main();
