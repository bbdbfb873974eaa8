import assert from "node:assert/strict";
import fc from "fast-check";
import { printable, printableLines, printableSentence } from "../../src/config/printable";

/** What a terminal, a reader or a CI service takes for more than text. */
const parts = [
  "\u001b[31m",
  "\u009b31m",
  "\u007f",
  "\r",
  "\t",
  "\n",
  "\u0085",
  "\u2028",
  "\u202e",
  "\u2066",
  "\u061c",
  "\u200b",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\u3164",
  "\ufe0f",
  "\u{e0041}",
  "\ud800",
  "::",
  "::error::",
  "##[",
  "##vso[",
  "##teamcity[",
  "#",
  "[",
  ":",
  " ",
  "\u00a0",
  "\\",
  '"',
  "é",
  "版",
  "😀",
  "a",
];
const text = fc.string({ unit: fc.constantFrom(...parts), maxLength: 12 });

/** Whether a runner of GitHub, Gitea, Azure or TeamCity takes the line for a command. */
function isCommand(line: string): boolean {
  return /^\s*::.*::/.test(line) || /##\w*\[/.test(line);
}

describe("printable text", () => {
  it("keeps readable text as it is", () => {
    for (const readable of [
      'appVersion of Chart.yaml is "6.14.0", must be "6.14.1"',
      "Größe 版 עברית 😀 — “quoted”",
      "urn:pulumi:prod::shared-authority::kubernetes:core/v1:Namespace::shop",
      "the address ::1, a # comment, ## a heading, #[x] and a[0]",
    ]) {
      assert.equal(printable(readable), readable);
    }
  });

  it("escapes what is more than text, and stays readable", () => {
    assert.equal(
      printable("1.0.0\u001b]0;title\u0007\n::stop-commands::x"),
      "1.0.0\\u001b]0;title\\u0007\\u000a::stop-commands::x",
    );
    assert.equal(printable("::stop-commands::x"), "\\u003a:stop-commands::x");
    assert.equal(printable("see ::add-mask::x"), "see \\u003a:add-mask::x");
    assert.equal(printable("x ##[add-path]y ##vso[task.complete]"), "x #\\u0023[add-path]y #\\u0023vso[task.complete]");
    assert.equal(printable("ab\u202edc\u200b\u{e0041}"), "ab\\u202edc\\u200b\\udb40\\udc41");
    assert.equal(printableLines("one\n  ::two::\r"), "one\n  \\u003a:two::\\u000d");
  });

  it("never has a line break, an invisible character or a command", () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const shown = printable(one);
        assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
        assert.ok(!isCommand(shown), shown);
        assert.equal(printable(shown), shown, "escaping twice changes nothing");
        assert.ok(!printableLines(`${one}\n${other}`).split("\n").some(isCommand));
      }),
      { numRuns: 2000 },
    );
  });

  it("is shortened where it quotes too much", () => {
    assert.equal(printableSentence("x".repeat(2000)), "x".repeat(2000));
    assert.equal(printableSentence("x".repeat(1_000_000)), `${"x".repeat(2000)}...`);
  });

  it("keeps the meaning of JSON", () => {
    fc.assert(
      fc.property(text, text, (key, value) => {
        const document = { [key]: [value] };
        assert.deepEqual(JSON.parse(printableLines(JSON.stringify(document, undefined, 2))), document);
      }),
    );
  });

  it("takes linear time", () => {
    // Quadratic steps would exceed mocha's time limit.
    for (const part of [":", ":: ", "#", "##a", " "]) assert.ok(printable(part.repeat(200_000)).length > 0, part);
  });
});
