/**
 * Reads the evidence of what a tenant that follows a branch runs: the branch's head; or, with an image for each commit,
 * that image and the chart of its commit; or, with a chart for each commit, the newest chart.
 */
import type { BranchChart, BranchImage, Tenant } from "../config/stack-config";
import { parseRange, rangeAllows } from "../version/range";
import { commitOfTag, tagMatches } from "../version/tag-pattern";
import { chartTagOf, compareVersions, versionOfTag } from "../version/version";
import type { BranchEvidence } from "./evidence";
import type { FactReader } from "./fact-reader";
import type { GitRepository } from "./git";
import { readCharts } from "./git-evidence";
import { chartReference, headHint } from "./promise";
import { Attempts, type ReadResult } from "./read-result";

type Facts = Omit<BranchEvidence, "images">;

/** A branch with the chart that is in it. */
interface ChartBranch {
  readonly repository: string;
  readonly branch: string;
  /** The chart's path. */
  readonly chart: string;
}

/** The evidence of what the tenant runs of its branch. */
export async function readBranchEvidence(facts: FactReader, tenant: Tenant): Promise<ReadResult<BranchEvidence>> {
  const { repository, branch, chart, branchImage, branchChart } = tenant;
  if (chart.kind === "oci" && branchChart !== undefined) return readNewestChart(facts, tenant, chart.url, branchChart);
  if (repository === undefined || chart.kind === "oci") {
    return {
      missing: [`the chart ${chartReference(chart)} is not in a Git repository, so it has no branch "${branch}"`],
    };
  }
  const place = { repository, branch, chart: chart.path };
  return branchImage === undefined ? readHead(facts, place) : readCommitImage(facts, tenant, place, branchImage);
}

async function readHead(facts: FactReader, place: ChartBranch): Promise<ReadResult<BranchEvidence>> {
  const { repository, branch, chart } = place;
  const attempts = new Attempts();
  const read = facts.readGit(repository, ["branch", branch, chart], async (git): Promise<Facts> => {
    if (!git.refs.branches.has(branch)) return withoutBranch(git, place);
    const refName = `refs/heads/${branch}`;
    return { ...place, ...(await readCharts(git, [refName], chart, { pinned: false })).get(refName) };
  });
  const found = await attempts.read(`the branch "${branch}" in ${repository}`, read);
  return attempts.resultOf(found ?? { branch, chart });
}

async function readCommitImage(
  facts: FactReader,
  { images, insecureRegistry, tag = "" }: Tenant,
  place: ChartBranch,
  { pattern }: BranchImage,
): Promise<ReadResult<BranchEvidence>> {
  const { repository, branch, chart } = place;
  const { sha } = commitOfTag(pattern, tag) ?? {};
  if (sha === undefined) {
    return { missing: [`the image tag "${tag}" does not match the pattern "${pattern}", so it names no commit`] };
  }
  const attempts = new Attempts();
  const reading = facts.readGit(repository, ["commit", branch, chart, sha], (git) => readCommit(git, place, sha));
  const [found, imageEvidence] = await Promise.all([
    attempts.read(`the commit ${sha} of the branch "${branch}" in ${repository}`, reading),
    facts.readImages(images, tag, insecureRegistry, attempts),
  ]);
  if (typeof found === "string") return { missing: [...attempts.missing, found] };
  return attempts.resultOf({ ...(found ?? { branch, chart }), images: imageEvidence });
}

/** The facts of the one commit of the branch whose id begins with `sha`; or why there is none, in one sentence. */
async function readCommit(git: GitRepository, place: ChartBranch, sha: string): Promise<Facts | string> {
  const { repository, branch, chart } = place;
  if (!git.refs.branches.has(branch)) return withoutBranch(git, place);
  const matching = [...(await git.readCommits(branch))].filter((commit) => commit.startsWith(sha));
  const [commit] = matching;
  if (commit === undefined || matching.length > 1) {
    const found = commit === undefined ? "no commit" : `${matching.length} commits`;
    return `${found} on the branch "${branch}" of ${repository} has an id that begins with "${sha}", must be one`;
  }
  return { ...place, ...(await readCharts(git, [commit], chart, { pinned: true })).get(commit) };
}

async function withoutBranch(git: GitRepository, place: ChartBranch): Promise<Facts> {
  const hint = headHint(await git.readHead(), "branch: ", "");
  return { ...place, chartProblems: [`no branch "${place.branch}" in ${place.repository}${hint}`] };
}

async function readNewestChart(
  facts: FactReader,
  { repository, branch, insecureRegistry }: Tenant,
  url: string,
  { range, pattern }: BranchChart,
): Promise<ReadResult<BranchEvidence>> {
  const attempts = new Attempts();
  const read = async (): Promise<Partial<Facts>> => {
    const tag = newestTag(await facts.readTags(url, insecureRegistry), range, pattern);
    const found = tag === undefined ? undefined : await facts.readChart(url, tag, insecureRegistry);
    if (tag === undefined || found === undefined) return {};
    const { version, appVersion, problems } = found;
    const chartProblems =
      version === undefined || chartTagOf(version) === tag
        ? problems
        : [...problems, `version of the chart ${url}:${tag} is "${version}", must be its tag`];
    return { chartVersion: version, appVersion, ...(chartProblems.length === 0 ? {} : { chartProblems }) };
  };
  const found = await attempts.read(`the chart ${url}`, read());
  return attempts.resultOf({ repository, branch, chart: url, ...found });
}

/** The newest version in the range, of the tags that match the pattern, as Flux selects it. */
function newestTag(tags: readonly string[], range: string, pattern: string): string | undefined {
  const parsed = parseRange(range);
  if ("error" in parsed) return undefined;
  return tags
    .filter((tag) => tagMatches(pattern, tag))
    .flatMap((tag) => {
      // Tags have `_` for the `+` of build metadata, and Flux accepts a `v` before the version.
      const text = tag.replaceAll("_", "+");
      const version = versionOfTag(text, "") ?? versionOfTag(text, "v");
      return version !== undefined && rangeAllows(parsed.range, version) ? [{ tag, version }] : [];
    })
    .sort((one, other) => compareVersions(one.version, other.version))
    .at(-1)?.tag;
}
