/** The files of a new repository: those of `template/`, filled in. Pure functions. */
import { stackFilePath } from "../config/stack-file";
import type { NewValue } from "../config/tenant-edit";
import { yamlText } from "../manifests/yaml-text";
import { parseVersion } from "../version/version";
import type { AnsweredApplication } from "./application-answers";

/** Who writes to the cluster: Flux, from a folder of YAML, or `pulumi up`. */
export type DeliveryKind = "manifests" | "cluster";

/** Whose pipelines the repository gets. */
export type CiKind = "github" | "gitlab" | "none";

/** The stacks of a new repository. Dev follows a branch, the others follow tags. */
export const newStacks = ["dev", "staging", "prod"] as const;

/** What decides the files of a new repository. */
export interface NewRepository {
  readonly project: string;
  readonly delivery: DeliveryKind;
  readonly ci: CiKind;
  /** The branch that decides. */
  readonly branch: string;
  /** As npm has it in `dependencies`: a version, or `file:vendor/...`. */
  readonly packageSpec: string;
  /** Where Flux commits promotions. Absent: people promote. */
  readonly configRepository?: ConfigRepositoryAddress;
  readonly application?: NewApplication;
}

/** The new repository on its Git host. */
export interface ConfigRepositoryAddress {
  readonly url: string;
  readonly branch: string;
  /** The folder of the project in it. Absent: its top. */
  readonly path?: string;
}

/** The first application. */
export interface NewApplication extends Required<AnsweredApplication> {
  /** Whether dev runs it: what is on the branch has been judged. */
  readonly inDev: boolean;
  /** What staging and prod run. Absent: no release has been found that keeps the promise. */
  readonly release?: NewRelease;
}

/** A release that keeps the promise. */
export interface NewRelease {
  /** Without prefix. */
  readonly version: string;
  /** Of the first image. */
  readonly digest?: string;
}

/** Contents by path, relative to the folder. */
export type Files = Readonly<Record<string, string>>;

/**
 * Fills in the template.
 *
 * @throws Error if the template lacks a place that is to be filled in
 */
export function repositoryFiles(template: Files, repository: NewRepository): Files {
  const edited = (path: string, ...edits: readonly Edit[]): [string, string] => {
    const text = edits.reduce((before, edit) => applied(edit, before, path), template[path] ?? "");
    return [path, text];
  };
  const stackEdits = [delivery, configRepository, tenants];
  const others = Object.keys(template).filter((path) => !isPipeline(path) || pipelines[repository.ci].test(path));
  return {
    ...Object.fromEntries(others.map((path) => [path, template[path] ?? ""])),
    ...Object.fromEntries([
      edited("Pulumi.yaml", projectName(repository), applications(repository)),
      ...newStacks.map((stack) => edited(stackFilePath(stack), ...stackEdits.map((edit) => edit(repository, stack)))),
      edited("README.md", readmeTitle(repository), readmeDelivery(repository)),
      edited("package.json", packageSpec(repository)),
      ...others.filter(isPipeline).map((path): [string, string] => [path, pipeline(template[path] ?? "", repository)]),
    ]),
  };
}

/** The paths of each host's pipelines. */
const pipelines: Readonly<Record<CiKind, RegExp>> = {
  github: /^\.github\//,
  gitlab: /^\.gitlab-ci\.yml$/,
  none: /(?!)/,
};

function isPipeline(path: string): boolean {
  return Object.values(pipelines).some((paths) => paths.test(path));
}

/** A place in a file, and its new content by the groups of the place. No content: the place stays as it is. */
interface Edit {
  readonly place: RegExp;
  readonly content?: (...groups: string[]) => string;
}

function applied({ place, content }: Edit, text: string, path: string): string {
  if (!place.test(text)) throw new Error(`template/${path} has nothing like ${String(place)}`);
  return content === undefined ? text : text.replace(place, (...[, ...groups]: string[]) => content(...groups));
}

function projectName({ project }: NewRepository): Edit {
  return { place: /^name: \$\{PROJECT\}\n/m, content: () => yamlText({ name: project }) };
}

