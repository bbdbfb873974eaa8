/** `authority publish`: uploads a release so that the image that the platform watches comes last. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { printable, printableLines } from "../config/printable";
import type { Prefix } from "../config/stack-config";
import { describeSuggestion, suggestPrefixes } from "../release/audit";
import { readDependencies } from "../release/chart-dependencies";
import { readHelmYaml } from "../release/helm-yaml";
import { parseImageAddress } from "../release/image-address";
import { createRegistry, isRegistryFailure } from "../release/registry";
import { withScratchFolder } from "../release/scratch-folder";
import { LayoutError, readLayout, writeChartLayout } from "../publish/image-layout";
import { type ImageOrigin, imageOrigins, revisionLabel, versionLabel } from "../publish/image-labels";
import { chartTagOf, versionOfTag } from "../version/version";
import { auditRepository, parsePrefix } from "./audit";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { judgeChart, type OwnChart, ownChart } from "./own-chart";
import type { Session } from "./session";
import { table } from "./table";

/** Options of `authority publish`. */
export interface PublishOptions {
  /** The image that the platform watches: `ghcr.io/acme/app=images/app`. */
  readonly image: string;
  /** All other images. */
  readonly other?: readonly string[];
  readonly chart?: string;
  /** The chart's address in a registry. Absent: the chart is read from Git. */
  readonly chartTo?: string;
  readonly releasedFrom: readonly string[];
  readonly prefix?: string;
  /** Whether only to check, before anything is built. */
  readonly check?: boolean;
  /** A file that gets the facts that a build needs, as lines `NAME=value`. */
  readonly facts?: string;
  readonly insecureRegistry?: boolean;
}

/** A release that is published. */
interface Release {
  readonly version: string;
  readonly imageTag: string;
  readonly chartVersion: string;
  readonly commit: string;
}

/** Something to upload. */
interface Artifact {
  readonly repository: string;
  readonly tag: string;
  /** The layout with its content. Absent: it is not built yet. */
  readonly folder?: string;
}

/** What is known about it. */
interface Judged extends Artifact {
  /** In the registry. Absent: the tag is free. */
  readonly present?: string;
  readonly problems: readonly string[];
}

/**
 * Uploads the images and the chart of a Git tag, the watched image last. Nothing is uploaded unless the tag keeps the
 * promise and no tag in a registry has other content.
 */
export async function publish(tag: string, given: PublishOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const options = withoutEmpty(given);
  if (given.image === "") {
    throw new InputError(
      "`--image` is empty; expected the image that the platform watches, such as `ghcr.io/acme/app=images/app`.",
    );
  }
  if (options.releasedFrom.length === 0) {
    throw new InputError(
      "`--released-from` is empty; expected the branches that releases are made from, such as `main`.",
    );
  }
  const chart = await ownChart(options.chart, session);
  const { release, reasons } = await judgeTag(tag, chart, options, session);
  if (release === undefined || reasons.length > 0)
    return refuse(`The tag ${tag} breaks the promise:`, reasons, session);
  return withScratchFolder("authority-publish-", async (scratch) => {
    const artifacts = await artifactsOf(chart, release, options, scratch, session);
    const judged: Judged[] = [];
    for (const artifact of artifacts) judged.push(await judge(artifact, release, options, session));
    const problems = judged.flatMap((one) => one.problems);
    if (problems.length > 0) return refuse(`The release ${tag} cannot be published:`, problems, session);
    if (options.check !== true) await upload(judged, options, session);
    terminal.done();
    const rows = judged.map(({ repository, tag: name, present }) => [
      `${repository}:${name}`,
      present !== undefined ? "was there, of this commit" : options.check === true ? "free" : "published",
    ]);
    terminal.print(table(["ARTIFACT", "STATE"], rows, terminal.colors));
    if (options.facts !== undefined) {
      const { version, imageTag, commit } = release;
      appendFileSync(session.path(options.facts), `VERSION=${version}\nIMAGE_TAG=${imageTag}\nREVISION=${commit}\n`);
    }
    return exitCode.fine;
  });
}

/** A pipeline passes every option, some of them empty, and several values in one. */
function withoutEmpty(options: PublishOptions): PublishOptions {
  const present = Object.entries(options).filter(([, value]) => value !== "");
  const words = (texts: readonly string[] = []) =>
    texts.flatMap((text) => text.split(/\s+/).filter((word) => word !== ""));
  return {
    ...(Object.fromEntries(present) as unknown as PublishOptions),
    other: words(options.other),
    releasedFrom: words(options.releasedFrom),
  };
}

function refuse(title: string, reasons: readonly string[], { terminal }: Session): ExitCode {
  terminal.log(
    [title, ...reasons.map((reason) => `  - ${reason}`), "Nothing was published."].map(printable).join("\n"),
  );
  return exitCode.blocked;
}

