/** Reads everything in the lock again, and reports what has changed. */
import { printableSentence } from "../config/printable";
import { objectName } from "../config/object-name";
import type { Chart, Tenant } from "../config/stack-config";
import { chartTagOf } from "../version/version";
import type { Evidence } from "./evidence";
import type { EvidenceReader, Question } from "./evidence-reader";
import { addressesOf, type ImageAddress } from "./image-address";
import type { Lock } from "./lock";
import { chartReference } from "./promise";

/** The changes of one release since it was locked. */
export interface Verification {
  /** The tenant's name. */
  readonly tenant: string;
  readonly version: string;
  /** What has changed, each in one sentence, escaped. */
  readonly changes: readonly string[];
  /** What could not be read, each in one sentence. */
  readonly unread: readonly string[];
}

/**
 * Verifies every release of the lock, by tenant and version.
 *
 * @param tenants of all stacks. They say whether a registry uses HTTP, and which other branches are allowed
 */
export async function verifyLock(
  lock: Lock,
  tenants: readonly Tenant[],
  reader: EvidenceReader,
): Promise<Verification[]> {
  const locked = [...lock.releases].flatMap(([tenant, versions]) =>
    [...versions.values()].map((evidence) => ({ tenant, evidence })),
  );
  return Promise.all(
    locked.map(async ({ tenant, evidence }): Promise<Verification> => {
      const named = tenants.filter((one) => [one.name, objectName(one)].includes(tenant));
      const read = await reader.readFacts(questionOfEntry(evidence, named));
      return {
        tenant,
        version: evidence.version,
        changes: "evidence" in read ? changesBetween(evidence, read.evidence) : [],
        unread: "evidence" in read ? [] : read.missing,
      };
    }),
  );
}

/** Reads exactly the facts that the entry has. */
function questionOfEntry(locked: Evidence, named: readonly Tenant[]): Question {
  const declared = named.find(({ chart }) => chartReference(chart) === locked.chart);
  const references = locked.images.map(({ reference }) => splitReference(reference));
  const chart: Chart = locked.chart.startsWith("oci://")
    ? { kind: "oci", url: locked.chart }
    : { kind: "git", path: locked.chart };
  const images = references.map(({ image }) => image);
  return {
    version: locked.version,
    repository: locked.gitTag === undefined ? undefined : locked.repository,
    gitTag: locked.gitTag ?? "",
    // A release branch may have been merged and deleted. Then the commit must be on another allowed branch.
    releasedFrom: locked.branch === undefined ? [] : [locked.branch, ...(declared?.releasedFrom ?? [])],
    chart,
    chartTag: chartTagOf(locked.chartVersion ?? locked.version),
    images,
    imageTag: references[0]?.tag ?? "",
    insecure: isDeclaredInsecure(addressesOf({ images, chart }), named),
  };
}

/** An application may have moved since: nothing is sent without TLS to a registry that no tenant of the name declares so. */
function isDeclaredInsecure(addresses: readonly ImageAddress[], named: readonly Tenant[]): boolean {
  const insecure = named.filter(({ insecureRegistry }) => insecureRegistry).flatMap(addressesOf);
  return addresses.every(({ registry }) => insecure.some((one) => one.registry === registry));
}

/** Splits at the last colon; an earlier one belongs to the registry's port. */
function splitReference(reference: string): { image: string; tag: string } {
  const colon = reference.lastIndexOf(":");
  return { image: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

/**
 * Changes of the release itself since it was locked: of the commit, the tag object, or a digest. The tenant may declare
 * another branch or prefix now. Facts that are missing now are left to `promiseReasons`.
 */
export function movedFacts(locked: Evidence, now: Evidence): string[] {
  const found = now.images.filter(({ digest }) => digest !== undefined).map(({ reference }) => reference);
  const images = locked.images.filter(({ reference }) => found.includes(reference));
  const isSameChart = now.chartDigest !== undefined && locked.chartVersion === now.chartVersion;
  return [
    ...(now.commit === undefined ? [] : movedTag(locked, now)),
    ...(isSameChart && locked.chartDigest !== undefined
      ? change("the chart's digest", locked.chartDigest, now.chartDigest)
      : []),
    ...imageChanges({ ...locked, images }, now),
  ].map(printableSentence);
}

function movedTag(locked: Evidence, now: Evidence): string[] {
  if (locked.gitTag === undefined || locked.gitTag === now.gitTag) return tagChanges(locked, now);
  // With another prefix it is another tag object, but of the same commit.
  return locked.commit === now.commit
    ? []
    : [
        `the Git tag "${String(now.gitTag)}" points at ${String(now.commit)}, but the locked tag "${locked.gitTag}" at ${String(locked.commit)}`,
      ];
}

function changesBetween(locked: Evidence, now: Evidence): string[] {
  const { branch, commit } = locked;
  const leftBranch =
    branch !== undefined && now.branch === undefined && now.gitTag !== undefined && now.commit === commit;
  return [
    ...tagChanges(locked, now),
    ...(leftBranch ? [`the branch "${branch}" no longer holds the commit ${String(commit)}`] : []),
    ...chartChanges(locked, now),
    ...imageChanges(locked, now),
  ].map(printableSentence);
}

function tagChanges(locked: Evidence, now: Evidence): string[] {
  const { gitTag, commit, tagObject } = locked;
  if (gitTag === undefined) return [];
  if (now.gitTag === undefined) return [`the Git tag "${gitTag}" is gone from ${String(locked.repository)}`];
  if (now.commit !== commit) {
    return [
      `the Git tag "${gitTag}" moved from ${String(commit)} to ${now.commit ?? "an object that is not a commit"}`,
    ];
  }
  return tagObject === undefined
    ? []
    : change(`the Git tag "${gitTag}" was recreated at the same commit: its object`, tagObject, now.tagObject);
}

function chartChanges(locked: Evidence, now: Evidence): string[] {
  // Without its tag the chart cannot be read, and the tag is reported already.
  if (locked.gitTag !== undefined && now.gitTag === undefined && locked.chartDigest === undefined) return [];
  if (locked.chartDigest !== undefined && now.chartDigest === undefined) {
    return [`the chart ${locked.chart} ${locked.chartVersion ?? locked.version} is gone from the registry`];
  }
  return [
    ...(now.chartProblems ?? []).map((problem) => `the chart ${locked.chart} breaks the promise: ${problem}`),
    ...change("the chart's digest", locked.chartDigest, now.chartDigest),
    ...change("version of Chart.yaml", locked.chartVersion, now.chartVersion),
    ...change("appVersion of Chart.yaml", locked.appVersion, now.appVersion),
    ...change("the artifact's label org.opencontainers.image.revision", locked.revision, now.revision),
  ];
}

function imageChanges(locked: Evidence, now: Evidence): string[] {
  return locked.images.flatMap(({ reference, digest }) => {
    const found = now.images.find((image) => image.reference === reference)?.digest;
    return found === undefined
      ? [`the image ${reference} is gone from the registry`]
      : change(`the digest of ${reference}`, digest, found);
  });
}

function change(fact: string, before: string | undefined, after: string | undefined): string[] {
  const show = (value: string | undefined) => (value === undefined ? "missing" : `"${value}"`);
  return before === after ? [] : [`${fact} was ${show(before)}, and is ${show(after)}`];
}
