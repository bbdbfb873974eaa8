/** What a person decides about a new repository: by flags, or by answers at the terminal. */
import { basename } from "node:path";
import type * as z from "zod";
import { gitUrlError, withoutCredentials } from "../config/address";
import { isClusterNamespace, isPlatformName, releaseName } from "../config/kubernetes-name";
import { applicationSchema } from "../config/schema";
import { branchName, gitUrl } from "../config/schema-kinds";
import type { Prefix } from "../config/stack-config";
import { parsePrefix } from "./audit";
import type { DeliveryKind } from "./init-files";
import { InputError } from "./input-error";
import type { Question } from "./questions";

/** Options of `authority init`. */
export interface InitOptions {
  readonly name?: string;
  readonly delivery?: string;
  readonly application?: string;
  readonly repository?: string;
  readonly chart?: string;
  readonly image?: readonly string[];
  readonly team?: readonly string[];
  readonly branch?: string;
  readonly releasedFrom?: readonly string[];
  readonly prefix?: string;
  readonly insecureRegistry?: boolean;
  readonly configRepository?: string;
  readonly package?: string;
  readonly yes?: boolean;
}

/** What is decided about a new repository. */
export interface Answers {
  readonly project: string;
  readonly delivery: DeliveryKind;
  /** The address of the new repository, where Flux commits promotions. Absent: people promote. */
  readonly configRepository?: string;
  readonly application?: AnsweredApplication;
}

/** The first application, before anything of it has been read. */
export interface AnsweredApplication {
  readonly name: string;
  readonly repository: string;
  readonly chart: string;
  readonly images: readonly string[];
  readonly team: readonly string[];
  readonly insecureRegistry: boolean;
  /** Absent: the branch of the remote's HEAD. */
  readonly branch?: string;
  /** Absent: `branch`. */
  readonly releasedFrom?: readonly string[];
  /** Absent: the one with which the newest tag keeps the promise. */
  readonly prefix?: Prefix;
}

/** Asks a person. */
export type Ask = (question: Question) => Promise<string>;

/** What is known about the folder. */
export interface FolderFacts {
  /** The absolute path of the new repository. */
  readonly folder: string;
  /** The address of the clone's remote `origin`, if the folder is a clone. */
  readonly origin?: string;
}

/**
 * The answers, of flags first. Without `ask`, the flags must be complete, unless `--yes` says that the defaults are right.
 *
 * @param ask Absent: there is nobody to ask
 * @throws InputError if a flag is missing or not valid
 */
export async function answersOf(options: InitOptions, facts: FolderFacts, ask: Ask | undefined): Promise<Answers> {
  checkFlags(options);
  const asking = options.yes === true ? undefined : ask;
  requireFlags(options, asking !== undefined);
  const project = options.name ?? (await projectOf(facts, asking));
  const delivery = options.delivery ?? (await asking?.(deliveryQuestion)) ?? "manifests";
  const application = await applicationOf(options, asking);
  const configRepository =
    options.configRepository ??
    (application === undefined ? undefined : await asking?.(configRepositoryQuestion(facts.origin)));
  return {
    project,
    delivery: delivery as DeliveryKind,
    ...((configRepository ?? "") !== "" && { configRepository }),
    ...(application !== undefined && { application }),
  };
}

/** The flags of the application that have no default. */
const applicationFlags = ["repository", "chart", "image"] as const;

/** The flags that say something about an application. */
const ofApplication = [
  ...applicationFlags,
  ...(["application", "team", "branch", "releasedFrom", "prefix", "insecureRegistry"] as const),
];

function requireFlags(options: InitOptions, canAsk: boolean): void {
  if (canAsk) return;
  const isYes = options.yes === true;
  const hasApplication = ofApplication.some((key) => options[key] !== undefined);
  const needed = isYes ? (hasApplication ? applicationFlags : []) : (["delivery", ...applicationFlags] as const);
  const missing = needed.filter((key) => options[key] === undefined).map((key) => `\`--${key}\``);
  if (missing.length === 0) return;
  const flags =
    missing.length === 1 ? `the flag ${missing.join()} is missing` : `these flags are missing: ${missing.join(", ")}`;
  throw new InputError(
    isYes
      ? `\`--yes\` asks nothing, and ${flags}. Pass them, or no flag of an application.`
      : `There is no terminal to ask on, and ${flags}. Pass them, or \`--yes\` for a repository without an application.`,
  );
}

type Check = (text: string) => string | undefined;

/** What the schema of our files expects that this text is not. */
function bySchema(schema: () => z.ZodType): Check {
  return (text) => schema().safeParse(text).error?.issues[0]?.message;
}

const shape = () => applicationSchema().shape;
const checkRepository = bySchema(gitUrl);
const checkChart = bySchema(() => shape().chart);
const checkImage = bySchema(() => shape().image);
const checkGroup: Check = (text) => shape().team.safeParse([text]).error?.issues[0]?.message;
const checkBranch = bySchema(branchName);
const checkPattern: Check = (text) => shape().releasedFrom.safeParse([text]).error?.issues[0]?.message;

const checkProject: Check = (text) =>
  /^[A-Za-z][\w.-]{0,99}$/.test(text)
    ? undefined
    : "the name of a Pulumi project: a letter, then letters, digits, `-`, `_` or `.`";

