/** Reads the evidence of releases and of followed branches. */
import type { Chart, Tenant } from "../config/stack-config";
import { allows } from "../version/range";
import { commitOfTag } from "../version/tag-pattern";
import { chartTagOf, compareVersions, versionOfTag } from "../version/version";
import { readBranchEvidence } from "./branch-reader";
import type { BranchEvidence, Evidence } from "./evidence";
import { createFactReader, type FactReader, type FactReaderOptions } from "./fact-reader";
import { readBranch, readCharts, tagFactsOf } from "./git-evidence";
import { chartReference } from "./promise";
import { Attempts, type ReadResult } from "./read-result";

/** Bounds, time-outs and retries. */
export type EvidenceReaderOptions = FactReaderOptions;

export type { ReadResult } from "./read-result";

/** Which facts to read for one release. */
export interface Question {
  readonly version: string;
  /** Absent: no facts from Git are read. */
  readonly repository?: string;
  readonly gitTag: string;
  /** Patterns of the branches that the commit may be on. */
  readonly releasedFrom: readonly string[];
  readonly chart: Chart;
  /** The tag of an OCI chart. */
  readonly chartTag: string;
  /** Image repositories without tag. */
  readonly images: readonly string[];
  readonly imageTag: string;
  /** Whether the registries use plain HTTP. */
  readonly insecure: boolean;
}

/** Reads evidence. A fact that was read once is remembered as long as the reader lives. */
export interface EvidenceReader {
  /**
   * The facts of the tenant's release.
   *
   * @param imageTag default: the tenant's `tag`
   */
  readRelease(tenant: Tenant, imageTag?: string): Promise<ReadResult>;
  /** The facts of what a tenant that follows a branch runs: the branch's head, or what is built for a commit. */
  readBranch(tenant: Tenant): Promise<ReadResult<BranchEvidence>>;
  readFacts(question: Question): Promise<ReadResult>;
  /**
   * The versions of the first image that the tenant's policy allows, or, with an image for each commit, the tags that
   * match the pattern; the newest first.
   *
   * @throws RegistryError or CredentialsError when the registry cannot be read
   */
  readAllowed(tenant: Tenant): Promise<readonly string[]>;
}

/**
 * What to read for the tenant's release.
 *
 * @returns nothing when the image tag is not the image prefix and a version
 */
export function questionOf(tenant: Tenant, imageTag: string | undefined = tenant.tag): Question | undefined {
  const version = imageTag === undefined ? undefined : versionOfTag(imageTag, tenant.prefix.image);
  if (imageTag === undefined || version === undefined) return undefined;
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

/** A reader with a memory of its own. */
export function createEvidenceReader(options: EvidenceReaderOptions = {}): EvidenceReader {
  const facts = createFactReader(options);
  const readFacts = (question: Question) => readReleaseEvidence(facts, question);
  return {
    readFacts,
    readBranch: (tenant) => readBranchEvidence(facts, tenant),
    async readRelease(tenant, imageTag = tenant.tag) {
      const question = questionOf(tenant, imageTag);
      if (question !== undefined) return readFacts(question);
      const { image: prefix } = tenant.prefix;
      const missing = `the image tag "${String(imageTag)}" is not the prefix "${prefix}" and a version: nothing to read`;
      return { missing: [missing] };
    },
    async readAllowed({ images, insecureRegistry, branchImage, prefix, policy }) {
      const tags = await facts.readTags(images[0], insecureRegistry);
      if (branchImage !== undefined) return tagsOfCommits(tags, branchImage.pattern);
      return tags
        .flatMap((tag) => versionOfTag(tag, prefix.image) ?? [])
        .filter((version) => allows(policy, version))
        .sort((one, other) => compareVersions(other, one));
    },
  };
}

async function readReleaseEvidence(facts: FactReader, question: Question): Promise<ReadResult> {
  const { version, repository, gitTag, chart, chartTag, images, imageTag, insecure } = question;
  const attempts = new Attempts();
  const [git, artifact, imageEvidence] = await Promise.all([
    attempts.read(`the Git tag "${gitTag}" in ${String(repository)}`, readGit(facts, question)),
    attempts.read(`the chart ${chartReference(chart)}:${chartTag}`, readArtifact(facts, question)),
    facts.readImages(images, imageTag, insecure, attempts),
  ]);
  const reference = chartReference(chart);
  return attempts.resultOf({ version, repository, chart: reference, ...git, ...artifact, images: imageEvidence });
}

async function readGit(facts: FactReader, question: Question): Promise<Partial<Evidence>> {
  const { repository, gitTag, chart, releasedFrom } = question;
  if (repository === undefined) return {};
  return facts.readGit(repository, ["tag", gitTag, chart, releasedFrom], async (git) => {
    const tag = git.refs.tags.get(gitTag);
    if (tag === undefined) return tagFactsOf(git.refs, gitTag);
    const refName = `refs/tags/${gitTag}`;
    // The registry has the facts of an OCI chart. Whether the object is a commit shows when a branch has it.
    const atTag =
      chart.kind === "git"
        ? (await readCharts(git, [refName], chart.path, { pinned: true })).get(refName)
        : { commit: tag.peeled };
    return { ...tagFactsOf(git.refs, gitTag), ...atTag, ...(await readBranch(git, atTag?.commit, releasedFrom)) };
  });
}

/** The facts of a chart in a registry. */
export async function readArtifact(
  facts: FactReader,
  { chart, chartTag, insecure }: Pick<Question, "chart" | "chartTag" | "insecure">,
): Promise<Partial<Evidence>> {
  const found = chart.kind === "git" ? undefined : await facts.readChart(chart.url, chartTag, insecure);
  if (found === undefined) return {};
  const { digest, version, appVersion, revision, problems } = found;
  const chartProblems = problems.length === 0 ? undefined : problems;
  return { chartDigest: digest, chartVersion: version, appVersion, revision, chartProblems };
}

/** The tag with the highest number comes first: Flux selects it. */
function tagsOfCommits(tags: readonly string[], pattern: string): string[] {
  return tags
    .flatMap((tag) => {
      const commit = commitOfTag(pattern, tag);
      return commit === undefined ? [] : [{ tag, ts: commit.ts }];
    })
    .sort((one, other) => other.ts - one.ts)
    .map(({ tag }) => tag);
}
