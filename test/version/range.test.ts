import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  allows,
  fluxRange,
  isDenied,
  parseRange,
  policyError,
  rangeAllows,
  rangeAsksForPrerelease,
} from "../../src/version/range";
import { requireTools } from "../support/tools";

const fixture = join(__dirname, "../fixtures/masterminds");

interface Verdict {
  readonly range: string;
  readonly error?: boolean;
  readonly allowed?: readonly string[];
}

interface Inputs {
  readonly ranges: readonly string[];
  readonly versions: readonly string[];
}

function readVerdicts(lines: string): Verdict[] {
  return lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Verdict);
}

function askMasterminds(inputs: Inputs): string {
  const { status, stdout, stderr } = spawnSync("go", ["run", "."], {
    cwd: fixture,
    input: JSON.stringify(inputs),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Where both read the range the verdicts must be the same. We may refuse more than Masterminds, never less. */
function assertSameVerdicts(verdicts: readonly Verdict[], versions: readonly string[]): { refused: string[] } {
  const refused: string[] = [];
  for (const verdict of verdicts) {
    const parsed = parseRange(verdict.range);
    if ("error" in parsed) {
      if (verdict.error !== true) {
        refused.push(verdict.range);
      }
      continue;
    }
    assert.notEqual(verdict.error, true, `Flux refuses ${JSON.stringify(verdict.range)}`);
    const allowed = versions.filter((version) => rangeAllows(parsed.range, version));
    assert.deepEqual(allowed, verdict.allowed ?? [], JSON.stringify(verdict.range));
  }
  return { refused };
}

const small = fc.integer({ min: 0, max: 3 });
const prerelease = fc.constantFrom("", "", "", "-0", "-rc.1", "-rc.2", "-rc.10", "-alpha");
const version = fc
  .tuple(small, small, small, prerelease)
  .map(([major, minor, patch, pre]) => `${major}.${minor}.${patch}${pre}`);
const bound = fc
  .tuple(
    fc.array(fc.oneof({ weight: 9, arbitrary: small.map(String) }, fc.constantFrom("x", "*")), {
      minLength: 1,
      maxLength: 3,
    }),
    prerelease,
  )
  .map(([parts, pre]) => parts.join(".") + pre);
const comparator = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom("", "=", "!=", ">", ">=", "<", "<=", "~", "~>", "^", "=>", ">= "), bound)
      .map((pair) => pair.join("")),
  },
  fc.tuple(bound, bound).map((pair) => pair.join(" - ")),
);
const alternative = fc
  .tuple(fc.array(comparator, { minLength: 1, maxLength: 3 }), fc.constantFrom(" ", ",", ", "))
  .map(([parts, separator]) => parts.join(separator));
const rangeText = fc.array(alternative, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(" || "));

