import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { pinnedImageYaml } from "../../src/manifests/helm-release";
import { digest, manifestsOf, only } from "./example-stack";

/** The values that the program writes for a tenant with this `pinDigest`. */
function pinnedImageAt(path: string): string {
  return pinnedImageYaml({ path, tag: "6.14.1", digest });
}

describe("the values that pin an image", () => {
  const image = `6.14.1@${digest}`;
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
        const expected = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), image);
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

  it("are the bytes that name the ConfigMaps of existing stacks", () => {
    assert.equal(pinnedImageAt("image.tag"), `image:\n  tag: ${image}\n`);
    assert.equal(pinnedImageAt("global.image-1.tag_x"), `global:\n  image-1:\n    tag_x: ${image}\n`);
    assert.equal(pinnedImageAt("on.y"), `"on":\n  "y": ${image}\n`);
    assert.equal(pinnedImageAt("containers.0.image"), `containers:\n  "0":\n    image: ${image}\n`);
  });
});

describe("the ConfigMap of special config", () => {
  it("has its keys in the order of the files, and the program's own last", () => {
    const files = ["values.yaml", "b/10.yaml", "a.yaml"].map((name) => ({
      path: `tenants/podinfo/${name}`,
      content: "a: 1\n",
    }));
    const map = only(manifestsOf({ values: files, pinDigest: "image.tag" }), "ConfigMap") as { data: object };
    assert.deepEqual(Object.keys(map.data), ["values.yaml", "b__10.yaml", "a.yaml", "pinned-image.yaml"]);
  });
});
