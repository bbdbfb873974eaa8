import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { type ImageArgs, releasePolicyObjects } from "../../src/manifests/release-policy";
import { commitOfTag, tagPatternError } from "../../src/version/tag-pattern";
import { isVersion } from "../../src/version/version";
import { requireTools } from "../support/tools";

interface Filter {
  readonly pattern: string;
  readonly extract: string;
}

function filterOf(prefix: string): Filter {
  return policyOf({ kind: "version", prefix, range: "*", deny: [] }).filterTags;
}

interface ImagePolicySpec {
  readonly filterTags: Filter;
  readonly policy: unknown;
  readonly digestReflectionPolicy: string;
}

function policyOf(choice: ImageArgs["choice"]): ImagePolicySpec {
  const image = "ghcr.io/stefanprodan/podinfo";
  const images = { stack: "prod", image, choice, automation: "auto", pinned: false, interval: "5m0s" } as const;
  const args = { authorityNamespace: "flux-system", insecureRegistry: false, images };
  const policy = releasePolicyObjects("podinfo", args).find(({ object }) => object.kind === "ImagePolicy");
  return policy?.object.spec as ImagePolicySpec;
}

/** What Flux would hold against the range: by tag, the version. */
function askGo(filters: readonly Filter[], tags: readonly string[]): Record<string, string>[] {
  const { status, stdout, stderr } = spawnSync("go", ["run", "."], {
    cwd: join(__dirname, "../fixtures/filter-tags"),
    input: JSON.stringify({ filters, tags }),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>);
}

const prefixes = ["", "v", "app-", "rel.", "a_b-"];

const fixedTags = [
  ...[
    "1.2.3",
    "v1.2.3",
    "vv1.2.3",
    "1.2",
    "1",
    "latest",
    "01.2.3",
    "1.02.3",
    "1.2.3-rc.1",
    "1.2.3-01",
    "1.2.3-0a",
    "1.2.3-",
  ],
  ...[
    "1.2.3-rc..1",
    "1.2.3_build",
    "1.2.3-linux-amd64",
    "app-1.2.3",
    "relx1.2.3",
    "rel.1.2.3",
    "a_b-1.2.3-x",
    "1.2.3\n",
    "V1.2.3",
  ],
  ...["sha256-ec73780a8425.sig", "6.14.1-alpha", "6.14.1-beta.11", "6.14.1.1", "999999999999.0.0"],
];

const tag = fc
  .tuple(
    fc.constantFrom(...prefixes),
    fc.string({ unit: fc.constantFrom(...Array.from("0129.-av_")), minLength: 1, maxLength: 12 }),
  )
  .map((parts) => parts.join(""));

describe("the tags that an ImagePolicy lets through", () => {
  it("are the prefix and a version, and the version is what is compared", function () {
    requireTools(this, "go");
    this.timeout(120_000);
    const tags = [...new Set([...fixedTags, ...fc.sample(tag, 3000)])];
    askGo(prefixes.map(filterOf), tags).forEach((extracted, index) => {
      const prefix = prefixes[index]!;
      const expected = tags
        .filter((text) => text.startsWith(prefix) && isVersion(text.slice(prefix.length)))
        .map((text) => [text, text.slice(prefix.length)]);
      assert.deepEqual(extracted, Object.fromEntries(expected), JSON.stringify(prefix));
    });
  });

  it("take the prefix by the letter", () => {
    assert.ok(filterOf("rel.").pattern.startsWith("^rel\\.(?P<version>"));
    assert.equal(filterOf("v").extract, "$version");
  });

  it("are chosen by number where an image is made for each commit", () => {
    const pattern = "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$";
    const { filterTags, policy, digestReflectionPolicy } = policyOf({ kind: "commit", pattern });
    assert.deepEqual(
      { filterTags, policy, digestReflectionPolicy },
      {
        filterTags: { pattern, extract: "$ts" },
        policy: { numerical: { order: "asc" } },
        digestReflectionPolicy: "IfNotPresent",
      },
    );
  });

  it("are the same to Flux and to this program, whatever pattern the stack file has", function () {
    requireTools(this, "go");
    this.timeout(120_000);
    const atom = fc.constantFrom(
      "a",
      "b",
      "0",
      "\\.",
      "-",
      "_",
      ".",
      "\\d",
      "\\w",
      "[0-9a-f]",
      "[^a]",
      "[\\w.-]",
      "[-b]",
      "a|b",
    );
    const count = fc.constantFrom("", "", "", "*", "+", "?", "{1,2}", "{2}", "{0,}");
    const piece = fc.tuple(atom, count, fc.constantFrom("", "(", "(?:")).map(([what, times, group]) => {
      if (what.includes("|")) return `(?:${what})`;
      return group === "" ? what + times : `${group}${what}${times})${times === "?" ? "?" : ""}`;
    });
    const sha = "(?P<sha>[0-9a-f]+)";
    const ts = "(?P<ts>[0-9]+)";
    const pattern = fc
      .tuple(fc.array(piece, { maxLength: 4 }), fc.array(piece, { maxLength: 3 }))
      .map(([before, behind]) => `^${before.join("")}${sha}-${ts}${behind.join("")}$`);
    const patterns = fc.sample(pattern, 200);
    for (const one of patterns) assert.equal(tagPatternError(one), undefined, one);
    const text = fc.string({ unit: fc.constantFrom(...Array.from("ab01.-_")), minLength: 1, maxLength: 10 });
    const tags = [...new Set([...fixedTags, "ab-1", "0-0", "a.b-12", ...fc.sample(text, 3000)])];
    const asked = patterns.map((one) => ({ pattern: one, extract: "$sha $ts" }));
    let matched = 0;
    askGo(asked, tags).forEach((extracted, index) => {
      const expected = tags.flatMap((tag) => {
        const made = commitOfTag(patterns[index]!, tag);
        return made === undefined ? [] : [[tag, made] as const];
      });
      const got = Object.entries(extracted).map(([tag, said]) => {
        const [id = "", number] = said.split(" ");
        return [tag, { sha: id, ts: Number(number) }] as const;
      });
      assert.deepEqual(Object.fromEntries(got), Object.fromEntries(expected), patterns[index]);
      matched += got.length;
    });
    assert.ok(matched > 100, `only ${matched} matches`);
  });
});
