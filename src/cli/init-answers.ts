/** What a person decides about a new repository: by flags, or by answers at the terminal. */
import { basename } from "node:path";
import { gitUrlError } from "../config/address";
import {
  type AnsweredApplication,
  applicationFlags,
  applicationOf,
  type ApplicationOptions,
  type Check,
  checkRepository,
  hasApplicationFlag,
  refuseApplicationFlags,
  refuseFlags,
} from "./application-answers";
import type { CiKind, DeliveryKind } from "./init-files";
import { InputError } from "./input-error";
import type { Ask, Question } from "./questions";

/** Options of `authority init`. */
export interface InitOptions extends ApplicationOptions {
  readonly name?: string;
  readonly delivery?: string;
  readonly configRepository?: string;
  readonly ci?: string;
  readonly package?: string;
  readonly yes?: boolean;
}

/** What is decided about a new repository. */
export interface Answers {
  readonly project: string;
  readonly delivery: DeliveryKind;
  readonly ci: CiKind;
  /** The address of the new repository, where Flux commits promotions. Absent: people promote. */
  readonly configRepository?: string;
  readonly application?: AnsweredApplication;
}

/** What is known about the folder. */
export interface FolderFacts {
  /** The absolute path of the new repository. */
  readonly folder: string;
  /** The address of the clone's remote `origin`, if the folder is a clone. */
  readonly origin?: string;
  /** Whether it is a folder of a repository. Its pipelines are those of the repository's top. */
  readonly isInner?: boolean;
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
    ci: (options.ci as CiKind | undefined) ?? ciOf(facts, configRepository),
    ...((configRepository ?? "") !== "" && { configRepository }),
    ...(application !== undefined && { application }),
  };
}

/** Whose pipelines the new repository gets, by the name of its Git host. Without an address, GitHub's. */
function ciOf({ origin, isInner }: FolderFacts, configRepository = origin): CiKind {
  if (isInner === true) return "none";
  if (configRepository === undefined || configRepository === "") return "github";
  const [, host = ""] = /^(?:\w+:\/\/)?(?:[^@/]*@)?([^/:]+)/.exec(configRepository) ?? [];
  if (/gitlab/i.test(host)) return "gitlab";
  return /github/i.test(host) ? "github" : "none";
}

function requireFlags(options: InitOptions, canAsk: boolean): void {
  if (canAsk) return;
  const isYes = options.yes === true;
  const needed = isYes
    ? hasApplicationFlag(options)
      ? applicationFlags
      : []
    : (["delivery", ...applicationFlags] as const);
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

const checkProject: Check = (text) =>
  /^[A-Za-z][\w.-]{0,99}$/.test(text)
    ? undefined
    : "the name of a Pulumi project: a letter, then letters, digits, `-`, `_` or `.`";

const checkDelivery: Check = (text) =>
  text === "manifests" || text === "cluster" ? undefined : "`manifests` or `cluster`";

const checkCi: Check = (text) =>
  text === "github" || text === "gitlab" || text === "none" ? undefined : "`github`, `gitlab` or `none`";

function checkFlags(options: InitOptions): void {
  refuseFlags({
    "--name": [[options.name], checkProject],
    "--delivery": [[options.delivery], checkDelivery],
    "--ci": [[options.ci], checkCi],
    "--config-repository": [[options.configRepository], checkRepository],
  });
  refuseApplicationFlags(options);
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
