/**
 * Flux's version ranges: the syntax and the meaning of Masterminds/semver v3 (3.5, which Flux's controllers are built
 * with), so that the range that Flux gets and the one that we judge by are the same. The npm library's ranges differ:
 * they have no `!=`, and take pre-releases by another rule.
 *
 * Whatever Masterminds takes but nobody would mean by it (`^x` is exactly 0.0.0 there) is refused.
 * `test/fixtures/masterminds/` holds the verdicts of the real library that the tests compare with.
 */
import compare from "semver/functions/compare";
import type { SemVer } from "semver";
import { parseVersion } from "./version";

/** A range, read: a version is allowed when all comparators of one alternative allow it. */
export interface Range {
  /** As it was written. */
  readonly text: string;
  /** What `||` separates. */
  readonly alternatives: readonly Alternative[];
}

interface Alternative {
  readonly text: string;
  readonly comparators: readonly Comparator[];
  /** One pre-release in an alternative opens the whole alternative to pre-releases. */
  readonly prerelease: boolean;
}

interface Comparator {
  readonly operator: Operator;
  readonly bound: Bound;
}

type Operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | "~" | "^";

/** The version in a comparator; numbers that are missing or `x` are 0 in `version`. */
interface Bound {
  readonly version: SemVer;
  /** How many of the three numbers were written: `x` 0, `1` or `1.x` 1, `1.2` 2, `1.2.3` 3. */
  readonly numbers: number;
}

/** Which versions may run: a range less the denied versions. */
interface RangeAndDenied {
  readonly range: string;
  readonly deny: readonly string[];
}

/** Masterminds' own limits, since 3.5. */
const longestRange = 512;
const mostAlternatives = 32;

const expected =
  "expected a range such as `>=6.0.0 <7.0.0`, `^6.0.0`, `~6.1`, `6.x` or `1.0.0 - 2.0.0`; `,` and blanks mean and, `||` means or";

const blank = "[\\t\\n\\f\\r ]";
const number = "(?:0|[1-9][0-9]*|[xX*])";
const identifiers = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const bound = `v?${number}(?:\\.${number}){0,2}(?:-${identifiers})?(?:\\+${identifiers})?`;
const comparatorPattern = new RegExp(`(=>|=<|!=|>=|<=|~>|[=<>~^])?${blank}*(${bound})(?![^\\t\\n\\f\\r ,])`, "y");
const hyphenPattern = new RegExp(`(${bound})${blank}+-${blank}+(${bound})(?![^\\t\\n\\f\\r ,])`, "y");
const separatorPattern = new RegExp(`${blank}*,${blank}*|${blank}+`, "y");
const blanksAround = new RegExp(`^${blank}+|${blank}+$`, "g");

const canonical: Readonly<Record<string, Operator>> = { "": "=", "=>": ">=", "=<": "<=", "~>": "~" };

/** These mean with `x` what everybody expects; the others mean something odd in Masterminds, or nothing. */
const operatorsWithAnyVersion: readonly Operator[] = ["=", ">=", "~"];

/** Reads a range, or says in one sentence what came and what was expected. */
export function parseRange(text: string): { readonly range: Range } | { readonly error: string } {
  const bytes = Buffer.byteLength(text);
  if (bytes > longestRange) {
    return { error: `the range is ${bytes} bytes long; Flux takes at most ${longestRange}` };
  }
  const parts = text.split("||");
  if (parts.length > mostAlternatives) {
    return { error: `the range has ${parts.length} parts with \`||\` between; Flux takes at most ${mostAlternatives}` };
  }
  const alternatives: Alternative[] = [];
  for (const part of parts) {
    const alternative = parseAlternative(part.replace(blanksAround, ""));
    if (typeof alternative === "string") {
      return { error: `${alternative} in the range ${JSON.stringify(text)}: ${expected}` };
    }
    alternatives.push(alternative);
  }
  return { range: { text, alternatives } };
}

/** Whether the range allows the version. False for what is no version. */
export function rangeAllows(range: Range, version: string): boolean {
  const parsed = parseVersion(version);
  return parsed !== undefined && range.alternatives.some((alternative) => alternativeAllows(alternative, parsed));
}

