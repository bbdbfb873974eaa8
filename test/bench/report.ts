/**
 * `authority report` of a change to 50 tenants: of a stack of 100, and of one of 1,000. Each changed tenant goes to a release
 * of its own repository, which a Git server on this machine serves. Helm is not on `PATH`.
 *
 *   npx tsx test/bench/report.ts [--rounds 5] [--changed 50]
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findExecutable } from "../../demo/executable";
import { git } from "../../demo/git";
import { type GitServer, serveGit } from "../../demo/git-server";
import { chartAt, makeRepository } from "../release/scratch-repository";
import { alternate, describeMachine, describeSeconds, median, medianRatio, numberOption, runOnce } from "./measure";
import { release, tenantName, writeStack } from "./synthetic-stack";

const root = join(__dirname, "..", "..");
const next = "6.15.0";

async function main(): Promise<void> {
  const rounds = numberOption("rounds", 5);
  const changed = numberOption("changed", 50);
  const directory = mkdtempSync(join(tmpdir(), "shared-authority-bench-"));
  let server: GitServer | undefined;
  try {
    server = await serveApplications(join(directory, "repositories"), changed);
    const small = await project(join(directory, "small"), 2 * changed, changed);
    const large = await project(join(directory, "large"), 20 * changed, changed);
    const environment = {
      // Without Helm: only Git and Node.
      PATH: [...new Set(["git", "node"].map((name) => dirname(findExecutable(name) ?? "")))].join(":"),
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: `url.${server.url}/.insteadOf`,
      GIT_CONFIG_VALUE_0: "https://git.example.com/",
    };
    const parameters = [join(root, "bin", "authority.js"), "report", "--base", "HEAD~1", "--output", "report.md"];
    const program = (folder: string) => () =>
      runOnce({ program: process.execPath, parameters, directory: folder, environment });
    const runs = await alternate({ small: program(small), large: program(large) }, rounds);
    console.log(`${describeMachine()}; ${changed} tenants change, ${rounds} rounds`);
    console.log("| tenants | elapsed | ratio | CPU time | ratio | memory |");
    console.log("|---:|---|---:|---|---:|---:|");
    for (const [name, tenants] of [
      ["small", 2 * changed],
      ["large", 20 * changed],
    ] as const) {
      const own = runs[name] ?? [];
      const baseline = runs.small ?? [];
      const cells = [
        ...[tenants, describeSeconds(own), medianRatio(own, baseline)],
        ...[describeSeconds(own, "processorSeconds"), medianRatio(own, baseline, "processorSeconds")],
        `${Math.round(median(own.map(({ peakMiB }) => peakMiB)))} MiB`,
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
    console.log(`The text has ${readFileSync(join(large, "report.md"), "utf8").length} characters.`);
  } finally {
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A repository for each tenant, with twenty commits between the two releases. */
async function serveApplications(folder: string, count: number): Promise<GitServer> {
  const first = join(folder, `${tenantName(0)}.git`);
  const between = Array.from({ length: 20 }, (_, index) => ({ files: { "README.md": `${index}\n` } }));
  await makeRepository(first, [
    { files: chartAt(release), annotated: [release] },
    ...between,
    { files: chartAt(next), annotated: [next] },
  ]);
  for (let index = 1; index < count; index += 1)
    cpSync(first, join(folder, `${tenantName(index)}.git`), { recursive: true });
  return serveGit({ root: folder });
}

/** A repository whose last commit promotes the first tenants. @returns the folder */
async function project(folder: string, tenants: number, changed: number): Promise<string> {
  mkdirSync(folder);
  const own = (...parameters: string[]) => git({ directory: folder }, ...parameters);
  const commit = async (message: string) => {
    await own("add", "--all");
    await own("commit", "--quiet", "--message", message);
  };
  writeStack({ directory: folder, tenants });
  await own("init", "--quiet", "--initial-branch=main");
  await commit("Before");
  const names = Array.from({ length: changed }, (_, index) => tenantName(index));
  const edit = (path: string, change: (text: string, name: string) => string): void => {
    const text = readFileSync(join(folder, path), "utf8");
    writeFileSync(join(folder, path), names.reduce(change, text));
  };
  edit("Pulumi.prod.yaml", (text, name) => {
    const at = text.indexOf(`    ${name}:\n`);
    return text.slice(0, at) + text.slice(at).replace(`tag: "${release}"`, `tag: "${next}"`);
  });
  edit("releases.lock.yaml", (text, name) => {
    const [, entry = ""] = new RegExp(`^${name}:\n((?:  .*\n)+)`, "m").exec(text) ?? [];
    return text.replace(`${name}:\n${entry}`, `${name}:\n${entry}${entry.replaceAll(release, next)}`);
  });
  await commit("Promote");
  return folder;
}

void main();