/** Judges the tag, and that the work tree is at its commit. */
async function judgeTag(
  tag: string,
  chart: OwnChart,
  options: PublishOptions,
  session: Session,
): Promise<{ release?: Release; reasons: readonly string[] }> {
  const { git, folder } = chart;
  const { releasedFrom, prefix: given } = options;
  const prefix: Prefix = parsePrefix(given ?? "");
  const audited = await auditRepository(
    { repository: git.root, chart: folder === "" ? "." : folder, prefix: given, releasedFrom },
    session,
  );
  const found = audited.tags.find((one) => one.tag === tag);
  const version = versionOfTag(tag, prefix.git);
  if (version !== undefined && found === undefined) {
    throw new InputError(`This clone has no Git tag ${tag}: \`git fetch --tags\` fetches those of the remote.`);
  }
  if (found?.commit == null || version === undefined) {
    const hints = suggestPrefixes(audited).map((suggestion) => ` ${describeSuggestion(suggestion)}.`);
    throw new InputError(
      `${JSON.stringify(tag)} is not a Git tag of a version with the prefix "${prefix.git}". ` +
        `\`--prefix git=v\` is for tags such as v1.4.0.${hints.join("")}`,
    );
  }
  const { commit, reasons } = found;
  const head = (await git.run("rev-parse", "HEAD")).trim();
  if (head !== commit) {
    throw new InputError(`The tag ${tag} is the commit ${commit}, and the work tree is at ${head}. Check out the tag.`);
  }
  const imageTag = prefix.image + version;
  const chartVersion = prefix.chart + version;
  const all = reasons.length > 0 ? reasons : (await judgeChart(chart, prefix)).reasons;
  return { release: { version, imageTag, chartVersion, commit }, reasons: all };
}

/** In the order of their upload. */
async function artifactsOf(
  chart: OwnChart,
  release: Release,
  options: PublishOptions,
  scratch: string,
  session: Session,
): Promise<Artifact[]> {
  const { chartTo, check } = options;
  const images = [...(options.other ?? []), options.image].map((text): Artifact => {
    const [repository = "", folder = ""] = text.split("=", 2);
    if (parseImageAddress(repository) === undefined || repository.startsWith("oci:")) {
      throw new InputError(`${JSON.stringify(repository)} is not an image without a tag, such as ghcr.io/acme/app.`);
    }
    if (folder === "" && check !== true) {
      throw new InputError(`Say where the image is that was built: \`${repository}=<folder of its OCI layout>\`.`);
    }
    return { repository, tag: release.imageTag, ...(check !== true && { folder: session.path(folder) }) };
  });
  if (chartTo === undefined) return images;
  if (!chartTo.startsWith("oci://") || parseImageAddress(chartTo) === undefined) {
    throw new InputError(`Expected \`--chart-to oci://ghcr.io/acme/charts/app\`, not ${JSON.stringify(chartTo)}.`);
  }
  const packaged = check === true ? undefined : await packageChart(chart, release, scratch);
  const artifact = {
    repository: chartTo.slice("oci://".length),
    tag: chartTagOf(release.chartVersion),
    ...(packaged !== undefined && { folder: packaged }),
  };
  return [...images.slice(0, -1), artifact, ...images.slice(-1)];
}

/** The layout of the chart, from the commit: what Git ignores is not in it. */
async function packageChart({ git, folder }: OwnChart, release: Release, scratch: string): Promise<string> {
  const [tree, out, layout] = ["tree", "out", "layout"].map((name) => join(scratch, name)) as [string, string, string];
  for (const path of [tree, out]) mkdirSync(path);
  const tar = join(scratch, "tree.tar");
  await git.run("archive", "--format=tar", `--output=${tar}`, release.commit);
  await runProgram("tar", ["-xf", tar, "-C", tree]);
  const source = join(tree, folder);
  const yaml = readHelmYaml("Chart.yaml", "version: 1.0.0", readFileSync(join(source, "Chart.yaml")));
  const pack = ["package", "--destination", out, source];
  if ((await tryProgram("helm", pack)).code !== 0) {
    const isLocked = await fetchLocked(source, scratch);
    await runProgram("helm", isLocked ? pack : [...pack, "--dependency-update"]);
  }
  const [archive = ""] = readdirSync(out);
  writeChartLayout(layout, Array.isArray(yaml) ? {} : yaml.values, readFileSync(join(out, archive)), {
    [revisionLabel]: release.commit,
    [versionLabel]: release.version,
  });
  return layout;
}

/** Fetches the charts that `Chart.lock` pins. False without a lock. Helm wants the repositories to be known by name. */
async function fetchLocked(source: string, scratch: string): Promise<boolean> {
  const lock = join(source, "Chart.lock");
  if (!existsSync(lock)) return false;
  const yaml = readHelmYaml("Chart.lock", "dependencies: []", readFileSync(lock));
  const { dependencies } = Array.isArray(yaml) ? { dependencies: [] } : readDependencies("Chart.lock", yaml);
  const environment = {
    HELM_REPOSITORY_CONFIG: join(scratch, "repositories.yaml"),
    HELM_REPOSITORY_CACHE: join(scratch, "repositories"),
  };
  const urls = new Set(dependencies.map(({ repository }) => repository).filter((url) => /^https?:/.test(url)));
  for (const [index, url] of [...urls].entries()) {
    await runProgram("helm", ["repo", "add", `locked-${index}`, url], environment);
  }
  await runProgram("helm", ["dependency", "build", source], environment);
  return true;
}