/** Whether the range names a pre-release, and so lets pre-releases in. */
export function rangeAsksForPrerelease(range: Range): boolean {
  return range.alternatives.some((alternative) => alternative.prerelease);
}

/**
 * The range text for a Flux ImagePolicy: `range` with `!=` and each denied version in every alternative that would
 * allow it. A denied version that an alternative does not allow anyway is left out of it: `!=1.1.0-rc.1` would open an
 * alternative without pre-releases to all other pre-releases.
 *
 * @throws RangeError with `policyError`'s words when there is one.
 */
export function fluxRange(rangeText: string, deny: readonly string[]): string {
  const text = addDenied(rangeText, deny);
  const parsed = parseRange(text);
  if ("error" in parsed) {
    throw new RangeError(parsed.error);
  }
  return text;
}

/** What is wrong with a range and its denied versions, in one sentence, or nothing: Flux can be given the two. */
export function policyError(rangeText: string, deny: readonly string[]): string | undefined {
  try {
    fluxRange(rangeText, deny);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) {
      return error.message;
    }
    throw error;
  }
}

/**
 * Whether a policy allows the version: in the range, and not denied.
 *
 * @throws RangeError when the range cannot be read; a checked `StackConfig` holds none such.
 */
export function allows(policy: RangeAndDenied, version: string): boolean {
  const parsed = parseRange(policy.range);
  if ("error" in parsed) {
    throw new RangeError(parsed.error);
  }
  return rangeAllows(parsed.range, version) && !isDenied(policy.deny, version);
}

/** Whether the version is one of the denied ones. Build metadata makes no difference, as in SemVer and in Flux. */
export function isDenied(deny: readonly string[], version: string): boolean {
  const parsed = parseVersion(version);
  return deny.some((denied) => {
    const other = parseVersion(denied);
    return parsed !== undefined && other !== undefined && compare(parsed, other) === 0;
  });
}

function addDenied(rangeText: string, deny: readonly string[]): string {
  const parsed = parseRange(rangeText);
  if ("error" in parsed) {
    throw new RangeError(parsed.error);
  }
  const denied = deny.map((text) => {
    const version = parseVersion(text);
    if (version === undefined) {
      throw new RangeError(
        `the denied version ${JSON.stringify(text)} is no version: expected SemVer without prefix, such as "6.13.5"`,
      );
    }
    return version;
  });
  const distinct = denied.filter((one, index) => denied.findIndex((other) => compare(one, other) === 0) === index);
  return parsed.range.alternatives
    .map((alternative) => {
      const excluded = distinct.filter((version) => alternativeAllows(alternative, version));
      return [alternative.text, ...excluded.map((version) => `!=${version.version}`)].join(" ");
    })
    .join(" || ");
}

/** An alternative, or what is wrong with it. */
function parseAlternative(text: string): Alternative | string {
  if (text === "") {
    return "there is an empty part";
  }
  const comparators: Comparator[] = [];
  let position = 0;
  let afterComma = true;
  while (position < text.length) {
    const found = matchAt(hyphenPattern, text, position) ?? matchAt(comparatorPattern, text, position);
    if (found === undefined) {
      return `${JSON.stringify(text.slice(position))} cannot be read`;
    }
    const [whole = "", first = "", second = ""] = found;
    const isHyphen = found.pattern === hyphenPattern;
    if (isHyphen && !afterComma) {
      // Masterminds swallows the blank before a hyphen range, and then fails on what is left.
      return `${JSON.stringify(whole)} needs a \`,\` before it`;
    }
    const operators: readonly Operator[] = isHyphen ? [">=", "<="] : [canonical[first] ?? (first as Operator)];
    const bounds = isHyphen ? [first, second] : [second];
    for (const [index, operator] of operators.entries()) {
      const read = parseBound(bounds[index] ?? "");
      if (typeof read === "string") {
        return read;
      }
      if (read.numbers === 0 && !operatorsWithAnyVersion.includes(operator)) {
        return `${JSON.stringify(whole)} sets any version against \`${operator}\``;
      }
      comparators.push({ operator, bound: read });
    }
    position += whole.length;
    if (position < text.length) {
      const separator = matchAt(separatorPattern, text, position)?.[0] ?? "";
      afterComma = separator.includes(",");
      position += separator.length;
      if (position === text.length) {
        return "nothing follows the last `,`";
      }
    }
  }
  return { text, comparators, prerelease: comparators.some((one) => one.bound.version.prerelease.length > 0) };
}

