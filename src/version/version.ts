/** Versions: strict SemVer without a prefix. Prefixes of tags are declared per application. */
import parse from "semver/functions/parse";
import compareBuild from "semver/functions/compare-build";
import type { SemVer } from "semver";

/** The parts of a version; nothing unless the text is strict SemVer: no `v`, no blanks, three numbers. */
export function parseVersion(text: string): SemVer | undefined {
  const version = parse(text);
  if (version === null) return undefined;
  // The npm package accepts a leading `v` and blanks.
  const build = version.build.length === 0 ? "" : `+${version.build.join(".")}`;
  return version.version + build === text ? version : undefined;
}

/** Whether the text is strict SemVer, such as `6.14.1`. */
export function isVersion(text: string): boolean {
  return parseVersion(text) !== undefined;
}

/**
 * The version in a tag: the tag without the declared prefix, which is removed once.
 *
 * @returns nothing when the tag does not begin with the prefix, or the rest is not strict SemVer: `vv1.0.86` has no
 *   version with the prefix `v`
 */
export function versionOfTag(tag: string, prefix: string): string | undefined {
  const rest = tag.startsWith(prefix) ? tag.slice(prefix.length) : "";
  return isVersion(rest) ? rest : undefined;
}

/**
 * SemVer order, for sorting. Versions that differ only in build metadata, which SemVer treats as equal, are ordered by
 * it, so that the result is always the same.
 *
 * @throws TypeError when one of the two is not a version
 */
export function compareVersions(one: string, other: string): number {
  return compareBuild(one, other);
}

/** The tag of a chart in a registry: its version with `_` for `+`, which is not allowed in tags. */
export function chartTagOf(chartVersion: string): string {
  return chartVersion.replaceAll("+", "_");
}

/** Whether the version is a pre-release, such as `1.0.0-rc.1`. False for a text that is not a version. */
export function isPrerelease(version: string): boolean {
  return (parseVersion(version)?.prerelease.length ?? 0) > 0;
}
