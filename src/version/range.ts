/**
 * Version ranges with the syntax and the meaning of Masterminds/semver 3.5, which Flux's controllers use. npm's ranges
 * have no `!=`, and other rules for pre-releases. Where Masterminds accepts a range but gives it a surprising meaning
 * (`^x` is exactly 0.0.0), we refuse it. The tests compare with the real library (`test/fixtures/masterminds/`).
 */
import compare from "semver/functions/compare";
import type { SemVer } from "semver";
import { isPrerelease, parseVersion } from "./version";

/** A parsed range. It allows what one of its alternatives allows. */
export interface Range {
  /** The parts between `||`. */
  readonly alternatives: readonly Alternative[];
}

interface Alternative {
  readonly text: string;
  /** A version must pass all of them. */
  readonly tests: readonly Test[];
  /** Whether one of the comparators names a pre-release. Only then the alternative allows pre-releases. */
  readonly prerelease: boolean;
}

type Test = (version: SemVer) => boolean;
type Operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | "~" | "^";

/** The version in a comparator. */
interface Bound {
  /** Numbers that are missing or `x` are 0. */
  readonly base: SemVer;
  /** How many of the three numbers are given: `x` 0, `1.x` 1, `1.2` 2, `1.2.3` 3. */
  readonly numbers: number;
}

interface Policy {
  readonly range: string;
  readonly deny: readonly string[];
}

/** Limits of Masterminds since 3.5. */
const maxBytes = 512;
const maxAlternatives = 32;

const expected =
  "expected a range such as `>=6.0.0 <7.0.0`, `^6.0.0`, `~6.1`, `6.x` or `1.0.0 - 2.0.0`; `,` and blanks mean and, `||` means or";

const blank = "[\\t\\n\\f\\r ]";
const number = "(?:0|[1-9][0-9]*|[xX*])";
const identifiers = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const bound = `v?${number}(?:\\.${number}){0,2}(?:-${identifiers})?(?:\\+${identifiers})?`;
const hyphenated = `(?<low>${bound})${blank}+-${blank}+(?<high>${bound})`;
const compared = `(?<operator>=>|=<|!=|>=|<=|~>|[=<>~^])?${blank}*(?<bound>${bound})`;
const separator = `(?<separator>${blank}*,${blank}*|${blank}+|$)`;
const partPattern = new RegExp(`(?:${hyphenated}|${compared})${separator}`, "y");
const blanksAround = new RegExp(`^${blank}+|${blank}+$`, "g");

const synonyms: Readonly<Record<string, Operator>> = { "": "=", "=>": ">=", "=<": "<=", "~>": "~" };

type ParsedRange = { readonly range: Range } | { readonly error: string };

/** Thousands of tenants have a few ranges. */
const parsedRanges = new Map<string, ParsedRange>();

/** Parses a range, or says in one sentence what is wrong with it and what is expected. */
export function parseRange(text: string): ParsedRange {
  const known = parsedRanges.get(text) ?? parseNewRange(text);
  parsedRanges.set(text, known);
  return known;
}

function parseNewRange(text: string): ParsedRange {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) return { error: `the range is ${bytes} bytes long; Flux takes at most ${maxBytes}` };
  const parts = text.split("||");
  if (parts.length > maxAlternatives) {
    return { error: `the range has ${parts.length} parts separated by \`||\`; Flux takes at most ${maxAlternatives}` };
  }
  const alternatives = parts.map((part) => parseAlternative(part.replace(blanksAround, "")));
  const error = alternatives.find((alternative) => typeof alternative === "string");
  if (error !== undefined) return { error: `${error} in the range ${JSON.stringify(text)}: ${expected}` };
  return { range: { alternatives: alternatives.filter((alternative) => typeof alternative !== "string") } };
}

/** Whether the range allows the version. False for a text that is not a version. */
export function rangeAllows({ alternatives }: Range, version: string): boolean {
  const parsed = parseVersion(version);
  return parsed !== undefined && alternatives.some((alternative) => alternativeAllows(alternative, parsed));
}

/** Whether the range names a pre-release, and so allows pre-releases. */
export function rangeAsksForPrerelease({ alternatives }: Range): boolean {
  return alternatives.some(({ prerelease }) => prerelease);
}

/**
 * The range for a Flux ImagePolicy: each alternative with `!=` for the denied versions that it would allow. For other
 * versions there is no `!=`: `!=1.1.0-rc.1` would make an alternative allow all other pre-releases.
 *
 * @throws RangeError with the message of `policyError`
 */
export function fluxRange(range: string, deny: readonly string[]): string {
  const denied = deny.map((text) => {
    const version = parseVersion(text);
    if (version !== undefined) return version;
    throw new RangeError(
      `the denied version ${JSON.stringify(text)} is not a version: expected SemVer without prefix, such as "6.13.5"`,
    );
  });
  const distinct = denied.filter((one, index) => denied.findIndex((other) => compare(one, other) === 0) === index);
  const text = parseOrThrow(range)
    .alternatives.map((alternative) => {
      const excluded = distinct.filter((version) => alternativeAllows(alternative, version));
      return [alternative.text, ...excluded.map(({ version }) => `!=${version}`)].join(" ");
    })
    .join(" || ");
  parseOrThrow(text);
  return text;
}

