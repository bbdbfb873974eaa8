/**
 * `authority status --offline` of many tenants in dev, staging and prod, and `history` of prod, compared with reading their
 * stack files as YAML, and with Git's own output of all versions.
 *
 *   npx tsx test/bench/status.ts [--rounds 5] [--tenants 1000] [--commits 1000]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alternate, describeMachine, describeSeconds, median, medianRatio, numberOption, runOnce } from "./measure";
import { commitHistory, writeThreeStacks } from "./synthetic-stack";

const root = join(__dirname, "..", "..");

/** The least that a status has to read: the project's file, the stack files and the lock, as YAML. */
const readFiles = `
const { readFileSync } = require("node:fs");
const { parseDocument } = require(${JSON.stringify(join(root, "node_modules", "yaml"))});
for (const name of ["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml", "releases.lock.yaml"]) {
  parseDocument(readFileSync(name, "utf8"), { uniqueKeys: false }).toJS();
}`;

/** Every version of a file, as `history` reads them. */
const allVersions =
  "git rev-list HEAD -- Pulumi.prod.yaml | sed 's/$/:Pulumi.prod.yaml/' | git cat-file --batch --buffer > /dev/null";

async function main(): Promise<void> {
  const rounds = numberOption("rounds", 5);
  const tenants = numberOption("tenants", 1000);
  const commits = numberOption("commits", 1000);
  const directory = mkdtempSync(join(tmpdir(), "shared-authority-bench-"));
  try {
    writeThreeStacks({ directory, tenants });
    await commitHistory({ directory, tenants }, commits);
    const ofAuthority = (...args: string[]) => [join(root, "bin", "authority.js"), ...args];
    const program = (parameters: readonly string[]) => () =>
      runOnce({ program: process.execPath, parameters, directory });
    const runs = await alternate(
      {
        files: program(["-e", readFiles]),
        plan: program(ofAuthority("plan", "--offline")),
        status: program(ofAuthority("status", "--offline")),
        dated: program(ofAuthority("status", "--offline", "--history")),
        history: program(ofAuthority("history", "--stack", "prod")),
        versions: () => runOnce({ program: "sh", parameters: ["-c", allVersions], directory }),
      },
      rounds,
    );
    console.log(`${describeMachine()}; ${tenants} tenants in 3 stacks, ${commits} commits, ${rounds} rounds`);
    console.log("| program | elapsed | ratio | CPU time | ratio | memory |");
    console.log("|---|---|---:|---|---:|---:|");
    for (const [name, title] of [
      ["files", "the five files, read as YAML"],
      ["plan", "`authority plan --offline`"],
      ["status", "`authority status --offline`, with what was taken back"],
      ["dated", "`authority status --offline --history`"],
      ["history", "`authority history --stack prod`"],
      ["versions", "Git alone: all versions of `Pulumi.prod.yaml`"],
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
