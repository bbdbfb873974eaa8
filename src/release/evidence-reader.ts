/** Reads the facts of releases from Git and from registries: many at once within a bound, each of them once. */
import type { Chart, Tenant } from "../config/stack-config";
import { allows } from "../version/range";
import { chartTagOf, compareVersions, versionOfTag } from "../version/version";
import { commitOfTag } from "../version/tag-pattern";
import { createBranchReader } from "./branch-reader";
import type { BranchEvidence, Evidence, ImageEvidence } from "./evidence";
import type { GitOptions, GitRepository } from "./git";
import { besideChartFile, branchesNamed, chartFactsOf, chartFilePath, tagFactsOf } from "./git-evidence";
import { chartReference } from "./promise";
import { Attempts, type ReadResult } from "./read-result";
import { createRegistry, type RegistryOptions } from "./registry";
import { createSharedRepositories } from "./shared-repositories";

/** How much is read at once, and how patiently. */
export interface EvidenceReaderOptions {
  /** How many facts are read at the same time. Default: 8. */
  readonly concurrency?: number;
  readonly git?: GitOptions;
  readonly registry?: RegistryOptions;
}

export type { ReadResult } from "./read-result";

/** Which facts are read for one release. */
export interface Question {
  readonly version: string;
  /** Absent: no fact of Git is read. */
  readonly repository?: string;
  readonly gitTag: string;
  /** Patterns of the branches on one of which the commit may lie. */
  readonly releasedFrom: readonly string[];
  readonly chart: Chart;
  /** The tag of an OCI chart. */
  readonly chartTag: string;
  /** Image repositories without tag. */
  readonly images: readonly string[];
  readonly imageTag: string;
  /** Registries that speak plain HTTP. */
  readonly insecure: boolean;
}

/** Reads what is asked for; a fact that was read once is remembered as long as the reader lives. */
export interface EvidenceReader {
  /**
   * The facts of the tenant's release.
   *
   * @param imageTag by default the tenant's own `tag`
   */
  readRelease(tenant: Tenant, imageTag?: string): Promise<ReadResult>;
  /** The facts of what the tenant runs where a branch is followed: of the branch's head, or of what is made for a commit. */
  readBranch(tenant: Tenant): Promise<ReadResult<BranchEvidence>>;
  /** The facts that a question asks for. */
  readFacts(question: Question): Promise<ReadResult>;
  /**
   * The newest version among the first image's tags that the tenant's policy allows, or where there is an image for each
   * commit, the newest tag; nothing when there is none.
   *
   * @throws RegistryError or CredentialsError when the registry cannot be read
   */
  newestAllowed(tenant: Tenant): Promise<string | undefined>;
}

/**
 * What is to be read of the tenant's release.
 *
 * @returns nothing when the image tag is not the image prefix and a version
 */
export function questionOf(tenant: Tenant, imageTag: string | undefined = tenant.tag): Question | undefined {
  const version = imageTag === undefined ? undefined : versionOfTag(imageTag, tenant.prefix.image);
  if (imageTag === undefined || version === undefined) {
    return undefined;
  }
  return {
    version,
    repository: tenant.repository,
    gitTag: tenant.prefix.git + version,
    releasedFrom: tenant.releasedFrom,
    chart: tenant.chart,
    chartTag: chartTagOf(tenant.prefix.chart + version),
    images: tenant.images,
    imageTag,
    insecure: tenant.insecureRegistry,
  };
}

