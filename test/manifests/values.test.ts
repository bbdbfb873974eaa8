import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { valuesConfigMap } from "../../src/manifests/values";
import { digest } from "./example-stack";

/** The values that the program writes where the tenant's `pinDigest` is this path. */
function pinnedImageAt(path: string): string {
  const pinnedImage = { path, tag: "6.14.1", digest };
  const map = valuesConfigMap({ tenant: "podinfo", authorityNamespace: "flux-system", files: [], pinnedImage });
  return map!.data["pinned-image.yaml"]!;
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

  /** Whatever the path, a reader of this version finds the image at it. */
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

  // Not any key: this reader takes `E6` for a number and `2001-0-1` for a date, and they are neither by YAML 1.1 nor to
  // Go, which reads what is deployed and whose bytes are compared with the provider's in go-yaml.test.ts.
  it("have the keys of the path, to readers of YAML 1.1, where a key is a word of that version", () => {
    assertReadBack("1.1", words);
  });

  it("leave plain what is text to Go, though it looks like a number's exponent", () => {
    assert.equal(pinnedImageAt("E6.e1"), `E6:\n  e1: ${image}\n`);
  });

  it("are what people would write", () => {
    assert.equal(pinnedImageAt("image.tag"), `image:\n  tag: ${image}\n`);
    assert.equal(pinnedImageAt("on.y"), `"on":\n  "y": ${image}\n`);
  });
});

describe("the ConfigMap of special config", () => {
  it("has its keys in the order of the files, and the program's own last", () => {
    const files = ["values.yaml", "b/10.yaml", "a.yaml"].map((name) => ({
      path: `tenants/podinfo/${name}`,
      content: "a: 1\n",
    }));
    const pinnedImage = { path: "image.tag", tag: "6.14.1", digest };
    const map = valuesConfigMap({ tenant: "podinfo", authorityNamespace: "flux-system", files, pinnedImage });
    assert.deepEqual(Object.keys(map!.data), ["values.yaml", "b__10.yaml", "a.yaml", "pinned-image.yaml"]);
  });
});
