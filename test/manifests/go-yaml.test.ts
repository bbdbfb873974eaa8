import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { goYaml } from "../../src/manifests/go-yaml";
import { requireTools } from "../support/tools";
import { awkwardObject, awkwardText, awkwardTexts } from "./awkward-text";

const fixture = join(__dirname, "../fixtures/go-yaml");

/** What the real library writes, one answer for each object. */
function realAnswers(objects: readonly string[]): string[] {
  const input = `${objects.join("\n")}\n`;
  const { status, stdout, stderr } = spawnSync("go", ["run", "."], {
    cwd: fixture,
    input,
    encoding: "utf8",
    maxBuffer: 256 << 20,
  });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split("\n");
}

function readLines(name: string): string[] {
  return readFileSync(join(fixture, name), "utf8").trimEnd().split("\n");
}

function assertSameBytes(objects: readonly string[], answers: readonly string[]): void {
  assert.equal(answers.length, objects.length);
  objects.forEach((object, index) => {
    assert.equal(goYaml(JSON.parse(object) as object), JSON.parse(answers[index]!), object);
  });
}

function makeFixture(): void {
  const objects = [
    ...awkwardTexts.map((text) => ({ value: text, [text]: [text, { key: text }] })),
    ...fc.sample(awkwardObject, { numRuns: 250, seed: 4 }),
  ].map((object) => JSON.stringify(object));
  writeFileSync(join(fixture, "objects.jsonl"), `${objects.join("\n")}\n`);
  writeFileSync(join(fixture, "answers.jsonl"), `${realAnswers(objects).join("\n")}\n`);
}

describe("goYaml", () => {
  before(() => {
    if (process.env.UPDATE_FIXTURES === "1") makeFixture();
  });

  it("gives the bytes of sigs.k8s.io/yaml for every kind of text", () => {
    assertSameBytes(readLines("objects.jsonl"), readLines("answers.jsonl"));
  });

  it("gives the bytes of sigs.k8s.io/yaml for any plain value", function () {
    requireTools(this, "go");
    this.timeout(180_000);
    const objects = [
      ...fc.sample(awkwardText, 4000).map((text) => ({ value: text })),
      ...fc.sample(awkwardObject, 4000),
      // Far to the right every blank is beyond the best width.
      ...fc.sample(awkwardText, 200).map((text) => nested(text, 45)),
    ].map((object) => JSON.stringify(object));
    assertSameBytes(objects, realAnswers(objects));
  });

  it("writes lists at the column of their key, and folds long texts after 80 columns", () => {
    const text = "a ".repeat(50).trim();
    const yaml = goYaml({ list: [{ b: 1, a: ["x"] }], text });
    assert.equal(yaml, `list:\n- a:\n  - x\n  b: 1\ntext: ${text.slice(0, 75)}\n  ${text.slice(76)}\n`);
  });

  it("quotes what another reader would take for a number, a boolean or a date", () => {
    assert.equal(
      goYaml({ a: "1.10", b: "y", c: "1:20", d: "2024-01-01" }),
      'a: "1.10"\nb: "y"\nc: "1:20"\nd: "2024-01-01"\n',
    );
  });

  it("leaves out fields that are undefined", () => {
    assert.equal(goYaml({ a: undefined, b: { c: undefined } }), "b: {}\n");
  });

  it("refuses, by name, characters that the provider cannot write", () => {
    for (const [text, name] of [
      ["\x7f", "U+007F"],
      ["a\u0085b", "U+0085"],
      ["\uffff", "U+FFFF"],
      ["\ud800a", "U+D800"],
      ["a\udc00", "U+DC00"],
    ] as const) {
      assert.throws(() => goYaml({ text }), new RegExp(`the character ${name.replace("+", "\\+")}`));
      assert.throws(() => goYaml({ [text]: "value" }), new RegExp(`the character ${name.replace("+", "\\+")}`));
    }
  });
});

function nested(value: unknown, depth: number): object {
  return depth === 0 ? { key: value } : { key: nested(value, depth - 1) };
}