const checkDelivery: Check = (text) =>
  text === "manifests" || text === "cluster" ? undefined : "`manifests` or `cluster`";

const checkName: Check = (text) =>
  releaseName.test(text) && !isPlatformName(text) && !isClusterNamespace(text)
    ? undefined
    : "a name of lower-case letters, digits and `-`, at most 53 characters, that neither Flux nor Kubernetes uses";

function checkFlags(options: InitOptions): void {
  const checks: Readonly<Record<string, readonly [readonly (string | undefined)[], Check]>> = {
    "--name": [[options.name], checkProject],
    "--delivery": [[options.delivery], checkDelivery],
    "--application": [[options.application], checkName],
    "--repository": [[options.repository], checkRepository],
    "--chart": [[options.chart], checkChart],
    "--image": [options.image ?? [], checkImage],
    "--team": [options.team ?? [], checkGroup],
    "--branch": [[options.branch], checkBranch],
    "--released-from": [options.releasedFrom ?? [], checkPattern],
    "--config-repository": [[options.configRepository], checkRepository],
  };
  for (const [flag, [values, check]] of Object.entries(checks)) {
    for (const value of values) {
      if (value === undefined) continue;
      const expected = check(value);
      if (expected !== undefined)
        throw new InputError(`\`${flag}\` has ${JSON.stringify(withoutCredentials(value))}; expected ${expected}.`);
    }
  }
}

async function projectOf({ folder }: FolderFacts, ask: Ask | undefined): Promise<string> {
  const name = basename(folder);
  const isValid = checkProject(name) === undefined;
  if (ask !== undefined) {
    return ask({ text: "Name of the project", ...(isValid && { fallback: name }), problem: checkProject });
  }
  if (isValid) return name;
  throw new InputError(`The folder's name ${JSON.stringify(name)} cannot be that of the project. Pass \`--name\`.`);
}

const deliveryQuestion: Question = {
  text: "Delivery",
  explanation: [
    "Who writes to your clusters?",
    "  manifests: Flux does, from YAML that you render into this repository. Nobody else needs access to a cluster.",
    "  cluster:   `authority up` does, with the Pulumi engine, from a machine or a pipeline with access to the cluster.",
  ],
  fallback: "manifests",
  problem: checkDelivery,
};

function configRepositoryQuestion(origin: string | undefined): Question {
  return {
    text: "Address of the new repository on its Git host",
    explanation: [
      "Is Flux to promote new releases? Then it commits them to this new repository: to staging by itself, and to prod on a",
      "branch that you merge. Without an address, people promote.",
    ],
    fallback: origin !== undefined && gitUrlError(origin) === undefined ? origin : "",
    problem: (text) => (text === "" ? undefined : checkRepository(text)),
  };
}

async function applicationOf(options: InitOptions, ask: Ask | undefined): Promise<AnsweredApplication | undefined> {
  const repository = options.repository ?? (await ask?.(repositoryQuestion(options))) ?? "";
  if (repository === "") return undefined;
  const last = nameOf(repository);
  const chart =
    options.chart ??
    (await ask?.({
      text: "Path of the chart in it, or its address oci://...",
      fallback: `./charts/${last}`,
      problem: checkChart,
    })) ??
    "";
  const images = options.image ?? [
    (await ask?.({
      text: "Image, with its registry and without a tag, such as ghcr.io/stefanprodan/podinfo",
      problem: checkImage,
    })) ?? "",
  ];
  const name = options.application ?? (await applicationName(last, ask));
  const team = options.team ?? [(await ask?.(teamQuestion)) ?? ""].filter((group) => group !== "");
  return {
    ...{ name, repository, chart, images, team },
    insecureRegistry: options.insecureRegistry === true,
    ...(options.branch !== undefined && { branch: options.branch }),
    ...(options.releasedFrom !== undefined && { releasedFrom: options.releasedFrom }),
    ...(options.prefix !== undefined && { prefix: parsePrefix(options.prefix) }),
  };
}

/** An empty answer declares no application, unless a flag is about one. */
function repositoryQuestion(options: InitOptions): Question {
  const isNeeded = ofApplication.some((key) => options[key] !== undefined);
  return {
    text: "Git repository of the first application",
    ...(!isNeeded && {
      explanation: ["The first application. Without a repository, you declare it later."],
      fallback: "",
    }),
    problem: (text) => (text === "" && !isNeeded ? undefined : checkRepository(text)),
  };
}

const teamQuestion: Question = {
  text: "Kubernetes group of the application's team, which gets rights in its namespace (empty: none)",
  fallback: "",
  problem: (text) => (text === "" ? undefined : checkGroup(text)),
};

/** The last part of an address, without `.git`. */
function nameOf(repository: string): string {
  return basename(new URL(repository).pathname).replace(/\.git$/, "");
}

async function applicationName(last: string, ask: Ask | undefined): Promise<string> {
  const name = last.toLowerCase();
  const isValid = checkName(name) === undefined;
  if (ask !== undefined) {
    return ask({ text: "Name of the application", ...(isValid && { fallback: name }), problem: checkName });
  }
  if (isValid) return name;
  throw new InputError(
    `The repository's name ${JSON.stringify(last)} cannot be that of the application. Pass \`--application\`.`,
  );
}
