import assert from "node:assert/strict";
import { withMarkers, withoutMarkers } from "../../src/config/marker-edit";
import { ProblemsError } from "../../src/config/problem";
import { fluxForm } from "../../src/config/flux-form";
import { parseStackFile } from "../../src/config/stack-file";
import { withElement, withoutElement, withoutKey, withValue } from "../../src/config/tenant-edit";

const head = "config:\n  shared-authority:tenants:\n";
const fileOf = (entry: string) => parseStackFile("prod", head + entry);
const pinPath = ["tenants", "shop", "policy", "pin"];
const pin = { reason: "audit", by: "ana" };

describe("an edit of a tenant's entry", () => {
  /** A pin of what is on the left makes what is on the right, and its removal the left again. */
  const pinned: readonly (readonly [title: string, before: string, after: string])[] = [
    [
      "an entry without policy",
      '    shop:\n      tag: "1.0.0" # a\n      # b\n    other: {tag: "1"}\n',
      '    shop:\n      tag: "1.0.0" # a\n      policy:\n        pin:\n          reason: "audit"\n          by: "ana"\n      # b\n    other: {tag: "1"}\n',
    ],
    [
      "an entry in one line",
      '    shop: {tag: "1.0.0"} # a\n',
      '    shop: {tag: "1.0.0", policy: {pin: {reason: "audit", by: "ana"}}} # a\n',
    ],
    [
      "an empty policy",
      "    shop:\n      policy: { }\n",
      '    shop:\n      policy: {pin: {reason: "audit", by: "ana"}, }\n',
    ],
    [
      "a comment inside of brackets",
      "    shop:\n      policy: {\n        range: '*' # all\n      }\n",
      '    shop:\n      policy: {pin: {reason: "audit", by: "ana"}, \n        range: \'*\' # all\n      }\n',
    ],
    [
      "a text of several lines, and no line end",
      "    shop:\n      policy:\n        range: >-\n          >=1.0.0\n          <2.0.0",
      '    shop:\n      policy:\n        range: >-\n          >=1.0.0\n          <2.0.0\n        pin:\n          reason: "audit"\n          by: "ana"',
    ],
  ];
  for (const [title, before, after] of pinned) {
    it(`keeps everything else: ${title}`, () => {
      const file = fileOf(before);
      const next = withValue(file, pinPath, pin);
      assert.equal(next.text, head + after);
      assert.equal(withoutKey(next, pinPath).text, file.text);
    });
  }

  it("keeps the style of a text", () => {
    const tag = (written: string) =>
      withValue(fileOf(`    shop:\n      tag: ${written} # a\n`), ["tenants", "shop", "tag"], "1.1.0");
    for (const [before, after] of [
      ["'1.0.0'", "'1.1.0'"],
      ['"1.0.0"', '"1.1.0"'],
      ["1.0.0", "1.1.0"],
    ]) {
      assert.equal(tag(String(before)).text, `${head}    shop:\n      tag: ${after} # a\n`);
    }
  });

  it("adds to a list in each form, and removes from it", () => {
    for (const [before, after] of [
      ['["1.0.1"]', '["1.0.1", "1.0.2"]'],
      ['\n        - "1.0.1" # slow\n', '\n        - "1.0.1" # slow\n        - "1.0.2"'],
      ['\n      - "1.0.1"\n      # more', '\n      - "1.0.1"\n      - "1.0.2"\n      # more'],
    ]) {
      const file = fileOf(`    shop:\n      deny: ${before}\n`);
      const next = withElement(file, ["tenants", "shop", "deny"], "1.0.2");
      assert.equal(next.text.trimEnd(), `${head}    shop:\n      deny: ${after}`);
      assert.equal(withoutElement(next, ["tenants", "shop", "deny"], 1).text, file.text);
    }
    const spaced = fileOf('    shop:\n      deny: ["1.0.1" , "1.0.2"]\n');
    assert.match(withoutElement(spaced, ["tenants", "shop", "deny"], 0).text, /deny: \["1\.0\.2"\]\n$/);
  });

  it("is refused where it would change something else", () => {
    const shared = fileOf('    shop: &all\n      tag: &v "1.0.0"\n    other:\n      tag: *v\n');
    const refused = (edit: () => unknown) =>
      assert.throws(
        edit,
        (error) => error instanceof ProblemsError && error.message.includes("cannot be edited in place"),
      );
    refused(() => withValue(shared, ["tenants", "shop", "tag"], "1.1.0"));
    refused(() => withValue(fileOf("    shop:\n      policy: |\n        text"), pinPath, pin));
  });

  it("leaves a file in the form in which Flux writes it", () => {
    const before = `${head}    shop:\n      tag: "1.0.0" # {"$imagepolicy": "flux-system:shop:tag"}\n      policy: {range: "*"}\n`;
    const file = parseStackFile("prod", before);
    assert.equal(fluxForm(before), before);
    const next = withoutMarkers(withValue(file, pinPath, pin), "shop");
    assert.match(next.text, /tag: "1\.0\.0" # pinned: \{"imagepolicy": "flux-system:shop:tag"\}\n/);
    assert.equal(fluxForm(next.text), next.text);
    const moved = withMarkers(next, "shop", (field) => `flux-two:shop:${field}`);
    assert.match(moved.text, /tag: "1\.0\.0" # \{"\$imagepolicy": "flux-two:shop:tag"\}\n/);
    assert.doesNotMatch(withMarkers(next, "shop", () => undefined).text, /imagepolicy/);
  });
});
