import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { valuesConfigMap } from "../../manifests/values";
import { digest } from "./example-fleet";

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
  const key = fc.oneof(words, fc.stringMatching(/^[\w~-]{1,8}$/)).filter((name) => name !== "__proto__");

  it("have the keys of the path, to readers of YAML 1.1 and of 1.2", () => {
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 4 }), (path) => {
        const expected = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), image);
        const written = pinnedImageAt(path.join("."));
        for (const version of ["1.1", "1.2"] as const) {
          const read: unknown = parse(written, { version, schema: version === "1.1" ? "yaml-1.1" : "core" });
          assert.deepEqual(read, expected, `${version}: ${written}`);
        }
      }),
      { numRuns: 500 },
    );
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