/** Compares what was built and what the registry has with the release. */
async function judge(
  { repository, tag, folder }: Artifact,
  release: Release,
  { insecureRegistry = false }: PublishOptions,
  { terminal }: Session,
): Promise<Judged> {
  const reference = `${repository}:${tag}`;
  terminal.step(`reading ${reference}`);
  const problems: string[] = [];
  let built: string | undefined;
  if (folder !== undefined) {
    try {
      const { digest, read } = readLayout(folder);
      built = digest;
      problems.push(...builtProblems(reference, await imageOrigins(digest, read), release));
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      problems.push(`${error.message}; expected the OCI layout of ${reference}`);
    }
  }
  const present = await readDigest(repository, tag, insecureRegistry);
  if (present !== undefined && present !== built) {
    const read = (digest: string) => craneJson(`${repository}@${digest}`, insecureRegistry);
    const origins = await imageOrigins(present, read);
    if (origins.length === 0 || origins.some(({ revision }) => revision !== release.commit)) {
      problems.push(
        `${reference} is in the registry already, and not from the commit ${release.commit}; a published tag never ` +
          "changes: release a new version, or delete the tag if nothing has ever run it",
      );
    }
  }
  return { repository, tag, folder, present, problems };
}

function builtProblems(reference: string, origins: readonly ImageOrigin[], release: Release): string[] {
  const wanted = [
    [revisionLabel, release.commit, ({ revision }: ImageOrigin) => revision === release.commit],
    [
      versionLabel,
      release.version,
      ({ version }: ImageOrigin) => version === release.version || version === release.imageTag,
    ],
  ] as const;
  return wanted.flatMap(([label, value, isRight]) => {
    if (origins.length > 0 && origins.every(isRight)) return [];
    const wrong = origins.find((origin) => !isRight(origin));
    const is = (label === revisionLabel ? wrong?.revision : wrong?.version) ?? "missing";
    return [
      `the label ${label} of the image for ${reference} is ${is}, must be ${value}: build it with \`--label ${label}=${value}\``,
    ];
  });
}

async function readDigest(repository: string, tag: string, insecure: boolean): Promise<string | undefined> {
  try {
    return await createRegistry().readDigest(repository, tag, insecure);
  } catch (error) {
    if (isRegistryFailure(error)) {
      throw new InputError(`${repository}:${tag}: ${error.message}. Nothing was published.`);
    }
    throw error;
  }
}

/** Uploads what is missing, in order. A later run goes on where this one ends. */
async function upload(
  judged: readonly Judged[],
  { insecureRegistry }: PublishOptions,
  { terminal }: Session,
): Promise<void> {
  for (const { repository, tag, folder, present } of judged) {
    if (present !== undefined || folder === undefined) continue;
    terminal.step(`uploading ${repository}:${tag}`);
    await runProgram("crane", ["push", ...insecureFlag(insecureRegistry), folder, `${repository}:${tag}`]);
  }
}

/** A manifest, or else a config, which the registry keeps in another place. */
async function craneJson(reference: string, insecure: boolean): Promise<unknown> {
  const flags = insecureFlag(insecure);
  const manifest = await tryProgram("crane", ["manifest", ...flags, reference]);
  return JSON.parse(manifest.code === 0 ? manifest.stdout : await runProgram("crane", ["blob", ...flags, reference]));
}

function insecureFlag(insecure: boolean | undefined): string[] {
  return insecure === true ? ["--insecure"] : [];
}

/** Where the programs come from that a publishing run needs. */
const sources = {
  crane: "https://github.com/google/go-containerregistry",
  helm: "https://helm.sh/docs/intro/install",
  tar: "https://www.gnu.org/software/tar",
} as const;

async function runProgram(
  program: keyof typeof sources,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, said } = await tryProgram(program, args, environment);
  if (code === 0) return stdout;
  throw new InputError(
    `\`${program} ${args[0] ?? ""}\` failed: ${printableLines(said)}\nRun the command again when the cause is gone: it goes on where it ended.`,
  );
}

async function tryProgram(
  program: keyof typeof sources,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code?: number; stdout: string; said: string }> {
  const { execa } = await import("execa");
  const result = await execa(program, args, { stdin: "ignore", reject: false, env });
  if (result.code === "ENOENT") {
    throw new InputError(`The program \`${program}\` is not on PATH. Install it: ${sources[program]}`);
  }
  return { code: result.exitCode, stdout: result.stdout, said: (result.stderr || result.stdout).trim().slice(-2000) };
}