function matchAt(pattern: RegExp, text: string, position: number): (string[] & { pattern: RegExp }) | undefined {
  pattern.lastIndex = position;
  const match = pattern.exec(text);
  return match === null ? undefined : Object.assign([...match], { pattern });
}

/** The bound of a comparator, or what is wrong with it. */
function parseBound(text: string): Bound | string {
  const bare = text.replace(/^v/, "");
  const suffixAt = bare.search(/[-+]/);
  const written = (suffixAt === -1 ? bare : bare.slice(0, suffixAt)).split(".");
  const suffix = suffixAt === -1 ? "" : bare.slice(suffixAt);
  const firstAny = written.findIndex((part) => /^[xX*]$/.test(part));
  const numbers = firstAny === -1 ? written.length : firstAny;
  if (written.slice(numbers).some((part) => /^[0-9]/.test(part))) {
    return `${JSON.stringify(text)} has a number after an \`x\``;
  }
  const complete = [...written.slice(0, numbers), "0", "0", "0"].slice(0, 3).join(".");
  const version = parseVersion(complete + suffix);
  return version === undefined ? `${JSON.stringify(text)} is no SemVer` : { version, numbers };
}

function alternativeAllows(alternative: Alternative, version: SemVer): boolean {
  if (version.prerelease.length > 0 && !alternative.prerelease) {
    return false;
  }
  return alternative.comparators.every((comparator) => comparatorAllows(comparator, version));
}

function comparatorAllows({ operator, bound }: Comparator, version: SemVer): boolean {
  const order = compare(version, bound.version);
  switch (operator) {
    case "=":
      return bound.numbers === 3 ? order === 0 : tildeAllows(bound, version);
    case "!=":
      return bound.numbers === 3 ? order !== 0 : !isWithin(bound, version);
    case ">":
      return bound.numbers === 3 ? order > 0 : compareWritten(version, bound) > 0;
    case ">=":
      return order >= 0;
    case "<":
      return order < 0;
    case "<=":
      return bound.numbers === 3 ? order <= 0 : compareWritten(version, bound) <= 0;
    case "~":
      return tildeAllows(bound, version);
    case "^":
      return caretAllows(bound, version);
  }
}

/** Order by the numbers that were written alone: `1.2.9` equals the bound `1.2`. */
function compareWritten(version: SemVer, { version: base, numbers }: Bound): number {
  const major = version.major - base.major;
  return numbers === 1 || major !== 0 ? major : version.minor - base.minor;
}

/** `!=1.2` leaves out 1.2.*, but with a pre-release in the range only those of the very same pre-release. */
function isWithin(bound: Bound, version: SemVer): boolean {
  const samePrerelease = version.prerelease.join(".") === bound.version.prerelease.join(".");
  return compareWritten(version, bound) === 0 && (bound.numbers === 1 || samePrerelease);
}

function tildeAllows({ version: base, numbers }: Bound, version: SemVer): boolean {
  if (compare(version, base) < 0) {
    return false;
  }
  // In Masterminds `~0.0.0` is no narrower than `x`.
  if ((numbers === 0 || numbers === 3) && base.major === 0 && base.minor === 0 && base.patch === 0) {
    return true;
  }
  return version.major === base.major && (numbers === 1 || version.minor === base.minor);
}

/** Everything from the base on that keeps the leftmost number which is not 0. */
function caretAllows({ version: base, numbers }: Bound, version: SemVer): boolean {
  if (compare(version, base) < 0 || version.major !== base.major) {
    return false;
  }
  if (base.major > 0 || numbers === 1) {
    return true;
  }
  return version.minor === base.minor && (base.minor > 0 || numbers === 2 || version.patch === base.patch);
}
