/** Everything that a report says of one tenant that changes. */
import { isDeepStrictEqual } from "node:util";
import { objectName } from "../config/object-name";
import { valueAt } from "../config/report";
import type { StackConfig, Tenant } from "../config/stack-config";
import { keepsPreviousSources } from "../manifests/source";
import { stackObjects } from "../manifests/stack-objects";
import { mergedValues, type Value, ValuesError, isMapping } from "../policy-pack/merged-values";
import { isRelease } from "../release/evidence";
import type { FactReader } from "../release/fact-reader";
import { changesBetween, listed } from "./changes";
import { commitsBetween } from "./commits";
import { compareLink } from "./compare-link";
import { decidedOf, goesBack, type Placed } from "./decided";
import { secretsOf } from "./hidden";
import { noHelm } from "./helm";
import type { Block, Change, Chart, Image, TenantReport, Verdict } from "./model";
import { chartPart } from "./rendered-chart";

/** A tenant before and after, and what was found out about it. */
export interface TenantFacts {
  /** At least one of the two is there. */
  readonly before?: Placed;
  readonly after?: Placed;
  readonly configBefore?: StackConfig;
  readonly configAfter: StackConfig;
  /** The written entry, of a tenant that is new. */
  readonly entry?: unknown;
  readonly blocks: readonly Block[];
  /** What else a reviewer should know. */
  readonly notes: readonly string[];
}

/** Reads what costs a request. */
export interface TenantReaders {
  readonly facts: FactReader;
  readonly render: (placed: Placed) => Promise<string>;
}

export async function tenantReport(found: TenantFacts, readers: TenantReaders): Promise<TenantReport> {
  const { before, after, blocks } = found;
  const tenant = (after ?? before)?.tenant.name ?? "";
  const [values, commits, part] = await Promise.all([
    valuesChanges(before?.tenant, after?.tenant),
    before === undefined || after === undefined ? undefined : commitsBetween(before, after, readers.facts),
    after === undefined || !isRenderedAnew(before, after) ? undefined : chartPart(before, after, readers.render),
  ]);
  const settings = await settingsChanges(found);
  const deleted = deletedObjects(found);
  const notes = [...found.notes, ...ownNotes(found), ...valuesNotes(values), ...chartNotes(after?.tenant, part)];
  return {
    tenant,
    change: before === undefined ? "added" : after === undefined ? "removed" : "changed",
    verdict: verdictOf(blocks, notes),
    from: before === undefined ? null : decidedOf(before),
    to: after === undefined ? null : decidedOf(after),
    notes,
    blocks,
    compare: linkBetween(before, after) ?? null,
    commits: commits ?? null,
    values: listed(values),
    settings: listed(settings),
    chart: part?.chart ?? null,
    images: part?.images ?? [],
    deleted,
  };
}

export function verdictOf(blocks: readonly Block[], notes: readonly string[]): Verdict {
  if (blocks.some(({ isAdvisory }) => !isAdvisory)) return "blocked";
  return notes.length > 0 || blocks.length > 0 ? "look" : "fine";
}

/** Only what the chart is made of: a changed quota renders nothing anew. */
function isRenderedAnew(before: Placed | undefined, after: Placed): boolean {
  const partsOf = ({ tenant, evidence }: Placed) => ({
    evidence: { ...evidence, branch: "" },
    tenant: [tenant.chart, tenant.tag, tenant.pinDigest, tenant.branchImage, tenant.namespace, tenant.secrets],
    images: [tenant.images, tenant.furtherImages],
    values: tenant.values.map(({ content }) => content),
  });
  return before === undefined || !isDeepStrictEqual(partsOf(before), partsOf(after));
}

function linkBetween(before: Placed | undefined, after: Placed | undefined): string | undefined {
  const [from, to] = [before, after].map((side) => {
    const evidence = side?.evidence;
    return evidence !== undefined && isRelease(evidence) ? evidence : undefined;
  });
  if (from?.gitTag === undefined || to?.gitTag === undefined || from.gitTag === to.gitTag) return undefined;
  if (from.repository !== to.repository) return undefined;
  // A page shows what the second one has and the first one has not.
  const isBack = before !== undefined && after !== undefined && goesBack(before.tenant, after.tenant);
  const [older, newer] = isBack ? [to.gitTag, from.gitTag] : [from.gitTag, to.gitTag];
  return compareLink(to.repository, older, newer);
}

async function valuesChanges(before: Tenant | undefined, after: Tenant | undefined): Promise<Change[]> {
  if (after === undefined) return [];
  const files = [before, after].flatMap((tenant) => tenant?.values ?? []);
  const [old, now] = [before, after].map((tenant) => plainValues(tenant));
  if (old instanceof ValuesError || now instanceof ValuesError) return [];
  const secrets = await secretsOf(
    [old, now],
    files.map(({ content }) => content),
  );
  return changesBetween(old, now, secrets);
}

function plainValues(tenant: Tenant | undefined): unknown {
  try {
    return plain(mergedValues(tenant?.values ?? []));
  } catch (error) {
    if (error instanceof ValuesError) return error;
    throw error;
  }
}

function plain({ content }: Value): unknown {
  if (content === null || typeof content === "string") return content;
  if (!isMapping(content)) return content.map(plain);
  // Without what objects inherit, for a key such as `constructor`.
  const entries = [...content]
    .filter(([key]) => key !== "__proto__")
    .map(([key, value]) => [key, plain(value)] as const);
  return Object.fromEntries(entries);
}

