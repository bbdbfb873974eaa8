import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type DocumentOptions, parse, type SchemaOptions } from "yaml";
import { yamlText } from "../../src/manifests/yaml-text";
import { temporaryDirectory } from "../support/directory";
import { requireTools } from "../support/tools";
import { awkwardObject, awkwardTexts } from "./awkward-text";

const readers: Readonly<Record<string, DocumentOptions & SchemaOptions>> = {
  "1.1": { version: "1.1", schema: "yaml-1.1" },
  "1.2": { version: "1.2", schema: "core" },
};

describe("yamlText", () => {
  const directory = temporaryDirectory();

  for (const [version, options] of Object.entries(readers)) {
    it(`is read as the same value by YAML ${version}`, () => {
      const assertRead = (given: object) => {
        // As in JSON: no negative zero.
        const value = JSON.parse(JSON.stringify(given)) as object;
        const text = yamlText(value);
        assert.deepEqual(parse(text, options), value, text);
      };
      for (const text of awkwardTexts) assertRead({ text, [text]: [text, { [text]: text }], nested: { [text]: text } });
      fc.assert(
        fc.property(awkwardObject, (spec) => assertRead({ spec })),
        { numRuns: 2_000 },
      );
    });
  }

  it("is read as the same texts by kubectl, which reads YAML as Flux does", function () {
    requireTools(this, "kubectl");
    this.timeout(60_000);
    const texts = [...awkwardTexts, ...fc.sample(fc.string({ unit: "binary" }), 500), ...numberLike()];
    const data = Object.fromEntries(texts.map((text, index) => [`text-${index}`, text.replace(/\p{Cs}/gu, "")]));
    const labels = Object.fromEntries(awkwardTexts.map((text) => [text, text]));
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "texts", annotations: labels }, data };
    const file = join(directory(), "object.yaml");
    writeFileSync(file, yamlText(object));
    const arguments_ = ["label", "--local", "--filename", file, "read=back", "--output", "json"];
    const read = JSON.parse(execFileSync("kubectl", arguments_, { encoding: "utf8" })) as typeof object;
    assert.deepEqual(read.data, data);
    assert.deepEqual(read.metadata.annotations, labels);
  });

  /** Every short text of the characters that numbers and dates consist of. */
  function numberLike(): string[] {
    const characters = Array.from("0179-+._:eExXobBTZfF");
    return fc.sample(fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 8 }), 5_000);
  }

  it("quotes texts that another reader takes for a number, a boolean or a date", () => {
    assert.equal(
      yamlText({ a: "1.10", b: "y", c: "1:20", d: "2024-01-01", e: "0o7", f: "<<", g: "6.14.1", h: "~", on: "0x1f" }),
      'a: "1.10"\nb: "y"\nc: "1:20"\nd: "2024-01-01"\ne: "0o7"\nf: "<<"\ng: "6.14.1"\nh: "~"\n"on": "0x1f"\n',
    );
  });

  it("writes texts of several lines as blocks, and escapes line breaks of YAML 1.1", () => {
    assert.equal(
      yamlText({ data: { "values.yaml": "a: 1\nb: 2\n" } }),
      "data:\n  values.yaml: |\n    a: 1\n    b: 2\n",
    );
    assert.equal(yamlText({ text: "a\u2028b\u0085" }), 'text: "a\\u2028b\\u0085"\n');
  });

  it("omits undefined fields", () => {
    assert.equal(yamlText({ a: undefined, b: { c: undefined } }), "b: {}\n");
  });
});
