/** What a person decides about a new application: by flags, or by answers at the terminal. */
import { basename } from "node:path";
import type * as z from "zod";
import { withoutCredentials } from "../config/address";
import { isClusterNamespace, isPlatformName, releaseName } from "../config/kubernetes-name";
import { applicationSchema } from "../config/schema";
import { branchName, gitUrl } from "../config/schema-kinds";
import type { Prefix } from "../config/stack-config";
import { parsePrefix } from "./audit";
import { InputError } from "./input-error";
import type { Ask, Question } from "./questions";

/** Options about a new application. */
export interface ApplicationOptions {
  readonly application?: string;
  readonly repository?: string;
  readonly chart?: string;
  readonly image?: readonly string[];
  readonly team?: readonly string[];
  readonly branch?: string;
  readonly releasedFrom?: readonly string[];
  readonly prefix?: string;
  readonly insecureRegistry?: boolean;
}

/** A new application, before anything of it has been read. */
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

/** The flags of the application that have no default. */
export const applicationFlags = ["repository", "chart", "image"] as const;

/** The flags that say something about an application. */
const ofApplication = [
  ...applicationFlags,
  ...(["application", "team", "branch", "releasedFrom", "prefix", "insecureRegistry"] as const),
];

/** Whether a flag is about an application. */
export function hasApplicationFlag(options: ApplicationOptions): boolean {
  return ofApplication.some((key) => options[key] !== undefined);
}

/** What is expected, if a text is not that. */
export type Check = (text: string) => string | undefined;

/** What the schema of our files expects that this text is not. */
export function bySchema(schema: () => z.ZodType): Check {
  return (text) => schema().safeParse(text).error?.issues[0]?.message;
}

const shape = () => applicationSchema().shape;
/** Checks the address of a Git repository. */
export const checkRepository = bySchema(gitUrl);
const checkChart = bySchema(() => shape().chart);
const checkImage = bySchema(() => shape().image);
const checkGroup: Check = (text) => shape().team.safeParse([text]).error?.issues[0]?.message;
const checkBranch = bySchema(branchName);
const checkPattern: Check = (text) => shape().releasedFrom.safeParse([text]).error?.issues[0]?.message;

/** Checks the name of an application, or of a tenant. */
export const checkName: Check = (text) =>
  releaseName.test(text) && !isPlatformName(text) && !isClusterNamespace(text)
    ? undefined
    : "a name of lower-case letters, digits and `-`, at most 53 characters, that neither Flux nor Kubernetes uses";

/** @throws InputError if no tenant may have this name */
export function refuseTenantName(name: string): void {
  const expected = checkName(name);
  if (expected === undefined) return;
  throw new InputError(`${JSON.stringify(name)} is not a valid tenant name; expected ${expected}.`);
}

/** @throws InputError for the first value that is not what its flag expects */
export function refuseFlags(checks: Readonly<Record<string, readonly [readonly (string | undefined)[], Check]>>): void {
  for (const [flag, [values, check]] of Object.entries(checks)) {
    for (const value of values) {
      if (value === undefined) continue;
      const expected = check(value);
      if (expected !== undefined)
        throw new InputError(`\`${flag}\` has ${JSON.stringify(withoutCredentials(value))}; expected ${expected}.`);
    }
  }
}

/** @throws InputError for the first value that is not what its flag expects */
export function refuseApplicationFlags(options: ApplicationOptions): void {
  refuseFlags({
    "--application": [[options.application], checkName],
    "--repository": [[options.repository], checkRepository],
    "--chart": [[options.chart], checkChart],
    "--image": [options.image ?? [], checkImage],
    "--team": [options.team ?? [], checkGroup],
    "--branch": [[options.branch], checkBranch],
    "--released-from": [options.releasedFrom ?? [], checkPattern],
  });
}

/**
 * The answers about an application, of flags first. Nothing if there is to be none.
 *
 * @param ask Absent: there is nobody to ask
 */
export async function applicationOf(
  options: ApplicationOptions,
  ask: Ask | undefined,
): Promise<AnsweredApplication | undefined> {
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
function repositoryQuestion(options: ApplicationOptions): Question {
  const isNeeded = hasApplicationFlag(options);
  return {
    text: `Git repository of ${options.application ?? "the first application"}`,
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
