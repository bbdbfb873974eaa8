import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { imagePolicyObjects } from "../../manifests/image-policy";
import { isVersion } from "../../version/version";
import { requireTools } from "../support/tools";

interface Filter {
  readonly pattern: string;
  readonly extract: string;
}

function filterOf(imagePrefix: string): Filter {
  const [, policy] = imagePolicyObjects({
    tenant: "podinfo",
    stack: "prod",
    authorityNamespace: "flux-system",
    image: "ghcr.io/stefanprodan/podinfo",
    imagePrefix,
    range: "*",
    deny: [],
    automation: "auto",
    pinned: false,
    insecureRegistry: false,
    interval: "5m0s",
  });
  return policy.spec.filterTags;
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
});
