import { resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { createColors } from "picocolors";
import { serveGit } from "../../demo/git-server";
import { table } from "../../src/cli/table";
import {
  defaultDirectory,
  downCommand,
  findLabs,
  isStale,
  layoutOf,
  readRecord,
  removeStaleLabs,
} from "./lab-directory";
import { labVariables } from "./connect";
import { startLab, stopLab } from "./start";
import { supervise } from "./supervisor";

interface DirectoryOption {
  readonly directory: string;
}

/**
 * `npm run lab -- up|down|status|kubeconfig`.
 *
 * @param root the project's folder
 * @param parameters the arguments after `npm run lab --`
 * @returns the exit code: 0 success, 1 failure, 2 invalid arguments
 */
export async function runLabCommand(root: string, parameters: readonly string[]): Promise<number> {
  const program = labCommand(root);
  try {
    await program.parseAsync(parameters, { from: "user" });
    return 0;
  } catch (error) {
    // Commander has printed its message. The code is 0 after `--help`.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function labCommand(root: string): Command {
  const directory = ["--directory <path>", "the lab's directory", defaultDirectory()] as const;
  const program = new Command("npm run lab --")
    .description("A local control plane with real Flux, a registry and a Git host, for the tests and for experiments.")
    .exitOverride()
    .addHelpText(
      "after",
      `\nexamples:\n  npm run lab -- up\n  export KUBECONFIG=$(npm run --silent lab -- kubeconfig)`,
    );
  program
    .command("up")
    .description("start a lab, which runs until `down`")
    .option(...directory)
    .action((options: DirectoryOption) => up(root, resolve(options.directory)));
  program
    .command("down")
    .description("stop a lab and remove its files, and those of crashed labs")
    .option(...directory)
    .action(async (options: DirectoryOption) => {
      await stopLab(resolve(options.directory));
      await removeStaleLabs();
    });
  program
    .command("status")
    .description("show your labs and their processes")
    .option("--directory <path>", "only the lab in this directory")
    .option("--json", "print JSON")
    .action((options: Partial<DirectoryOption> & { json?: boolean }) => status(options.directory, options.json));
  program
    .command("kubeconfig")
    .description("print the path of a lab's kubeconfig")
    .option(...directory)
    .action((options: DirectoryOption) => {
      console.log(kubeconfigOf(resolve(options.directory)));
    });
  program
    .command("supervise", { hidden: true })
    .argument("<directory>")
    .action((path: string) => supervise(path, root));
  program
    .command("serve-git", { hidden: true })
    .argument("<folder>")
    .argument("<port>")
    .action(async (folder: string, port: string) => {
      await serveGit({ root: folder, port: Number(port), allowPush: true });
    });
  return program;
}

async function up(root: string, directory: string): Promise<void> {
  const started = Date.now();
  const lab = await startLab({ directory, root, detach: true, report: (line) => console.error(line) });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`The lab is up after ${seconds} s, in ${directory}

  API server  ${lab.apiUrl}
  registry    ${lab.registryHost}   (plain HTTP)
  Git         ${lab.gitUrl}   (push allowed; repositories in ${lab.gitRoot ?? ""})
  webhooks    ${lab.receiverUrl ?? ""}

  export KUBECONFIG=${lab.kubeconfigPath}
  export ${labVariables.lab}=${directory}   # lets the end-to-end tests use this lab

Stop it with: ${downCommand(directory)}`);
}

function kubeconfigOf(directory: string): string {
  const record = readRecord(directory);
  if (record === undefined || isStale(record) || record.phase !== "ready") {
    throw new Error(`No lab is up in ${directory}. Start it with \`npm run lab -- up\`.`);
  }
  return layoutOf(directory).kubeconfig;
}

function status(only: string | undefined, json = false): void {
  const labs = (only === undefined ? findLabs() : [resolve(only)]).flatMap((directory) => {
    const record = readRecord(directory);
    if (record === undefined) return [];
    const { phase, startedAt, apiUrl, registryHost, gitUrl, receiverUrl, components } = record;
    const state = isStale(record) ? "stale" : phase;
    return [{ directory, state, startedAt, apiUrl, registryHost, gitUrl, receiverUrl, components }];
  });
  if (json) {
    console.log(JSON.stringify(labs, undefined, 2));
    return;
  }
  if (labs.length === 0) console.log("No lab is up. Start one with `npm run lab -- up`.");
  for (const { directory, state, components, ...addresses } of labs) {
    console.log(
      `${directory}: ${state}${state === "stale" ? " (its supervisor is not running; `down` removes it)" : ""}`,
    );
    const rows = Object.entries(components).map(([name, { pid, restarts }]) => [
      ...[name, String(pid ?? "down"), String(restarts)],
    ]);
    if (rows.length > 0) console.log(table(["COMPONENT", "PROCESS", "RESTARTS"], rows, createColors(false)));
    const { apiUrl, registryHost, gitUrl } = addresses;
    if (apiUrl !== undefined)
      console.log(`API server ${apiUrl}, registry ${registryHost ?? ""}, Git ${gitUrl ?? ""}\n`);
  }
}