/** Why Flux cannot use the range with its denied versions, in one sentence; nothing when it can. */
export function policyError(range: string, deny: readonly string[]): string | undefined {
  try {
    fluxRange(range, deny);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/**
 * Whether the version is in the policy's range, and not denied.
 *
 * @throws RangeError when the range is not valid. The range of a `StackConfig` is
 */
export function allows({ range, deny }: Policy, version: string): boolean {
  return rangeAllows(parseOrThrow(range), version) && !isDenied(deny, version);
}

/** Why the policy does not allow the version, as the end of a sentence about it; nothing where it does. */
export function notAllowed(policy: Policy, version: string): string | undefined {
  const range = parseOrThrow(policy.range);
  if (isDenied(policy.deny, version)) return "is denied by the policy";
  if (rangeAllows(range, version)) return undefined;
  return isPrerelease(version) && !rangeAsksForPrerelease(range)
    ? `is a pre-release, and the range "${policy.range}" asks for none`
    : `is outside the range "${policy.range}"`;
}

/** Whether the version is denied. Build metadata is ignored, as in SemVer and in Flux. */
export function isDenied(deny: readonly string[], version: string): boolean {
  const parsed = parseVersion(version);
  return deny.some((text) => {
    const denied = parseVersion(text);
    return parsed !== undefined && denied !== undefined && compare(parsed, denied) === 0;
  });
}

function parseOrThrow(text: string): Range {
  const parsed = parseRange(text);
  if ("error" in parsed) throw new RangeError(parsed.error);
  return parsed.range;
}

/** The alternative, or what is wrong with it. */
function parseAlternative(text: string): Alternative | string {
  if (text === "") return "there is an empty part";
  const tests: Test[] = [];
  let prerelease = false;
  let afterComma = true;
  for (let position = 0; position < text.length; position = partPattern.lastIndex) {
    partPattern.lastIndex = position;
    const match = partPattern.exec(text);
    if (match === null) return `${JSON.stringify(text.slice(position))} cannot be read`;
    const { low, high = "", operator = "", bound: only = "", separator: end = "" } = match.groups ?? {};
    const part = JSON.stringify(match[0].slice(0, match[0].length - end.length));
    // Masterminds drops the blank before a hyphen range, and then cannot read the rest.
    if (low !== undefined && !afterComma) return `${part} needs a \`,\` before it`;
    const comparators: [Operator, string][] =
      low === undefined
        ? [[synonyms[operator] ?? (operator as Operator), only]]
        : [
            [">=", low],
            ["<=", high],
          ];
    for (const [meant, written] of comparators) {
      const read = parseBound(written);
      if (typeof read === "string") return read;
      // With `x` Masterminds gives the other operators a surprising meaning, or none.
      if (read.numbers === 0 && !["=", ">=", "~"].includes(meant))
        return `${part} combines \`${meant}\` with any version`;
      tests.push(testOf(meant, read));
      prerelease ||= read.base.prerelease.length > 0;
    }
    afterComma = end.includes(",");
  }
  return text.endsWith(",") ? "nothing follows the last `,`" : { text, tests, prerelease };
}

/** The bound of a comparator, or what is wrong with it. */
function parseBound(text: string): Bound | string {
  const [, core = "", suffix = ""] = /^v?([^-+]*)(.*)$/s.exec(text) ?? [];
  const written = core.split(".");
  const firstAny = written.findIndex((part) => /^[xX*]$/.test(part));
  const numbers = firstAny === -1 ? written.length : firstAny;
  if (written.slice(numbers).some((part) => /^[0-9]/.test(part))) {
    return `${JSON.stringify(text)} has a number after an \`x\``;
  }
  const base = parseVersion([...written.slice(0, numbers), "0", "0", "0"].slice(0, 3).join(".") + suffix);
  return base === undefined ? `${JSON.stringify(text)} is not SemVer` : { base, numbers };
}

function alternativeAllows({ tests, prerelease }: Alternative, version: SemVer): boolean {
  return (prerelease || version.prerelease.length === 0) && tests.every((test) => test(version));
}

function testOf(operator: Operator, { base, numbers }: Bound): Test {
  const exact = numbers === 3;
  const from = (version: SemVer) => compare(version, base) >= 0;
  const isZero = base.major === 0 && base.minor === 0 && base.patch === 0;
  /** Order by major and, when it is given, minor: 1.2.9 equals the bound `1.2`. */
  const roughly = ({ major, minor }: SemVer) => major - base.major || (numbers === 1 ? 0 : minor - base.minor);
  const order = (version: SemVer) => (exact ? compare(version, base) : roughly(version));
  switch (operator) {
    case ">=":
      return from;
    case "<":
      return (version) => !from(version);
    case ">":
      return (version) => order(version) > 0;
    case "<=":
      return (version) => order(version) <= 0;
    case "!=":
      // `!=1.2-rc.1` excludes only the pre-releases `rc.1` of 1.2.*.
      return (version) =>
        order(version) !== 0 || (numbers === 2 && version.prerelease.join(".") !== base.prerelease.join("."));
    case "^":
      // The leftmost number other than 0 stays the same.
      return (version) =>
        from(version) &&
        version.major === base.major &&
        (base.major > 0 ||
          numbers === 1 ||
          (version.minor === base.minor && (base.minor > 0 || numbers === 2 || version.patch === base.patch)));
    case "=":
    case "~":
      if (exact && operator === "=") return (version) => order(version) === 0;
      // In Masterminds `~0.0.0` allows every version, as `x` does.
      return (version) => from(version) && ((numbers % 3 === 0 && isZero) || roughly(version) === 0);
  }
}