function readmeTitle({ project }: NewRepository): Edit {
  return { place: /^# \$\{PROJECT\}\n/, content: () => `# ${project}\n` };
}

function packageSpec({ packageSpec: spec }: NewRepository): Edit {
  return { place: /("shared-authority": )".*"/, content: (key = "") => key + JSON.stringify(spec) };
}

/** The part about the other delivery goes. */
function readmeDelivery({ delivery: kind }: NewRepository): Edit {
  const [manifests, cluster, end] = ["manifests", "cluster", "end"].map((name) => `<!-- delivery: ${name} -->\n\n`);
  return {
    place: new RegExp(`${manifests}([^]*?)${cluster}([^]*?)${end}`),
    content: (ofManifests = "", ofCluster = "") => (kind === "manifests" ? ofManifests : ofCluster),
  };
}

/** A file of a pipeline. Without access to a cluster it deploys nothing. GitLab's variables name the branch themselves. */
function pipeline(text: string, { branch, delivery: kind }: NewRepository): string {
  return text
    .replace(/^ *# delivery: cluster\n([^]*?)^ *# delivery: end\n\n?/gm, (_, cluster: string) =>
      kind === "cluster" ? `${cluster}\n` : "",
    )
    .replace(/\n{3,}/g, "\n\n")
    .replace(/^( {4}branches: \[)main(?=[\],])/m, (_, begin: string) => begin + JSON.stringify(branch))
    .replace(/^( {4}branches: \[)"([\w-]+)"(?=[\],])/m, "$1$2");
}

function applications({ application }: NewRepository): Edit {
  const place = /^( {4}value:) \{\}\n/m;
  if (application === undefined) return { place };
  const entry = { [application.name]: applicationEntry(application) };
  return { place, content: (key = "") => `${key}\n${indented(yamlText(entry), 6)}` };
}

/** An application's entry in `Pulumi.yaml`. */
export function applicationEntry(application: NewApplication): Readonly<Record<string, NewValue>> {
  const { repository, chart, images, branch, releasedFrom, team, insecureRegistry } = application;
  const prefixes = Object.entries(application.prefix).filter(([, prefix]) => prefix !== "");
  return {
    repository,
    chart,
    image: images.length === 1 ? (images[0] ?? "") : images,
    ...(insecureRegistry && { insecureRegistry }),
    ...(prefixes.length > 0 && { prefix: Object.fromEntries(prefixes) }),
    branch,
    releasedFrom,
    ...(team.length > 0 && { team }),
  };
}

function delivery({ delivery: kind }: NewRepository, stack: string): Edit {
  const place = /^ {2}# The objects are written as YAML .*\n {2}shared-authority:delivery:\n {4}manifests: .*\n/m;
  if (kind === "manifests") return { place };
  const lines = [
    "  # `authority up` writes to the cluster that this command names, and never to the current context of your kubeconfig:",
    `  # pulumi config set --stack ${stack} kubernetes:context <context>`,
    "  shared-authority:delivery: cluster",
    "",
  ];
  return { place, content: () => lines.join("\n") };
}

function configRepository({ configRepository: address }: NewRepository, stack: string): Edit {
  const place = /^( {2}# The cluster refuses images .*\n)/m;
  if (address === undefined || stack === "dev") return { place };
  const { url, branch, path } = address;
  const settings = yamlText({ url, branch, path, secret: "shared-authority-push" });
  const lines = [
    "  # Where Flux's automation commits: this repository. `secret` names the Secret with its credentials to push.",
    "  shared-authority:configRepository:",
    `${indented(settings, 4)}  #`,
    "",
  ];
  return { place, content: (next = "") => lines.join("\n") + next };
}

/** Flux promotes to staging by itself, and to prod by a branch that people merge. */
const automationOf: Readonly<Record<string, string>> = { staging: "auto", prod: "pull-request" };

function tenants({ application, configRepository: address }: NewRepository, stack: string): Edit {
  const place = /^( {2}shared-authority:tenants:) \{\}\n/m;
  const automation = address === undefined ? "manual" : automationOf[stack];
  const entry = application && tenantEntry(application, stack, automation);
  return entry === undefined ? { place } : { place, content: (key = "") => `${key}\n${indented(entry, 4)}` };
}

function tenantEntry(application: NewApplication, stack: string, automation = "manual"): string | undefined {
  const { name, inDev, release, prefix } = application;
  if (stack === "dev") return inDev ? yamlText({ [name]: {} }) : undefined;
  if (release === undefined) return undefined;
  const { version, digest } = release;
  const isAutomated = automation !== "manual";
  const marked = (field: string, value: string) => {
    const marker = isAutomated ? ` # {"$imagepolicy": "flux-system:${name}:${field}"}` : "";
    return `  ${field}: ${JSON.stringify(value)}${marker}\n`;
  };
  const lines = [
    yamlText({ [name]: {} }).replace(" {}", ""),
    marked("tag", prefix.image + version),
    // Only Flux changes it with each promotion; people have the digest in the lock.
    isAutomated && digest !== undefined ? marked("digest", digest) : "",
    `  policy: {range: "${rangeOf(version)}", automation: ${automation}}\n`,
  ];
  return lines.join("");
}

/** What SemVer takes for compatible: the same major version, or before 1.0.0 the same minor version. */
export function rangeOf(version: string): string {
  const { major = 0, minor = 0 } = parseVersion(version) ?? {};
  return major > 0 ? `>=${major}.0.0 <${major + 1}.0.0` : `>=0.${minor}.0 <0.${minor + 1}.0`;
}

function indented(text: string, by: number): string {
  return text.replace(/^(?=.)/gm, " ".repeat(by));
}
