/**
 * Reads what a stack that follows a branch runs: the head of the branch; or, where the application publishes an image
 * for each commit, that image and the chart of its commit; or, where it publishes a chart for each commit, the newest.
 */
import type { BranchChart, BranchImage, Tenant } from "../config/stack-config";
import { parseRange, rangeAllows } from "../version/range";
import { commitOfTag, tagMatches } from "../version/tag-pattern";
import { chartTagOf, compareVersions, versionOfTag } from "../version/version";
import type { BranchEvidence, ImageEvidence } from "./evidence";
import { besideChartFile, chartFactsOf, chartFilePath } from "./git-evidence";
import { chartReference } from "./promise";
import { Attempts, type ReadResult } from "./read-result";
import type { Registry } from "./registry";
import type { UseRepository } from "./shared-repositories";

/** What reading needs. */
export interface BranchReaderParts {
  readonly registry: Registry;
  readonly useRepository: UseRepository;
  /** Reads a fact once. */
  readonly once: <Fact>(key: readonly unknown[], read: () => Promise<Fact>) => Promise<Fact>;
}

type Facts = Omit<BranchEvidence, "images">;

/** A reader of the facts that a branch of the tenant's stands for. */
export function createBranchReader({ registry, useRepository, once }: BranchReaderParts) {
  /** The head of the branch; without `commit` where there is no such branch. */
  function readHead(repository: string, branch: string, chart: string): Promise<Facts> {
    return once(["branch", repository, branch, chart], () =>
      useRepository(repository, async (git) => {
        const refName = `refs/heads/${branch}`;
        if (!git.refs.branches.has(branch)) {
          return { repository, branch, chart };
        }
        // Flux follows the branch, and no commit pins what it builds: neither the chart nor its dependencies.
        const file = (await git.readFiles([refName], chartFilePath(chart))).get(refName) ?? {};
        return { repository, branch, chart, commit: file.commit, ...chartFactsOf(file) };
      }),
    );
  }

  /** The one commit of the branch whose id begins with `sha`; or why there is none, in one sentence. */
  function readCommit(repository: string, branch: string, chart: string, sha: string): Promise<Facts | string> {
    return once(["commit", repository, branch, chart, sha], () =>
      useRepository(repository, async (git) => {
        if (!git.refs.branches.has(branch)) {
          return { repository, branch, chart };
        }
        const meant = [...(await git.readCommits(branch))].filter((commit) => commit.startsWith(sha));
        const [commit] = meant;
        if (commit === undefined || meant.length > 1) {
          const found = commit === undefined ? "no commit" : `${meant.length} commits`;
          return `the id of ${found} on the branch "${branch}" of ${repository} begins with "${sha}", must be that of one`;
        }
        const files = await git.readFiles([commit], chartFilePath(chart), besideChartFile(chart));
        const file = files.get(commit) ?? {};
        return { repository, branch, chart, commit, ...chartFactsOf(file) };
      }),
    );
  }

  async function readCommitImage(
    { chart: declared, images, insecureRegistry, tag = "" }: Tenant,
    repository: string,
    branch: string,
    { pattern }: BranchImage,
  ): Promise<ReadResult<BranchEvidence>> {
    const chart = chartReference(declared);
    const { sha } = commitOfTag(pattern, tag) ?? {};
    if (sha === undefined) {
      return { missing: [`the image tag "${tag}" does not match the pattern "${pattern}", so it names no commit`] };
    }
    const attempts = new Attempts();
    const [facts, imageFacts] = await Promise.all([
      attempts.read(
        `the commit ${sha} of the branch "${branch}" in ${repository}`,
        readCommit(repository, branch, chart, sha),
      ),
      Promise.all(
        images.map(async (image): Promise<ImageEvidence> => {
          const reference = `${image}:${tag}`;
          const reading = once(["image", image, tag, insecureRegistry], () =>
            registry.readDigest(image, tag, insecureRegistry),
          );
          const digest = await attempts.read(`the image ${reference}`, reading);
          return digest === undefined ? { reference } : { reference, digest };
        }),
      ),
    ]);
    if (typeof facts === "string") {
      return { missing: [...attempts.missing, facts] };
    }
    return attempts.resultOf({ ...(facts ?? { branch, chart }), images: imageFacts });
  }

  async function readNewestChart(
    { repository, insecureRegistry }: Tenant,
    url: string,
    branch: string,
    { range, pattern }: BranchChart,
  ): Promise<ReadResult<BranchEvidence>> {
    const attempts = new Attempts();
    const none: Facts = { repository, branch, chart: url };
    const read = async (): Promise<Facts> => {
      const tags = await once(["tags", url, insecureRegistry], () => registry.readTags(url, insecureRegistry));
      const tag = newestTag(tags, range, pattern);
      if (tag === undefined) {
        return none;
      }
      const chart = await once(["chart", url, tag, insecureRegistry], () =>
        registry.readChart(url, tag, insecureRegistry),
      );
      if (chart === undefined) {
        return none;
      }
      const { version, appVersion, problems } = chart;
      const named = version === undefined || chartTagOf(version) === tag;
      const all = named
        ? problems
        : [...problems, `version of the chart ${url}:${tag} is "${version}", must be its tag`];
      return { ...none, chartVersion: version, appVersion, chartProblems: all.length === 0 ? undefined : all };
    };
    return attempts.resultOf((await attempts.read(`the chart ${url}`, read())) ?? none);
  }

  async function readNewestHead(
    repository: string,
    branch: string,
    chart: string,
  ): Promise<ReadResult<BranchEvidence>> {
    const attempts = new Attempts();
    const reading = readHead(repository, branch, chart);
    const facts = await attempts.read(`the branch "${branch}" in ${repository}`, reading);
    return attempts.resultOf(facts ?? { branch, chart });
  }

  return async (tenant: Tenant): Promise<ReadResult<BranchEvidence>> => {
    const { repository, branch, chart, branchImage, branchChart } = tenant;
    if (chart.kind === "oci" && branchChart !== undefined) {
      return readNewestChart(tenant, chart.url, branch, branchChart);
    }
    if (repository === undefined || chart.kind === "oci") {
      return {
        missing: [`the chart ${chartReference(chart)} lies in no Git repository, so it has no branch "${branch}"`],
      };
    }
    return branchImage === undefined
      ? readNewestHead(repository, branch, chart.path)
      : readCommitImage(tenant, repository, branch, branchImage);
  };
}

/** As Flux chooses: of the tags that the pattern lets through, the newest version in the range. */
function newestTag(tags: readonly string[], range: string, pattern: string): string | undefined {
  const parsed = parseRange(range);
  if ("error" in parsed) {
    return undefined;
  }
  return tags
    .filter((tag) => tagMatches(pattern, tag))
    .flatMap((tag) => {
      // No tag can hold the `+` of build metadata; and Flux takes a version with a `v` before it.
      const text = tag.replaceAll("_", "+");
      const version = versionOfTag(text, "") ?? versionOfTag(text, "v");
      return version !== undefined && rangeAllows(parsed.range, version) ? [{ tag, version }] : [];
    })
    .sort((one, other) => compareVersions(one.version, other.version))
    .at(-1)?.tag;
}
