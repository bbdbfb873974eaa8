/**
 * Versions: strict SemVer, without any prefix. What stands before a version in a tag is declared per tenant, and only
 * here is it taken off.
 */
import parse from "semver/functions/parse";
import compareBuild from "semver/functions/compare-build";
import type { SemVer } from "semver";

/** The version's parts, or nothing when the text is not strict SemVer: no `v`, no blanks, no missing numbers. */
export function parseVersion(text: string): SemVer | undefined {
  const version = parse(text);
  if (version === null) {
    return undefined;
  }
  // The npm library lets a leading `v` and blanks pass even where it is strict.
  const build = version.build.length === 0 ? "" : `+${version.build.join(".")}`;
  return version.version + build === text ? version : undefined;
}

/** Whether the text is strict SemVer, such as `6.14.1`. */
export function isVersion(text: string): boolean {
  return parseVersion(text) !== undefined;
}

/**
 * The version that a tag names: the tag less the declared prefix, taken off once.
 *
 * @returns nothing when the tag does not carry the prefix, or when the rest is not strict SemVer: `vv1.0.86` names no
 *   version under the prefix `v`.
 */
export function versionOfTag(tag: string, prefix: string): string | undefined {
  if (!tag.startsWith(prefix)) {
    return undefined;
  }
  const rest = tag.slice(prefix.length);
  return isVersion(rest) ? rest : undefined;
}

/**
 * SemVer order, for sorting: negative, zero or positive. Versions that differ in build metadata alone, which SemVer
 * calls equal, are ordered by it, so that a sort is the same at every run.
 *
 * @throws TypeError when one of the two is no version.
 */
export function compareVersions(one: string, other: string): number {
  return compareBuild(one, other);
}

/** The tag that Helm gives a chart in a registry: its version, with `_` for the `+` that no tag can hold. */
export function chartTagOf(chartVersion: string): string {
  return chartVersion.replaceAll("+", "_");
}

/** Whether the version is a pre-release, such as `1.0.0-rc.1`. False for what is no version. */
export function isPrerelease(version: string): boolean {
  return (parseVersion(version)?.prerelease.length ?? 0) > 0;
}
