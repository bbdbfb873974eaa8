import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { printableLines } from "../config/printable";
import { packageVersion } from "../package-version";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import type { AuditHereOptions } from "./audit-here";
import { Session } from "./session";
import type { ProcessContext, Terminal } from "./terminal";
import type { UpOptions } from "./up";

type Verb<Options> = (options: Options, session: Session) => Promise<ExitCode>;

interface VerbHelp {
  readonly summary: string;
  readonly description: string;
  /** Command lines without the program's name. */
  readonly examples: readonly string[];
}

/**
 * Defines the command line with all verbs. The code of a verb is loaded when it is called, so that start-up is fast.
 *
 * @param onEnd called with the exit code of the verb
 */
export function authorityProgram(
  context: ProcessContext,
  terminal: Terminal,
  onEnd: (code: ExitCode) => void,
): Command {
  const program = new Command("authority")
    .description("Shows, checks and deploys the decisions in the shared repository.")
    .version(packageVersion, "-V, --version", "print the version")
    .option("-C, --cwd <dir>", "run in this folder (default: the current folder)")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [verb]", "print the help of a verb")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.log(printableLines(text.trimEnd())),
    })
    .exitOverride()
    .addHelpText("after", programHelp);

  const verb = (name: string, { summary, description, examples }: VerbHelp): Command =>
    program
      .command(name)
      .summary(summary)
      .description(description)
      .addHelpText("after", ["", "Examples:", ...examples.map((example) => `  authority ${example}`)].join("\n"));
  const run =
    <Options>(load: () => Promise<Verb<Options>>) =>
    async (options: Options & { readonly stack?: string }): Promise<void> => {
      const { cwd = "." } = program.opts<{ cwd?: string }>();
      const directory = resolve(context.cwd(), cwd);
      if (!existsSync(directory)) throw new InputError(`The folder ${directory} of \`--cwd\` does not exist.`);
      const session = new Session(directory, terminal);
      const { stack } = options;
      const named = stack === undefined ? options : { ...options, stack: session.stack(stack) };
      onEnd(await (await load())(named, session));
    };
  /** For a verb with arguments. Commander passes them, then the options, then the command. */
  const runOn =
    <Args extends readonly unknown[], Options>(
      load: () => Promise<(...given: [...Args, Options, Session]) => Promise<ExitCode>>,
    ) =>
    (...given: [...Args, Options, Command]): Promise<void> => {
      const args = given.slice(0, -2) as unknown as Args;
      const options = given.at(-2) as Options & { readonly stack?: string };
      return run<Options>(async () => {
        const verb = await load();
        return (named, session) => verb(...args, named, session);
      })(options);
    };
  const stack = ["-s, --stack <stack>", "only this stack (default: all stacks)"] as const;
  const json = ["--json", "print the result as JSON"] as const;
  const packConfig = [
    "--policy-pack-config <file>",
    "levels and settings of the policies, as JSON (default: those of the policy pack)",
  ] as const;

  const describesApplication = (command: Command): Command =>
    command
      .option("-r, --repository <url>", "the Git repository of the application")
      .option("-c, --chart <path>", "the path of its chart in the repository, or its address in a registry: oci://...")
      .option("-i, --image <image...>", "its image, or images, with the registry and without a tag")
      .option("-t, --team <group...>", "Kubernetes groups that get rights in its namespace (default: none)")
      .option("-b, --branch <branch>", "the branch that dev follows (default: the branch of the repository's HEAD)")
      .option("--released-from <branch...>", "patterns of the branches that releases come from (default: `--branch`)")
      .option(
        "-p, --prefix <prefixes>",
        "the prefixes of versions, such as git=v,chart=,image=v (default: those with which the newest tag keeps the promise)",
      )
      .option("--insecure-registry", "the registry of the image uses plain HTTP, as in labs");

  program.commandsGroup("Begin:");
  describesApplication(
    verb("init", {
      summary: "write a new repository for your decisions",
      description:
        "Write a new repository for your decisions into a folder that is new, empty, or an empty clone. At a terminal, `init` asks " +
        "for what no flag says. It reads the first application, and writes down only what it has verified.",
      examples: [
        "init shared-repository",
        "init shared-repository --yes",
        "init shared-repository --delivery manifests --repository https://github.com/stefanprodan/podinfo " +
          "--chart ./charts/podinfo --image ghcr.io/stefanprodan/podinfo --team podinfo-developers",
      ],
    }),
  )
    .argument("<folder>", "the folder of the new repository")
    .option("-a, --application <name>", "the name of the first application (default: that of its repository)")
    .option("-y, --yes", "ask nothing and take the defaults; without the flags of an application, declare none")
    .option("-n, --name <name>", "the name of the Pulumi project (default: the folder's)")
    .option("-d, --delivery <manifests|cluster>", "who writes to the clusters: Flux, or `authority up`")
    .option(
      "--config-repository <url>",
      "the address of the new repository, where Flux commits promotions (default: people promote)",
    )
    .option(
      "--ci <github|gitlab|none>",
      "whose pipelines to write (default: by the name of the repository's Git host; without an address, GitHub's)",
    )
    .option(
      "--package <spec>",
      "how npm gets this package: a version, a tarball or a URL (default: this version, or a tarball of it if it is not from a registry)",
    )
    .action(runOn(async () => (await import("./init")).init));

  program.commandsGroup("See and check:");
  verb("plan", {
    summary: "show what is decided, and whether it may run",
    description:
      "Show for each tenant which version is decided, whether its release may run, and where the evidence comes from. " +
      "`status` shows what runs, and what is newer.",
    examples: ["plan", "plan --stack prod --offline", "plan --json"],
  })
    .option(...stack)
    .option(...json)
    .option("--offline", "use only the lock: do not read branch heads from the network")
    .action(run(async () => (await import("./plan")).plan));

  verb("history", {
    summary: "show who decided what, when, why, and for how long",
    description:
      "Show who decided what of a tenant, or of all tenants, when, why, and for how long. It is read from the history of " +
      "the stack files in this clone, without network.",
    examples: ["history podinfo", "history --stack prod", "history podinfo --json"],
  })
    .argument("[tenant]", "the tenant's name, or an earlier one (default: all tenants)")
    .option(...stack)
    .option(...json)
    .action(runOn(async () => (await import("./history")).history));
  verb("status", {
    summary: "show all stacks side by side: what is decided, what runs, what is held back",
    description:
      "Show for each tenant and stack which version is decided, which one runs in the cluster, and why no newer one is " +
      "decided; then one line for each that needs attention, with the command that acts on it. With a tenant, show it in full.",
    examples: ["status", "status podinfo", "status --watch", "status --stack prod --json", "status --offline"],
  })
    .argument("[tenant]", "only this tenant, in full")
    .option(...stack)
    .option(...json)
    .option("--offline", "use no network: do not ask clusters, registries and Git hosts")
    .option("--history", "also show since when it is decided, from Git's history: a second for a thousand commits")
    .addOption(new Option("-w, --watch", "show it again whenever it changes, until Ctrl-C").conflicts("json"))
    .action(runOn(async () => (await import("./status")).status));

  verb("render", {
    summary: "write a stack's objects as YAML",
    description: "Write all objects of a stack as YAML, or nothing if one of its releases may not run.",
    examples: ["render --stack prod", "render --stack prod --out rendered/prod"],
  })
    .option(
      "-o, --out <dir>",
      "the output folder, whose previous render is replaced completely (default: the stack's `delivery.manifests`)",
    )
    .option("-s, --stack <stack>", "the stack to render")
    .action(run(async () => (await import("./render")).render));

  verb("check", {
    summary: "check the files, the promise, all policies and rendered manifests",
    description:
      "Check the files, the promise of each release, all policies over the stack's objects, and the folder of a stack " +
      "that delivers manifests.",
    examples: ["check", "check --stack prod", "check --json", "check --policy-pack-config policies.json"],
  })
    .option(...stack)
    .option(...json)
    .option(...packConfig)
    .action(run(async () => (await import("./check")).check));

  verb("report", {
    summary: "show what a change changes, for its reviewer",
    description:
      "Compare what this work tree decides with what it is based on: for each tenant that changes, from and to, evidence, " +
      "the application's commits, values, the objects of the rendered chart, images, what is deleted, and what blocks it.",
    examples: [
      "report --base origin/main",
      "report --base origin/main --head promote/prod/podinfo --format html --output report.html",
      "report --base HEAD~1 --stack prod --format json",
    ],
  })
    .requiredOption("-b, --base <ref>", "the branch or commit to compare with, from the merge base")
    .option("--head <ref>", "compare this branch or commit (default: the work tree)")
    .option(...stack)
    .addOption(
      new Option("-f, --format <format>", "the form of the report")
        .choices(["markdown", "html", "json"])
        .default("markdown"),
    )
    .option("-o, --output <file>", "write it into a file (default: print it)")
    .option(...packConfig)
    .action(run(async () => (await import("./report")).report));

  verb("preview", {
    summary: "judge a pull request with the code of its base branch",
    description:
      "Judge a pull request: run `check` and `pulumi preview` with the policy pack over its data, with the code of the base " +
      "branch, in a scratch folder without cluster and credentials, and write a report for its reviewers.",
    examples: ["preview --base origin/main", "preview --base origin/main --output report.md --json"],
  })
    .requiredOption("--base <ref>", "the base branch, as Git names it in this clone")
    .option("--head <ref>", "the last commit of the pull request", "HEAD")
    .option("-o, --output <file>", "write the report into this file, as Markdown")
    .option("--env <name...>", "variables that the judged project sees, such as read-only credentials (default: none)")
    .option("--policy-pack-config <file>", "levels and settings of the policies, as JSON, in the base branch")
    .option(...json)
    .action(run(async () => (await import("./preview")).preview));

  program.commandsGroup("Deploy:");
  verb("up", {
    summary: "deploy a stack and skip its broken tenants",
    description:
      "Run `pulumi up` with the policy pack, if the decision is committed and, where the stack has a " +
      "`configRepository`, pushed. Tenants whose release may not run are skipped and stay unchanged.",
    examples: ["up --stack prod", "up --stack prod -- --yes --refresh"],
  })
    .requiredOption("-s, --stack <stack>", "the stack to deploy")
    .option(...packConfig)
    .argument("[flags...]", "flags for `pulumi up`, after `--`")
    .action((flags: string[], options: UpOptions) =>
      run<UpOptions>(async () => {
        const { up } = await import("./up");
        return (given, session) => up(given, flags, session);
      })(options),
    );

  verb("complete", {
    summary: "add the lock and the render that Flux's commits lack",
    description:
      "Complete what Flux's automation has committed: add the evidence of each release to releases.lock.yaml, render each " +
      "stack that delivers manifests, and commit. A blocked tenant keeps what it has; the others are completed.",
    examples: ["complete", "complete --push"],
  })
    .option("--push", "push the commit")
    .option(...packConfig)
    .action(run(async () => (await import("./complete")).complete));

  verb("recover", {
    summary: "recover from an interrupted `up`",
    description:
      "Add to the stack's state the objects that an interrupted `up` created in the cluster but did not record. " +
      "`authority up` does this before it deploys.",
    examples: ["recover --stack prod"],
  })
    .requiredOption("-s, --stack <stack>", "the stack of the interrupted `up`")
    .action(run(async () => (await import("./recover")).recover));

  program.commandsGroup("Report:");
  verb("comment", {
    summary: "write one comment on a pull request",
    description:
      "Write a comment on a pull request of this repository, or edit the one that this command has written before. The " +
      "environment names the Git host and has the token: GITHUB_REPOSITORY and GH_TOKEN, or CI_API_V4_URL, CI_PROJECT_ID and " +
      "GITLAB_TOKEN.",
    examples: ["comment --body-file report.md", "comment --body-file report.md --pull-request 12"],
  })
    .requiredOption("--body-file <file>", "the text, as Markdown")
    .option("--pull-request <number>", "the pull request (default: the one that the pipeline runs for)")
    .option("--name <name>", "tells several comments of one pipeline apart", "report")
    .action(run(async () => (await import("./comment")).comment));

  verb("issue", {
    summary: "open, update or close one issue about a failure",
    description:
      "Open an issue with a log, or update the open one of the same title that this command has opened. With --close, close " +
      "it. The environment names the Git host and has the token, as for `comment`.",
    examples: [
      'issue --title "Nightly verify fails" --log-file verify.log',
      'issue --title "Nightly verify fails" --close',
    ],
  })
    .requiredOption("--title <title>", "the title")
    .option("--log-file <file>", "the text, shown as it is; only the end of a long one")
    .option("--close", "close the issue, if it is open")
    .action(run(async () => (await import("./issue")).issue));

  program.commandsGroup("Maintain:");
  verb("images", {
    summary: "list images that image admission would refuse",
    description:
      "List the running pods and the pod templates in the cluster whose images `images.admission: deny` would refuse. " +
      "With --policy, print the stack's admission policy instead, for an administrator to apply.",
    examples: ["images --stack prod", "images --stack prod --context prod --json", "images --stack prod --policy"],
  })
    .requiredOption("-s, --stack <stack>", "the stack")
    .option("--kubeconfig <file>", "the kubeconfig (default: the one that the stack file names)")
    .option("--context <context>", "the context of the kubeconfig (default: the one that the stack file names)")
    .option("--policy", "print the admission policy and its bindings as YAML")
    .option(...json)
    .action(run(async () => (await import("./images")).images));

  verb("format", {
    summary: "write stack files in the form that Flux writes",
    description:
      "Write stack files in the form in which Flux writes them when it promotes a release. Its commits then change " +
      "versions only. Values and comments stay.",
    examples: ["format", "format --stack prod"],
  })
    .option(...stack)
    .action(run(async () => (await import("./format")).format));

  verb("lock", {
    summary: "record the evidence of the stacks' releases",
    description:
      "Add to releases.lock.yaml the evidence of each release that the stacks name and that keeps the promise. With " +
      "--prune, remove the releases that no stack file names, now or in the history of HEAD.",
    examples: ["lock", "lock --stack prod", "lock --prune", "lock --prune --since 2026-01-31"],
  })
    .option(...stack)
    .addOption(new Option("--prune", "remove what the history does not need; add nothing").conflicts("stack"))
    .option("--since <day>", "with --prune: keep what was decided since this day, and each tenant's previous release")
    .action(run(async () => (await import("./lock")).lock));

  verb("verify", {
    summary: "compare the lock with Git and the registry",
    description:
      "Read everything in releases.lock.yaml again, and report what has changed, and what a person has taken back.",
    examples: ["verify"],
  }).action(run(async () => (await import("./verify")).verify));

  verb("audit", {
    summary: "check every release of an application's repository",
    description:
      "Check whether each SemVer tag of an application's repository keeps the promise. Reads no images. With --here, " +
      "check the chart of the repository that it runs in: would the next tag keep the promise?",
    examples: [
      "audit --here",
      "audit --repository https://github.com/stefanprodan/podinfo --chart charts/podinfo",
      "audit --repository ../podinfo --chart charts/podinfo --prefix git=v --released-from master",
      "audit --repository ../podinfo --chart charts/podinfo --json | jq '.tags[] | select(.valid | not)'",
    ],
  })
    .option("-r, --repository <url>", "the Git repository: a URL, a path, or a bundle file")
    .addOption(
      new Option("--here", "check the chart of this repository as it is; it reads local files only").conflicts([
        "repository",
        "releasedFrom",
        "insecureRegistry",
      ]),
    )
    .option(
      "-c, --chart <path>",
      "the path of the chart in the repository, such as charts/podinfo, or its address in a registry: oci://... " +
        "(default with --here: the only chart)",
    )
    .option("--insecure-registry", "the chart's registry uses plain HTTP")
    .option("-p, --prefix <prefixes>", "the prefixes of versions, such as git=v,chart=,image=v (default: none)")
    .option(
      "--released-from <branch...>",
      "patterns of branches; each tag must be on one of them (default: any branch)",
    )
    .option(...json)
    .action((options: AuditHereOptions & { readonly here?: boolean }) =>
      options.here === true
        ? run<AuditHereOptions>(async () => (await import("./audit-here")).auditHere)(options)
        : run<AuditHereOptions>(async () => (await import("./audit")).auditTags)(options),
    );

  const decides = (
    name: string,
    help: VerbHelp,
    needsReason: boolean,
    [argument, meaning] = ["<tenant>", "the tenant's name in the stack file"],
  ): Command => {
    const reason = ["--reason <text>", "why, for the commit"] as const;
    const command = verb(name, help)
      .argument(argument, meaning)
      .option("-s, --stack <stack>", "the stack whose file is changed");
    return (needsReason ? command.requiredOption(...reason) : command.option(...reason))
      .option("-y, --yes", "do not ask")
      .option("--no-commit", "write the files only")
      .option("--push", "push the commit");
  };

  const allTenants: [string, string] = ["[tenant...]", "the tenants' names in the stack file (default: all)"];

  program.commandsGroup("Decide:");
  decides(
    "promote",
    {
      summary: "decide a release for a tenant",
      description:
        "Write the newest release that the tenant's policy takes, the named one, or the one that another stack decides, " +
        "with its lock entry, and commit. A release that breaks the promise, is denied or is out of range is refused.",
      examples: ["promote podinfo --stack prod", "promote podinfo 6.15.0 --stack prod --push"],
    },
    false,
  )
    .argument("[version]", "the version (default: the newest that may run)")
    .option("--from <stack>", "the version that this stack's file decides")
    .action(runOn(async () => (await import("./promote")).promote));

  verb("promotions", {
    summary: "make a branch for each release that Flux proposes",
    description:
      "Make a branch for each tenant with automation `pull-request` whose new release Flux has found and that may run: one " +
      "commit on the main branch, with stack file, lock and render. Branches that nobody needs any more are deleted.",
    examples: ["promotions", "promotions --stack prod --push", "promotions --push --json"],
  })
    .option(...stack)
    .option("--push", "push the branches (default: show what would be pushed)")
    .option(
      "--pull-requests",
      "with --push: open, update and close their pull requests, with the token of the environment",
    )
    .option(...json)
    .action(run(async () => (await import("./promotions")).promotions));

  decides(
    "pin",
    {
      summary: "keep a tenant at its version",
      description: "Record who keeps the version, why and until when; take out Flux's markers; and commit.",
      examples: ['pin podinfo --stack prod --reason "frozen for the audit" --by ana --until 2027-01-31'],
    },
    true,
  )
    .requiredOption("--by <who>", "who decides it")
    .option("--until <day>", "the last day, YYYY-MM-DD (default: no end)")
    .action(runOn(async () => (await import("./pin")).pin));

  decides(
    "unpin",
    {
      summary: "end a tenant's pin",
      description: "Remove the pin, restore Flux's markers, say which version the policy would take, and commit.",
      examples: ["unpin podinfo --stack prod"],
    },
    false,
  ).action(runOn(async () => (await import("./pin")).unpin));

  decides(
    "deny",
    {
      summary: "deny a version of a tenant",
      description: "Add a version to those that never run, even if the range includes them, and commit.",
      examples: ['deny podinfo 6.15.1 --stack prod --reason "leaks memory"'],
    },
    true,
  )
    .argument("<version>", "the version, without prefix")
    .action(runOn(async () => (await import("./deny")).deny));

  decides(
    "allow",
    {
      summary: "allow a version that is denied",
      description: "Remove a version from those that never run, and commit.",
      examples: ["allow podinfo 6.15.1 --stack prod"],
    },
    false,
  )
    .argument("<version>", "the version, without prefix")
    .action(runOn(async () => (await import("./deny")).allow));

  decides(
    "rollback",
    {
      summary: "go back to the release before",
      description:
        "Decide the release before the current one, or the named one; deny the current one; pin the tenant if Flux " +
        "promotes it; and commit. It needs neither the Git host nor the registry if the lock has the release.",
      examples: [
        'rollback podinfo --stack prod --reason "leaks memory"',
        'rollback podinfo --to 6.13.0 --stack prod --reason "leaks memory" --push',
      ],
    },
    true,
  )
    .option("--to <version>", "the version (default: the last one that is neither denied nor taken back, from Git)")
    .option("--by <who>", "who decides it (default: Git's `user.name`)")
    .action(runOn(async () => (await import("./rollback")).rollback));

  decides(
    "hold",
    {
      summary: "close every path that could change what runs",
      description:
        "Record who holds the tenants, why and until when; take out Flux's markers; suspend what follows a branch; list " +
        "what is closed; and commit. Refused if a path would stay open, unless `--accept-open` accepts that.",
      examples: [
        'hold --stack prod --reason "holidays" --by ana --until 2027-01-03',
        'hold podinfo --stack dev --reason "load test" --by ana',
      ],
    },
    true,
    allTenants,
  )
    .requiredOption("--by <who>", "who decides it")
    .option("--until <day>", "the last day, YYYY-MM-DD (default: no end)")
    .option("--accept-open", "hold even if a path stays open; the commit names it")
    .action(runOn(async () => (await import("./hold")).hold));

  decides(
    "resume",
    {
      summary: "end the hold of tenants",
      description: "Remove the holds, restore Flux's markers, and commit.",
      examples: ["resume --stack prod", "resume podinfo --stack dev"],
    },
    false,
    allTenants,
  ).action(runOn(async () => (await import("./hold")).resume));

  describesApplication(
    decides(
      "add-tenant",
      {
        summary: "let an application run in a stack",
        description:
          "Write a tenant's entry, with the newest release that keeps the promise and its lock entry, and commit. An application " +
          "that `Pulumi.yaml` does not declare is read first, as `init` does it, and declared.",
        examples: [
          "add-tenant podinfo --stack prod",
          "add-tenant podinfo --stack prod --repository https://github.com/stefanprodan/podinfo " +
            "--chart ./charts/podinfo --image ghcr.io/stefanprodan/podinfo",
        ],
      },
      false,
    ),
  )
    .argument("[version]", "the version (default: the newest that may run)")
    .option("-a, --application <name>", "the application that it runs (default: the one of its name)")
    .option("--namespace <namespace>", "its namespace (default: its name)")
    .option("--range <range>", "the versions that may run (default: those compatible with the first)")
    .addOption(
      new Option("--automation <who>", "who changes the version (default: that of `defaults`)").choices([
        "auto",
        "pull-request",
        "manual",
      ]),
    )
    .action(runOn(async () => (await import("./add-tenant")).addTenant));

  describesApplication(
    decides(
      "adopt",
      {
        summary: "take over a release that Flux runs already",
        description:
          "Read a HelmRelease with its source and values from the cluster, write a tenant's entry and values file that take its " +
          "release over, say what differs, and commit. Nothing in the cluster changes before the next `up`.",
        examples: ["adopt podinfo/podinfo --stack prod", "adopt podinfo/podinfo --stack prod --context prod"],
      },
      false,
      ["<release>", "the HelmRelease: <namespace>/<name>"],
    ),
  )
    .option("-a, --application <name>", "the application that it runs (default: the one of the release's name)")
    .option("--range <range>", "the versions that may run (default: those compatible with the one that runs)")
    .option("--kubeconfig <file>", "the kubeconfig (default: the one that the stack file names)")
    .option("--context <context>", "the context of the kubeconfig (default: the one that the stack file names)")
    .action(runOn(async () => (await import("./adopt")).adopt));

  decides(
    "remove-tenant",
    {
      summary: "remove a tenant from a stack",
      description:
        "Remove a tenant's entry, declare under `removed` that it is to be deleted, say what will be deleted, and commit.",
      examples: ['remove-tenant podinfo --stack prod --reason "nobody uses it" --by ana'],
    },
    true,
  )
    .requiredOption("--by <who>", "who decides it")
    .action(runOn(async () => (await import("./remove-tenant")).removeTenant));

  decides(
    "rename-tenant",
    {
      summary: "give a tenant another name",
      description:
        "Rename a tenant's entry and its values files, and commit. Everything in the cluster keeps its original name and keeps running.",
      examples: ["rename-tenant search find --stack prod"],
    },
    false,
  )
    .argument("<name>", "the new name")
    .action(runOn(async () => (await import("./rename-tenant")).renameTenant));

  program.commandsGroup("In an application's repository:");
  verb("release", {
    summary: "make a release of this application",
    description:
      "Set version and appVersion in the chart, commit and tag, if the tag will keep the promise. With a protected branch: " +
      "--prepare makes the commit on a branch for a pull request, and --tag tags the merge.",
    examples: ["release 1.4.0 --push", "release 1.4.0 --prepare --push", "release 1.4.0 --tag --push"],
  })
    .argument("[version]", "the version, without prefix (default with --tag: that of the chart)")
    .option("-c, --chart <path>", "the path of the chart in the repository (default: the only chart)")
    .option(
      "-p, --prefix <prefixes>",
      "the prefixes of versions, such as git=v,chart=,image=v (default: those of the newest tag that keeps the promise)",
    )
    .option("-b, --branch <branch>", "the branch of the releases (default: that of the remote's HEAD)")
    .option("--remote <name>", "the remote of the repository (default: origin)")
    .addOption(new Option("--prepare", "make only the commit, on a branch for a pull request").conflicts("tag"))
    .option("--tag", "make only the tag, on the merge of that pull request")
    .option("--push", "push what was made")
    .option("-y, --yes", "do not ask")
    .action(runOn(async () => (await import("./release")).release));

  verb("publish", {
    summary: "upload the images and the chart of a release",
    description:
      "Upload what a pipeline has built for a Git tag: the other images, the chart, and last the image that the platform watches. " +
      "Nothing is uploaded if the tag breaks the promise or a tag in a registry has other content. It needs `crane` on PATH, and " +
      "`helm` for a chart.",
    examples: [
      "publish 1.4.0 --check --image ghcr.io/acme/app --released-from main",
      "publish 1.4.0 --image ghcr.io/acme/app=images/app --released-from main",
      "publish 1.4.0 --image ghcr.io/acme/app=images/app --other ghcr.io/acme/worker=images/worker " +
        "--chart-to oci://ghcr.io/acme/charts/app --released-from main",
    ],
  })
    .argument("<tag>", "the Git tag, which is checked out")
    .requiredOption(
      "-i, --image <image=folder>",
      "the image that the platform watches, and the folder of its OCI layout",
    )
    .option("--other <image=folder...>", "all other images of the release")
    .option("-c, --chart <path>", "the path of the chart in the repository (default: the only chart)")
    .option("--chart-to <url>", "the chart's address in a registry: oci://... (default: the chart is read from Git)")
    .requiredOption("--released-from <branch...>", "patterns of branches; the tag must be on one of them")
    .option("-p, --prefix <prefixes>", "the prefixes of versions, such as git=v,chart=,image=v (default: none)")
    .option("--check", "only check, before anything is built")
    .option("--facts <file>", "append VERSION, IMAGE_TAG and REVISION to this file, as lines NAME=value, for the build")
    .option("--insecure-registry", "the registries use plain HTTP")
    .action(runOn(async () => (await import("./publish")).publish));

  return program;
}

const programHelp = `
Exit codes: ${exitCode.fine} success, ${exitCode.internal} internal error, ${exitCode.badInput} invalid input, ${exitCode.blocked} a release breaks the promise, a fact cannot be read, a policy blocks, rendered manifests were changed, a removal is not declared, a decision is refused, declined, or not committed and pushed, a release failed and was rolled back, or the Git host refuses.
Set NO_COLOR=1 to disable colours. \`authority help <verb>\` has examples.`;
