/** The chart of a tenant as Flux would render it: at the commit or digest of its evidence, with its values. */
import { objectName } from "../config/object-name";
import type { Tenant } from "../config/stack-config";
import { pinnedImagesOf, pinnedImageYaml } from "../manifests/pinned-image";
import { sourceKind } from "../manifests/source";
import { type BranchEvidence, type Evidence, isRelease } from "../release/evidence";
import type { FactReader } from "../release/fact-reader";
import { GitError, pathInRepository } from "../release/git";
import { RegistryError } from "../release/registry";
import { chartChanges, chartImages, objectsOf } from "./chart-changes";
import type { Placed } from "./decided";
import { type ChartContent, HelmError, helmTemplate, requireHelm } from "./helm";
import { secretsOf } from "./hidden";
import type { Chart, Image } from "./model";

/** The chart's part of a report. */
export interface ChartPart {
  readonly chart: Chart;
  readonly images: readonly Image[];
}

type Render = (placed: Placed) => Promise<string>;

/** Renders the charts of both sides, and compares their objects. @param before nothing for a new tenant */
export async function chartPart(before: Placed | undefined, after: Placed, render: Render): Promise<ChartPart> {
  const notes = after.tenant.secrets.map(
    ({ name }) => `rendered without the values of the Secret ${name}, which is in the cluster only`,
  );
  try {
    const [old, now] = await Promise.all(
      [before, after].map(async (side) => objectsOf(side === undefined ? "" : await render(side))),
    );
    const [one, other] = [old ?? new Map(), now ?? new Map()];
    return {
      chart: { ...(await chartChanges(one, other)), notes, unread: null },
      images: chartImages(one, other, after.tenant),
    };
  } catch (error) {
    if (!(error instanceof HelmError || error instanceof GitError || error instanceof RegistryError)) throw error;
    // Helm may quote a value.
    const secrets = await secretsOf(
      [],
      [before, after].flatMap((side) => side?.tenant.values ?? []).map(({ content }) => content),
    );
    return { chart: notRendered(secrets.withoutSecrets(error.message)), images: [] };
  }
}

/** A chart that was not rendered. @param reason in one sentence */
export function notRendered(reason: string): Chart {
  return { objects: { shown: [], more: 0 }, relabelled: [], unchanged: 0, notes: [], unread: reason };
}

/** Fetches and renders the chart of one side. @throws HelmError, GitError or RegistryError */
export async function renderPlaced({ tenant, evidence }: Placed, facts: FactReader): Promise<string> {
  await requireHelm();
  if (evidence === undefined) throw new HelmError(`the evidence of ${tenant.name} cannot be read`);
  const pinned = pinnedImagesOf(tenant, evidence);
  const [image] = pinned?.images ?? [];
  const pins = pinned?.values === undefined || image === undefined ? [] : [pinnedImageYaml(pinned.values, image)];
  return helmTemplate(await contentOf(tenant, evidence, facts), {
    name: objectName(tenant),
    namespace: tenant.namespace,
    values: [...tenant.values.map(({ content }) => content), ...pins],
  });
}

function contentOf(tenant: Tenant, evidence: Evidence | BranchEvidence, facts: FactReader): Promise<ChartContent> {
  const { chart, commit, repository } = evidence;
  if (sourceKind(evidence) === "OCIRepository") {
    const digest = isRelease(evidence) ? evidence.chartDigest : undefined;
    if (digest === undefined) throw new HelmError(`the digest of the chart ${chart} is not known`);
    return facts.readChartArchive(chart, digest, tenant.insecureRegistry);
  }
  if (repository === undefined || commit === undefined)
    throw new HelmError(`the commit of the chart ${chart} is not known`);
  const folder = pathInRepository(chart);
  const gitTag = isRelease(evidence) ? evidence.gitTag : undefined;
  return facts.readGit(repository, ["folder", commit, folder], (git) => {
    // Some hosts serve no commit by its id.
    const isTagged = gitTag !== undefined && git.refs.tags.get(gitTag)?.peeled === commit;
    return git.readFolder(isTagged ? `refs/tags/${gitTag}` : commit, folder);
  });
}
