import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { version } from "../../package.json";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { Session } from "./session";
import type { Surroundings, Terminal } from "./terminal";

/** The program with all of its verbs. A verb's own code is loaded when it is called, so that the start is cheap. */
export function authorityProgram(
  surroundings: Surroundings,
  terminal: Terminal,
  onEnd: (code: ExitCode) => void,
): Command {
  const program = new Command("authority")
    .description(
      "The shared repository's decisions, without an engine: what each tenant would run, and whether it may.",
    )
    .version(version, "-V, --version", "print the version")
    .option("-C, --cwd <dir>", "run as if started in this folder (default: the current one)")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [verb]", "print the help of a verb")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.tell(text.trimEnd()),
    })
    .exitOverride()
    .addHelpText("after", programHelp);

  const run =
    <Options>(verb: (options: Options, session: Session) => Promise<ExitCode>) =>
    async (options: Options): Promise<void> => {
      const { cwd = "." } = program.opts<{ cwd?: string }>();
      const directory = resolve(surroundings.cwd(), cwd);
      if (!existsSync(directory)) throw new InputError(`There is no folder ${directory}, which \`--cwd\` names.`);
      onEnd(await verb(options, new Session(directory, terminal)));
    };
  const stack = ["-s, --stack <stack>", "only this stack (default: all stacks)"] as const;
  const json = ["--json", "print the result as JSON"] as const;

  program
    .command("plan")
    .summary("what each tenant would run, and why")
    .description(
      "Tell for each tenant what it would run, where the evidence comes from, and whether the promise is kept.",
    )
    .option(...stack)
    .option(...json)
    .option("--offline", "leave the network alone: the lock's evidence only, no branch heads, no newest version")
    .addHelpText("after", examples("authority plan", "authority plan --stack prod --offline", "authority plan --json"))
    .action(run<import("./plan").PlanOptions>(async (...given) => (await import("./plan")).plan(...given)));

  program
    .command("render")
    .summary("write a stack's objects as YAML")
    .description(
      "Write the objects of a stack as YAML, the same objects that the engine renders: all of them, or none.",
    )
    .requiredOption("-o, --out <dir>", "the folder to write; a former render in it is replaced as a whole")
    .option("-s, --stack <stack>", "the stack to render")
    .addHelpText("after", examples("authority render --stack prod --out rendered/prod"))
    .action(run<import("./render").RenderOptions>(async (...given) => (await import("./render")).render(...given)));

  program
    .command("check")
    .summary("check config, promise and all policies")
    .description("Check the files, the promise of each release and all policies over the rendered objects. No engine.")
    .option(...stack)
    .option(...json)
    .addHelpText("after", examples("authority check", "authority check --stack prod", "authority check --json"))
    .action(run<import("./check").CheckOptions>(async (...given) => (await import("./check")).check(...given)));

  program
    .command("up")
    .summary("deploy a stack's tenants, and hold those that are broken")
    .description(
      "Run `pulumi up` with the policy pack. A tenant whose release may not run is held as it is; the others go on.",
    )
    .requiredOption("-s, --stack <stack>", "the stack to deploy")
    .argument("[flags...]", "further flags for `pulumi up`, after `--`")
    .addHelpText("after", examples("authority up --stack prod", "authority up --stack prod -- --yes --refresh"))
    .action(async (flags: string[], options: import("./up").UpOptions) =>
      run<import("./up").UpOptions>(async (given, session) => (await import("./up")).up(given, flags, session))(
        options,
      ),
    );

  program
    .command("recover")
    .summary("take over what an interrupted `up` has made")
    .description(
      "Write into the stack's state what an interrupted `up` has made in the cluster and not written down. " +
        "`authority up` does it by itself.",
    )
    .requiredOption("-s, --stack <stack>", "the stack whose `up` was interrupted")
    .addHelpText("after", examples("authority recover --stack prod"))
    .action(run<import("./recover").RecoverOptions>(async (...given) => (await import("./recover")).recover(...given)));

  program
    .command("lock")
    .summary("keep the evidence of the stacks' releases")
    .description(
      "Add to releases.lock.yaml the evidence of each release that the stacks name and that keeps the promise.",
    )
    .option(...stack)
    .addHelpText("after", examples("authority lock", "authority lock --stack prod"))
    .action(run<import("./lock").LockOptions>(async (...given) => (await import("./lock")).lock(...given)));

  program
    .command("verify")
    .summary("read again what the lock holds")
    .description("Read everything that releases.lock.yaml holds again, and tell what has changed since.")
    .addHelpText("after", examples("authority verify"))
    .action(run(async (...given) => (await import("./verify")).verify(...given)));

  program
    .command("audit")
    .summary("judge every release of an application's repository")
    .description(
      "Judge every SemVer tag of an application's repository: is it ready to be a tenant? No registry is asked.",
    )
    .requiredOption("-r, --repository <url>", "the Git repository: a URL, a path, or a bundle file")
    .requiredOption("-c, --chart <path>", "the chart's path in it, such as charts/podinfo")
    .option(
      "-p, --prefix <prefixes>",
      "what stands before the version, such as git=v,chart=,image=v (default: nothing)",
    )
    .option("--released-from <branch...>", "the branches on one of which each tag must lie (default: not judged)")
    .option(...json)
    .addHelpText(
      "after",
      examples(
        "authority audit --repository https://github.com/stefanprodan/podinfo --chart charts/podinfo",
        "authority audit --repository ../podinfo --chart charts/podinfo --prefix git=v --released-from master",
        "authority audit --repository ../podinfo --chart charts/podinfo --json | jq '.tags[] | select(.kept | not)'",
      ),
    )
    .action(run<import("./audit").AuditOptions>(async (...given) => (await import("./audit")).audit(...given)));

  return program;
}

const programHelp = `
Exit codes: ${exitCode.fine} fine, ${exitCode.internal} internal, ${exitCode.badInput} bad input, ${exitCode.blocked} the promise is broken, a fact cannot be read, or a policy blocks.
NO_COLOR=1 takes the colours away. \`authority help <verb>\` has examples.`;

function examples(...commands: readonly string[]): string {
  return ["", commands.length === 1 ? "Example:" : "Examples:", ...commands.map((command) => `  ${command}`)].join(
    "\n",
  );
}
