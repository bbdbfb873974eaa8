import { Command, CommanderError } from "commander";
import { engineDeployer, renderDeployer, type Deployer } from "./deployer";
import { findEngine, pulumiHome, type Engine, type NoEngine } from "./engine";
import { StoryPrinter, type StoryOutput } from "./story-printer";
import { setStage, type Stage } from "./story-stage";
import { playStory } from "./story-steps";

/**
 * `npm start`: tells the story of one application's releases on embedded parts: a Git server, a registry and a copy of
 * this repository, all of them on this machine and gone at the end, even after Ctrl-C.
 *
 * @param root absolute path of this project's folder
 * @param parameters what stands behind `npm start --`
 * @returns the exit code: 0 fine, 1 the story did not come out as told, 2 bad input, 130 ended early
 */
export async function runStory(root: string, parameters: readonly string[]): Promise<number> {
  const ending = new AbortController();
  const end = () => ending.abort(new Error("The story was ended early."));
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, end);
  // Whoever reads the story may have heard enough, as `npm start | head` does.
  process.stdout.on("error", end);
  try {
    return await tellStory(root, parameters, process.stdout, ending.signal);
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
  printer.title("Shared Authority, told by the releases of one application");
  let stage: Stage | undefined;
  let keep = false;
  try {
    const downloads: string[] = [];
    const engine = await chooseEngine(flags, printer, downloads);
    stage = await setStage(root);
    introduce(printer, engine, stage);
    const cast = { project: stage.project, directory: stage.directory, signal };
    const deployer: Deployer = "missing" in engine ? renderDeployer(cast) : engineDeployer(engine, cast);
    signal.throwIfAborted();
    const begun = performance.now();
    await playStory({ stage, deployer, printer });
    keep = flags.keep;
    conclude(printer, (performance.now() - begun) / 1000, [...(keep ? [stage.directory] : []), ...downloads]);
    return 0;
  } catch (error) {
    if (signal.aborted) {
      printer.line("\nEnded early. What the story made is removed.");
      return 130;
    }
    printer.line(`\n${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await stage?.close(keep);
  }
}

interface Flags {
  readonly keep: boolean;
  readonly engine: boolean;
}

/** The flags, or the exit code where there is nothing to tell. */
function parseFlags(parameters: readonly string[], output: StoryOutput): Flags | number {
  const command = new Command("npm start --")
    .description("Tells the story of one application's releases, on parts of its own, in under a minute.")
    .option("--keep", "leave the copy of the shared repository behind, to look at", false)
    .option("--no-engine", "do not use the Pulumi engine, even where there is one")
    .exitOverride()
    .configureOutput({ writeOut: (text) => output.write(text), writeErr: (text) => output.write(text) });
  try {
    return command.parse(parameters, { from: "user" }).opts<Flags & Record<string, unknown>>();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

async function chooseEngine(flags: Flags, printer: StoryPrinter, downloads: string[]): Promise<Engine | NoEngine> {
  if (!flags.engine) return { missing: "`--no-engine` was asked for" };
  return findEngine({
    download: true,
    onDownload(what) {
      printer.say(`Downloading ${what} into ${pulumiHome(process.env)}, once; \`--no-engine\` does without.`);
      downloads.push(`${pulumiHome(process.env)} (${what})`);
    },
  });
}

function introduce(printer: StoryPrinter, engine: Engine | NoEngine, stage: Stage): void {
  printer.line(
    "missing" in engine
      ? `Without the Pulumi engine (${engine.missing}): \`authority\` judges and renders the same objects.`
      : `With the Pulumi engine ${engine.version} (${engine.origin}), its state in files, and rendered manifests.`,
  );
  printer.line(`Application: ${stage.repositoryUrl}, image ${stage.application.image}`);
  printer.line(`Copy of this repository: ${stage.project.directory}`);
}

function conclude(printer: StoryPrinter, seconds: number, left: readonly string[]): void {
  printer.line(`\nTold in ${seconds.toFixed(0)} s.\n`);
  printer.title("What to look at next");
  const next = [
    ["Pulumi.prod.yaml", "the decisions: one entry for each tenant"],
    ["npx authority plan --stack prod", "what each tenant would run, and why"],
    ["npx authority audit --help", "whether your own application is ready to be a tenant"],
    ["npm start -- --keep", "this story again; its repository stays, with each decision as a commit"],
    ["README.md", "how to use it for your own cluster"],
  ] as const;
  const width = Math.max(...next.map(([what]) => what.length));
  for (const [what, why] of next) printer.line(`  ${what.padEnd(width)}  ${why}`);
  printer.line(left.length === 0 ? "\nNothing is left behind." : `\nLeft behind: ${left.join(", ")}`);
}