/** What has a part of its own, or says nothing. */
const elsewhere = ["name", "values", "line", "tag", "formerly"];

async function settingsChanges({ before, after, entry }: TenantFacts): Promise<Change[]> {
  if (after === undefined) return [];
  // A digest belongs to its tag.
  const isNewTag = before?.tenant.tag !== after.tenant.tag;
  const isElsewhere = (key: string) => elsewhere.includes(key) || (key === "digest" && isNewTag);
  const of = (tenant: object | undefined) =>
    Object.fromEntries(Object.entries(tenant ?? {}).filter(([key]) => !isElsewhere(key)));
  // Of a new tenant, what is written says more than all defaults.
  const [old, now] = before === undefined ? [{}, of(entry as object)] : [of(before.tenant), of(after.tenant)];
  const secrets = await secretsOf([]);
  // Names of Secrets are decided here, and no secrets.
  return changesBetween(old, now, { ...secrets, isHidden: () => false });
}

/** The objects of ours that the base's decision has, and the head's has not. */
function deletedObjects({ before, after, configBefore, configAfter }: TenantFacts): string[] {
  if (before === undefined || configBefore === undefined) return [];
  const now = new Set(after === undefined ? [] : titlesOf(configAfter, after));
  // Special config and source are replaced; a stack that deploys to a cluster keeps the source for a rollback.
  const replaced =
    after === undefined
      ? []
      : ["ConfigMap", ...(keepsPreviousSources(configAfter) ? ["GitRepository", "OCIRepository"] : [])];
  return titlesOf(configBefore, before).filter(
    (title) => !now.has(title) && !replaced.includes(title.split(" ", 1)[0] ?? ""),
  );
}

/** The components that are named after their tenant. The others are named after the stack. */
const tenantComponents: readonly string[] = ["Tenant", "ReleasePolicy", "HelmReleaseWithValues"];

function titlesOf(config: StackConfig, { tenant, evidence, reasons }: Placed): string[] {
  const resolved = { tenant, source: "lock" as const, evidence, reasons };
  const objects = stackObjects({ config: { ...config, tenants: [tenant] }, tenants: [resolved] });
  return [...objects]
    .filter(({ owner }) => owner.name === objectName(tenant) && tenantComponents.includes(owner.component))
    .map(
      ({ object: { kind, metadata } }) =>
        `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`,
    );
}

function ownNotes({ before, after, configAfter }: TenantFacts): string[] {
  if (after === undefined) {
    const namespace = before?.tenant.namespace ?? "";
    return [`removed: Helm uninstalls the release, and the namespace ${namespace} is deleted with everything in it`];
  }
  if (before === undefined) return [];
  const { tenant: old } = before;
  const { tenant: now } = after;
  const { pin, hold } = now.policy;
  return [
    ...(goesBack(old, now) ? [`the version goes back from ${String(old.tag)} to ${String(now.tag)}`] : []),
    ...(old.tag === now.tag && old.digest !== undefined && now.digest !== undefined && old.digest !== now.digest
      ? [`another image has the tag ${String(now.tag)} now: the digest changes`]
      : []),
    ...(old.name === now.name ? [] : [`renamed from ${old.name}`]),
    ...(old.namespace === now.namespace ? [] : [`it moves from the namespace ${old.namespace} to ${now.namespace}`]),
    ...(pin !== undefined && !isDeepStrictEqual(pin, old.policy.pin) ? [`pinned by ${pin.by}: ${pin.reason}`] : []),
    ...(hold !== undefined && !isDeepStrictEqual(hold, old.policy.hold) ? [`held by ${hold.by}: ${hold.reason}`] : []),
    ...(configAfter.follow === "tags" && old.policy.automation !== "auto" && now.policy.automation === "auto"
      ? ["Flux promotes it without a review from now on"]
      : []),
  ];
}

function valuesNotes(values: readonly Change[]): string[] {
  const count = values.filter(({ isHidden }) => isHidden).length;
  return count === 0
    ? []
    : [`${count} changed ${count === 1 ? "value is" : "values are"} named like a credential, and not shown`];
}

function chartNotes(
  tenant: Tenant | undefined,
  part: { readonly chart: Chart; readonly images: readonly Image[] } | undefined,
): string[] {
  if (tenant === undefined || part === undefined) return [];
  const removed = part.chart.objects.shown.filter(({ change }) => change === "removed");
  const refused = part.images.filter(({ verdict }) => verdict === "undeclared").map(({ image }) => image);
  const others = part.images.filter(({ verdict }) => verdict === "other-tag").map(({ image }) => image);
  const consequence = { deny: "the cluster refuses it", audit: "the cluster warns of it", off: "nothing refuses it" }[
    tenant.admission
  ];
  return [
    ...removed.map(({ object }) => `the chart no longer has ${object}: Helm deletes it`),
    ...refused.map((image) => `the chart runs ${image}, whose repository is not declared: ${consequence}`),
    ...others.map((image) => `the chart runs ${image}, which is not the release's ${String(tenant.tag)}`),
    ...(part.chart.unread !== null && part.chart.unread !== noHelm ? ["the chart cannot be rendered"] : []),
  ];
}

/** The written entry of a tenant. */
export function writtenEntry(settings: Readonly<Record<string, unknown>>, tenant: string): unknown {
  return valueAt(settings, ["tenants", tenant]);
}
