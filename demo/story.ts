import { Command, CommanderError } from "commander";
import { engineDeployer, renderDeployer } from "./deployer";
import { findEngine, pulumiHome, type Engine, type NoEngine } from "./engine";
import { StoryPrinter, type StoryOutput } from "./story-printer";
import { setUpStory, type StorySetup } from "./story-setup";
import { runSteps } from "./story-steps";

/**
 * `npm start`: a demo with the releases of one application. It runs on this machine with a Git server, a registry and a
 * copy of this repository, and removes all of them at the end or on Ctrl-C.
 *
 * @param root absolute path of this project's folder
 * @param parameters the arguments after `npm start --`
 * @returns the exit code: 0 success, 1 unexpected result, 2 invalid arguments, 130 interrupted
 */
export async function runStory(root: string, parameters: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const end = () => interrupt.abort(new Error("The demo was interrupted."));
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, end);
  // The reader of the output may stop early, as in `npm start | head`.
  process.stdout.on("error", end);
  try {
    return await tellStory(root, parameters, process.stdout, interrupt.signal);
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}

async function tellStory(
  root: string,
  parameters: readonly string[],
  output: StoryOutput,
  signal: AbortSignal,
): Promise<number> {
  const flags = parseFlags(parameters, output);
  if (typeof flags === "number") return flags;
  const printer = new StoryPrinter(output);
  printer.title("Shared Authority: a demo with the releases of one application");
  let setup: StorySetup | undefined;
  let keep = false;
  try {
    const downloads: string[] = [];
    const engine = await chooseEngine(flags, printer, downloads);
    setup = await setUpStory(root);
    introduce(printer, engine, setup);
    signal.throwIfAborted();
    const options = { project: setup.project, directory: setup.directory, signal };
    const deployer = "missing" in engine ? renderDeployer(options) : engineDeployer(engine, options);
    const begun = performance.now();
    await runSteps({ setup, deployer, printer });
    keep = flags.keep;
    conclude(printer, (performance.now() - begun) / 1000, [...(keep ? [setup.directory] : []), ...downloads]);
    return 0;
  } catch (error) {
    if (signal.aborted) {
      printer.line("\nInterrupted. All files of the demo are removed.");
      return 130;
    }
    printer.line(`\n${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await setup?.close(keep);
  }
}

interface Flags {
  readonly keep: boolean;
  readonly engine: boolean;
}

/** The flags, or an exit code after `--help` or invalid arguments. */
function parseFlags(parameters: readonly string[], output: StoryOutput): Flags | number {
  const write = (text: string) => output.write(text);
  const command = new Command("npm start --")
    .description("Runs a demo with the releases of one application, on this machine, in under a minute.")
    .option("--keep", "keep the demo's copy of the shared repository", false)
    .option("--no-engine", "do not use the Pulumi engine, even if it is installed")
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: write });
  try {
    return command.parse(parameters, { from: "user" }).opts<Flags & Record<string, unknown>>();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

async function chooseEngine(flags: Flags, printer: StoryPrinter, downloads: string[]): Promise<Engine | NoEngine> {
  if (!flags.engine) return { missing: "`--no-engine` is set" };
  const home = pulumiHome(process.env);
  return findEngine({
    download: true,
    onDownload(what) {
      printer.say(`Downloading ${what} to ${home}. This happens once; \`--no-engine\` avoids it.`);
      downloads.push(`${home} (${what})`);
    },
  });
}

function introduce(printer: StoryPrinter, engine: Engine | NoEngine, setup: StorySetup): void {
  printer.line(
    "missing" in engine
      ? `Without the Pulumi engine (${engine.missing}): \`authority\` checks the releases and renders the manifests.`
      : `With the Pulumi engine ${engine.version} (${engine.origin}): its state is in files, and it renders manifests.`,
  );
  printer.line(`Application: ${setup.repositoryUrl}, image ${setup.application.image}`);
  printer.line(`Copy of this repository: ${setup.project.directory}`);
}

function conclude(printer: StoryPrinter, seconds: number, kept: readonly string[]): void {
  printer.line(`\nFinished in ${seconds.toFixed(0)} s.\n`);
  printer.title("What to look at next");
  const next = [
    ["Pulumi.prod.yaml", "the decisions: one entry per tenant"],
    ["npx authority plan --stack prod", "the release that each tenant would run"],
    ["npx authority audit --help", "check whether your own application can become a tenant"],
    ["npm start -- --keep", "keeps the demo's repository, with one commit per decision"],
    ["npx authority init <folder>", "write a repository of your own, with your first application"],
    ["README.md", "what is in it, and how to deploy"],
  ] as const;
  const width = Math.max(...next.map(([what]) => what.length));
  for (const [what, why] of next) printer.line(`  ${what.padEnd(width)}  ${why}`);
  printer.line(
    kept.length === 0
      ? "\nAll files of the demo are removed."
      : `\nKept: ${kept.join(", ")} (its Git server and registry have stopped)`,
  );
}