/** A reader of its own memory. */
export function createEvidenceReader(options: EvidenceReaderOptions = {}): EvidenceReader {
  const registry = createRegistry(options.registry);
  const useRepository = createSharedRepositories(options.git ?? {});
  const bound = createBound(options.concurrency ?? 8);
  const known = new Map<string, Promise<unknown>>();

  /** Reads a fact once. A failure is not remembered. */
  function once<Fact>(key: readonly unknown[], read: () => Promise<Fact>): Promise<Fact> {
    const name = JSON.stringify(key);
    const reading = known.get(name) ?? bound(read);
    known.set(name, reading);
    reading.catch(() => known.delete(name));
    return reading as Promise<Fact>;
  }

  const readDigest = (image: string, tag: string, insecure: boolean) =>
    once(["image", image, tag, insecure], () => registry.readDigest(image, tag, insecure));

  async function readGit(question: Question): Promise<Partial<Evidence>> {
    const { repository, gitTag, chart, releasedFrom } = question;
    if (repository === undefined) {
      return {};
    }
    return once(["tag", repository, gitTag, chart, releasedFrom], () =>
      useRepository(repository, async (git) => {
        const ref = git.refs.tags.get(gitTag);
        if (ref === undefined) {
          return {};
        }
        const refName = `refs/tags/${gitTag}`;
        // The chart of a registry says all of itself; that its commit is one shows when a branch holds it.
        const file =
          chart.kind === "git"
            ? ((await git.readFiles([refName], chartFilePath(chart.path), besideChartFile(chart.path))).get(refName) ??
              {})
            : { commit: ref.peeled };
        const facts = tagFactsOf(git.refs, gitTag, file);
        return {
          ...facts,
          ...(chart.kind === "git" ? chartFactsOf(file) : {}),
          branch: facts.commit === undefined ? undefined : await branchOf(git, facts.commit, releasedFrom),
        };
      }),
    );
  }

  async function readArtifact({ chart, chartTag, insecure }: Question): Promise<Partial<Evidence>> {
    if (chart.kind === "git") {
      return {};
    }
    const found = await once(["chart", chart.url, chartTag, insecure], () =>
      registry.readChart(chart.url, chartTag, insecure),
    );
    return found === undefined
      ? {}
      : {
          chartDigest: found.digest,
          chartVersion: found.version,
          appVersion: found.appVersion,
          revision: found.revision,
          chartProblems: found.problems.length === 0 ? undefined : found.problems,
        };
  }

  async function readFacts(question: Question): Promise<ReadResult> {
    const { version, repository, gitTag, chart, chartTag, images, imageTag, insecure } = question;
    const attempts = new Attempts();
    const [git, artifact, imageFacts] = await Promise.all([
      attempts.read(`the Git tag "${gitTag}" in ${String(repository)}`, readGit(question)),
      attempts.read(`the chart ${chartReference(chart)}:${chartTag}`, readArtifact(question)),
      Promise.all(
        images.map(async (image): Promise<ImageEvidence> => {
          const reference = `${image}:${imageTag}`;
          const digest = await attempts.read(`the image ${reference}`, readDigest(image, imageTag, insecure));
          return digest === undefined ? { reference } : { reference, digest };
        }),
      ),
    ]);
    return attempts.resultOf({
      version,
      repository,
      chart: chartReference(chart),
      ...git,
      ...artifact,
      images: imageFacts,
    });
  }

  return {
    readFacts,

    async readRelease(tenant, imageTag = tenant.tag) {
      const question = questionOf(tenant, imageTag);
      return question === undefined
        ? {
            missing: [
              `the image tag "${String(imageTag)}" is not the prefix "${tenant.prefix.image}" and a version, so there is nothing to read`,
            ],
          }
        : readFacts(question);
    },

    readBranch: createBranchReader({ registry, useRepository, once }),

    async newestAllowed(tenant) {
      const { branchImage } = tenant;
      const [image] = tenant.images;
      const tags = await once(["tags", image, tenant.insecureRegistry], () =>
        registry.readTags(image, tenant.insecureRegistry),
      );
      if (branchImage !== undefined) {
        return newestOfCommits(tags, branchImage.pattern);
      }
      return tags
        .flatMap((tag) => versionOfTag(tag, tenant.prefix.image) ?? [])
        .filter((version) => allows(tenant.policy, version))
        .sort(compareVersions)
        .at(-1);
    },
  };
}

async function branchOf(git: GitRepository, commit: string, patterns: readonly string[]): Promise<string | undefined> {
  for (const branch of branchesNamed(git.refs, patterns)) {
    if ((await git.readCommits(branch)).has(commit)) {
      return branch;
    }
  }
  return undefined;
}

/** Runs at most so many at once; the library that counts them is loaded when the first one comes. */
function createBound(concurrency: number): <Result>(run: () => Promise<Result>) => Promise<Result> {
  let limit: Promise<<Result>(run: () => Promise<Result>) => Promise<Result>> | undefined;
  return async (run) => {
    limit ??= import("p-limit").then(({ default: pLimit }) => pLimit(concurrency));
    return (await limit)(run);
  };
}

/** As Flux chooses: of the tags that the pattern lets through, the one with the highest number. */
function newestOfCommits(tags: readonly string[], pattern: string): string | undefined {
  return tags
    .flatMap((tag) => {
      const made = commitOfTag(pattern, tag);
      return made === undefined ? [] : [{ tag, ts: made.ts }];
    })
    .sort((one, other) => one.ts - other.ts)
    .at(-1)?.tag;
}