describe("a range", () => {
  const inputs = JSON.parse(readFileSync(join(fixture, "inputs.json"), "utf8")) as Inputs;
  const recorded = readFileSync(join(fixture, "verdicts.jsonl"), "utf8");

  it("has the meaning that it has for Flux", () => {
    const { refused } = assertSameVerdicts(readVerdicts(recorded), inputs.versions);
    assert.deepEqual(
      refused.filter((text) => !/^(!=|>|<|<=|=<|\^)[x*]$/.test(text)),
      [],
    );
  });

  it("has the meaning of the Masterminds library on this machine", function () {
    requireTools(this, "go");
    this.timeout(180_000);
    assert.equal(askMasterminds(inputs), recorded);
    const versions = fc.sample(version, { numRuns: 60, seed: 11 });
    const ranges = fc.sample(rangeText, { numRuns: 3000, seed: 7 });
    const { refused } = assertSameVerdicts(readVerdicts(askMasterminds({ ranges, versions })), versions);
    const odd = /(!=|>|<|<=|\^)[x*]|[x*](\.[x*])?\.[0-9]|[x*] - |- [x*]|[0-9x*a-z] .* - /;
    assert.deepEqual(
      refused.filter((text) => !odd.test(text)),
      [],
    );
  });

  it("reports what came and what is expected when it is not valid", () => {
    assert.deepEqual(parseRange(">=6.0.0 and <7"), {
      error:
        '"and <7" cannot be read in the range ">=6.0.0 and <7": expected a range such as `>=6.0.0 <7.0.0`, `^6.0.0`, `~6.1`, `6.x` or `1.0.0 - 2.0.0`; `,` and blanks mean and, `||` means or',
    });
    for (const [text, words] of [
      ["", "there is an empty part"],
      ["1 ||", "there is an empty part"],
      ["1.0.0,", "nothing follows the last `,`"],
      ["^x", '"^x" combines `^` with any version'],
      ["1.x.3", '"1.x.3" has a number after an `x`'],
      ["<5 1 - 2", '"1 - 2" needs a `,` before it'],
      ["1.0.0-01", '"1.0.0-01" is not SemVer'],
      [`>=1.0.0${" !=1.0.0".repeat(80)}`, "at most 512"],
      [Array(33).fill("1").join("||"), "at most 32"],
    ] as const) {
      const parsed = parseRange(text);
      assert.ok("error" in parsed && parsed.error.includes(words), JSON.stringify(parsed));
    }
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), rangeText), (text) => typeof parseRange(text) === "object"),
    );
  });

  it("allows pre-releases by naming one", () => {
    const asks = (text: string) => {
      const parsed = parseRange(text);
      assert.ok("range" in parsed);
      return rangeAsksForPrerelease(parsed.range);
    };
    assert.deepEqual([">=1.0.0", ">=1.0.0-0", "1.x || 2.0.0-rc.1 - 3"].map(asks), [false, true, true]);
  });
});

describe("a policy's range for Flux", () => {
  it("excludes each denied version from every alternative that would allow it", () => {
    assert.equal(fluxRange(">=6.0.0 <7.0.0", ["6.13.5"]), ">=6.0.0 <7.0.0 !=6.13.5");
    assert.equal(fluxRange("^6.0.0 || >=5.0.0", ["6.13.5", "5.1.0"]), "^6.0.0 !=6.13.5 || >=5.0.0 !=6.13.5 !=5.1.0");
    assert.equal(fluxRange("6.0.0 - 7.0.0", ["6.13.5", "6.13.5"]), "6.0.0 - 7.0.0 !=6.13.5");
    assert.equal(fluxRange(">=6.0.0", []), ">=6.0.0");
  });

  it("does not open a range to pre-releases by denying one", () => {
    assert.equal(fluxRange(">=1.0.0", ["1.1.0-rc.1"]), ">=1.0.0");
    assert.equal(fluxRange(">=1.0.0-0", ["1.1.0-rc.1"]), ">=1.0.0-0 !=1.1.0-rc.1");
  });

  it("allows exactly what the policy allows", () => {
    fc.assert(
      fc.property(rangeText, fc.array(version, { maxLength: 4 }), version, (range, deny, candidate) => {
        fc.pre(policyError(range, deny) === undefined);
        const parsed = parseRange(fluxRange(range, deny));
        assert.ok("range" in parsed);
        assert.equal(rangeAllows(parsed.range, candidate), allows({ range, deny }, candidate));
      }),
    );
  });

  it("is refused when Flux could not use it", () => {
    assert.equal(policyError(">=1.0.0", ["1.2.3"]), undefined);
    assert.equal(
      policyError(">=1.0.0", ["v1.2.3"]),
      'the denied version "v1.2.3" is not a version: expected SemVer without prefix, such as "6.13.5"',
    );
    const many = Array.from({ length: 60 }, (_, patch) => `1.2.${patch}`);
    assert.match(policyError(">=1.0.0", many) ?? "", /the range is \d+ bytes long; Flux takes at most 512/);
  });

  it("denies a version whatever its build metadata", () => {
    assert.equal(isDenied(["1.2.3+a"], "1.2.3"), true);
    assert.equal(isDenied(["1.2.3"], "1.2.4"), false);
  });
});
