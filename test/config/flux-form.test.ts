import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { fluxForm } from "../../src/config/flux-form";
import { requireTools } from "../support/tools";

const fixture = join(__dirname, "../fixtures/kyaml");
const recorded = JSON.parse(readFileSync(join(fixture, "rewritten.json"), "utf8")) as {
  readonly given: string;
  readonly written: string;
}[];

/** What Flux makes of files in which it changes a value. */
function askKyaml(texts: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync("go", ["run", "."], {
    cwd: fixture,
    input: JSON.stringify(texts),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as string[];
}

const scalar = fc.constantFrom(
  ...['"1.0.0"', "'1.2'", "auto", "12", "true", '">=1.0.0 <2.0.0"', "'it''s'", '"tab\\tq\\""', "http://a.b/c#d", '"é"'],
  ...["0x1F", "010", "1.20", "12345678901234567890", "1_000", "~", "Yes"],
  ...[`"${"x".repeat(90)} ${"y".repeat(40)}"`, `long ${"word ".repeat(30)}end`, '"a\n            b"'],
);
const flow = fc.constantFrom(
  ...['["a","b"]', "[ a, 'b c' ]", "[]", "{  }", '{ a: 1, b: [x,  "y"] }', '{a: 1, b: ">=1 <2",}'],
  ...["{\n            a: 1, # one\n            b: [x,\n              y],\n          }", "{a: [ {b: c} ]}"],
);
const block = fc
  .tuple(fc.constantFrom("|", "|-"), fc.array(fc.constantFrom("text", "# no comment", "x: y", "", "  in")))
  .map(([header, lines]) =>
    [header, ...["text", ...lines, "end"].map((line) => line && `            ${line}`)].join("\n"),
  );
const between = fc.constantFrom(
  "",
  "",
  "",
  "",
  "\n",
  "   \n",
  "<#note\n",
  "<# a: b\n",
  "\n<#c\n",
  "<#c\n\n",
  "<#c\n\n<#d\n",
);
const behind = fc.constantFrom("", "", "", " # trailing", "   # trailing");
const list = fc
  .tuple(
    behind,
    fc.constantFrom(0, 2),
    fc.array(fc.tuple(between, fc.constantFrom(" ", "   "), scalar, behind), { minLength: 1, maxLength: 3 }),
  )
  .map(
    ([comment, indent, items]) =>
      comment +
      items.map(([gap, blank, value, after]) => `\n${gap}<${" ".repeat(indent)}-${blank}${value}${after}`).join(""),
  );

type Mapping = readonly (readonly [gap: string, value: string | Mapping, after: string])[];
const value = fc.oneof(
  scalar.map((text) => ` ${text}`),
  scalar.map((text) => `   ${text}`),
  flow.map((text) => ` ${text}`),
  block.map((text) => ` ${text}`),
  list,
  fc.constant(""),
);
const mapping = (depth: number): fc.Arbitrary<Mapping> =>
  fc.array(
    fc.tuple(between, depth === 0 ? value : fc.oneof({ weight: 2, arbitrary: value }, mapping(depth - 1)), behind),
    { minLength: 1, maxLength: 4 },
  );

/** Writes a mapping; `<` at the start of a line stands for its indent. */
function written(entries: Mapping, indent: number, step: number): string {
  const spaces = " ".repeat(indent);
  const fill = (text: string) => text.replace(/^<(?=[ #-])/gm, spaces);
  return entries
    .map(([gap, content, after], index) => {
      const key = `${fill(gap)}${spaces}k${index}:`;
      if (typeof content !== "string") return `${key}${after}\n${written(content, indent + step, step)}`;
      return `${key}${fill(content)}${content.includes("\n") || content === "" ? "" : after}\n`;
    })
    .join("");
}

const stackFile = fc
  .record({
    head: fc.constantFrom(
      "",
      "# Production\n",
      "# Production\n\n",
      "\n",
      "---\n",
      "--- # Production\n",
      "# Production\n---\n",
    ),
    config: mapping(3),
    step: fc.constantFrom(2, 2, 2, 4),
    end: fc.constantFrom("", "\n", "# end\n", "\n# end", "encryptionsalt: v1:abc=\n", "...\n"),
    lineEnd: fc.constantFrom("\n", "\n", "\n", "\r\n"),
  })
  .map(({ head, config, step, end, lineEnd }) =>
    `${head}config:\n${written(config, step, step)}${end}`.replaceAll("\n", lineEnd),
  )
  .filter((text) => {
    try {
      return parse(text) !== undefined;
    } catch {
      return false;
    }
  });

const commentsOf = (text: string) => (text.match(/# ?(?:note|a: b|c|d|one|trailing|end|Production)\b/g) ?? []).sort();

describe("the form in which Flux writes a stack file", () => {
  for (const [index, { given, written: form }] of recorded.entries()) {
    it(`is what Flux made of the recorded file ${index + 1}`, () => assert.equal(fluxForm(given), form));
    it(`leaves the recorded file ${index + 1} as Flux wrote it`, () => assert.equal(fluxForm(form), form));
  }

  it("keeps values and comments, and a second time changes nothing", () => {
    fc.assert(
      fc.property(stackFile, (text) => {
        const form = fluxForm(text);
        if (form === undefined) return;
        const asWritten = { schema: "failsafe" } as const;
        assert.deepEqual(parse(form, asWritten), parse(text, asWritten));
        assert.deepEqual(commentsOf(form), commentsOf(text));
        assert.equal(fluxForm(form), form);
      }),
    );
  });

  it("reads a comment that has a line of its own in brackets", () => {
    // Flux leaves them as they are.
    for (const text of ["a: {x: 1,\n  # why\n  y: 2}\nb: 1\n", "a: [\n  # why\n  y] # t\nb: 1\n"])
      assert.equal(fluxForm(text), text);
    assert.equal(fluxForm("a: {x: 1,\n  # why\n  y:   2}\n"), "a: {x: 1, y: 2}\n# why\n");
  });

  it("does not touch a value that ends in blank lines, which has no stable form", () => {
    assert.equal(fluxForm("config:\r\n  a: |+\r\n    text\r\n\r\n  b: 1\r\n"), undefined);
  });

  it("leaves a file without content alone, and keeps keys that appear twice for `check` to report", () => {
    for (const text of ["", "# To do\n", "config:\n  a: 1\n  a: 2\n"]) assert.equal(fluxForm(text), text);
  });

  describe("as the real kyaml judges", function () {
    this.timeout(300_000);
    before(function () {
      requireTools(this, "go");
    });

    it("is kept by it, and a file that it keeps is not touched", () => {
      const texts = fc.sample(stackFile, { numRuns: 500, seed: 16 });
      const forms = texts.map((text) => fluxForm(text));
      const changed = forms.flatMap((form, index) => (form === undefined || form === texts[index] ? [] : [form]));
      assert.ok(changed.length > 300, String(changed.length));
      const rewritten = askKyaml(changed);
      // Rarely, kyaml still moves a comment.
      const values = (text: string) =>
        text
          .split("\n")
          .map((line) => line.replace(/(^| +)#.*/, ""))
          .filter(Boolean);
      assert.deepEqual(rewritten.map(values), changed.map(values));
      const exact = rewritten.filter((text, index) => text === changed[index]).length;
      assert.ok(exact >= 0.98 * changed.length, `${exact} of ${changed.length}`);
      let own = texts;
      for (let times = 0; times < 3; times += 1) own = askKyaml(own);
      const kept = askKyaml(own).filter((text, index) => text === own[index] && fluxForm(text) !== undefined);
      assert.ok(kept.length > 300, String(kept.length));
      assert.deepEqual(kept.map(fluxForm), kept);
    });
  });
});
