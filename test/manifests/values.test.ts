import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { pinnedImageYaml } from "../../src/manifests/pinned-image";
import { digest, manifestsOf, only } from "./example-stack";

const image = { tag: "6.14.1", digest };

/** The values that the program writes for a tenant whose `pinDigest` has this path for the tag, and this for the digest. */
function pinnedImageAt(tag: string, digestPath?: string): string {
  return pinnedImageYaml({ tag, digest: digestPath }, image);
}

describe("the values that pin an image", () => {
  const words = fc.constantFrom(
    ...[
      "y",
      "Y",
      "n",
      "yes",
      "no",
      "on",
      "off",
      "ON",
      "true",
      "False",
      "null",
      "NULL",
      "~",
      "1e3",
      "0x1f",
      "0o7",
      "010",
    ],
    ...["1_000", "-1", "12", "0b1", "2027-01-31", "1", "e", "_", "-", "-a", "Infinity", "NaN", "image", "tag"],
  );
  const anyKey = fc.oneof(words, fc.stringMatching(/^[\w~-]{1,8}$/)).filter((name) => name !== "__proto__");

  /** A reader of this version finds the image at the path. */
  function assertReadBack(version: "1.1" | "1.2", key: fc.Arbitrary<string>): void {
    const schema = version === "1.1" ? "yaml-1.1" : "core";
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 4 }), (path) => {
        const expected = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), image.tag);
        const written = pinnedImageAt(path.join("."));
        assert.deepEqual(parse(written, { version, schema }), expected, written);
      }),
      { numRuns: 500 },
    );
  }

  it("have the keys of the path, to readers of YAML 1.2", () => {
    assertReadBack("1.2", anyKey);
  });

  it("have the keys of the path, to readers of YAML 1.1", () => {
    assertReadBack("1.1", anyKey);
  });

  it("are these bytes, which name the ConfigMap", () => {
    assert.equal(pinnedImageAt("image.tag"), 'image:\n  tag: "6.14.1"\n');
    assert.equal(pinnedImageAt("global.image-1.tag_x"), 'global:\n  image-1:\n    tag_x: "6.14.1"\n');
    assert.equal(pinnedImageAt("on.y"), `"on":\n  "y": "6.14.1"\n`);
    assert.equal(pinnedImageAt("containers.0.image"), `containers:\n  "0":\n    image: "6.14.1"\n`);
  });

  it("have tag and digest at two paths, or both at one", () => {
    assert.equal(pinnedImageAt("image.tag", "image.digest"), `image:\n  tag: "6.14.1"\n  digest: ${digest}\n`);
    assert.equal(pinnedImageAt("a.tag", "b.digest"), `a:\n  tag: "6.14.1"\nb:\n  digest: ${digest}\n`);
    assert.equal(pinnedImageAt("image.tag", "image.tag"), `image:\n  tag: 6.14.1@${digest}\n`);
  });
});

describe("the ConfigMap of special config", () => {
  it("has its keys in the order of the files, and the program's own last", () => {
    const files = ["values.yaml", "b/10.yaml", "a.yaml"].map((name) => ({
      path: `tenants/podinfo/${name}`,
      content: "a: 1\n",
    }));
    const map = only(manifestsOf({ values: files, pinDigest: { tag: "image.tag" } }), "ConfigMap") as { data: object };
    assert.deepEqual(Object.keys(map.data), ["values.yaml", "b__10.yaml", "a.yaml", "pinned-image.yaml"]);
  });
});
