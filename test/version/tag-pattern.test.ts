import assert from "node:assert/strict";
import { commitOfTag, commitPatternError, tagMatches, tagPatternError } from "../../src/version/tag-pattern";

const usual = "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$";

describe("a pattern over tags", () => {
  it("is accepted when Flux and this program read it alike", () => {
    const good = [
      usual,
      "^$",
      "^0\\.0\\.0-master\\.[0-9]+$",
      "^v?[0-9]{1,4}\\.\\d+(?:-rc\\.?[0-9]*)?$",
      "^(?:main|master)-[\\w.-]+$",
      "^[^a-z]{2}[-_]{3,}x?$",
      "^(a|b(c|d))e$",
    ];
    for (const pattern of good) assert.equal(tagPatternError(pattern), undefined, pattern);
  });

  it("is refused when Flux and this program would not read it alike", () => {
    const bad = [
      ["", "from `^` to `$`"],
      ["master-.*", "from `^` to `$`"],
      ["^a|b$", "not `|` outside of a group"],
      ["^a)$", "not `)` outside of a group"],
      ["^(a$", "a regular expression"],
      ["^(?=a)a$", "not `?=a)a`"],
      ["^(?<ts>[0-9]+)$", "not `"],
      ["^(?i)a$", "not `"],
      ["^(a+)+$", "not `+`"],
      ["^(a)\\1$", "not `\\1`"],
      ["^a**$", "not `*`"],
      ["^a{1001}$", "at most 1000"],
      ["^a{600}b{1,600}$", "at most 1000"],
      [`^${"a".repeat(1000)}$`, "at most 1000 characters"],
      ["^a{3,1}$", "a regular expression"],
      ["^[z-a]$", "a regular expression"],
      ["^[]$", "not `[]`"],
      ["^[[:alpha:]]$", "not `[[:alpha:]]`"],
      ["^\\pL$", "not `\\pL`"],
      ["^a b$", "not ` b`"],
      ["^é$", "not `é`"],
      ["^a$b$", "not `$b`"],
      ["^(?P<a>x)(?P<a>y)$", "a regular expression"],
    ] as const;
    for (const [pattern, words] of bad) {
      const error = tagPatternError(pattern);
      assert.ok(error?.includes(words), `${pattern}: ${String(error)}`);
    }
  });

  it("matches whole tags", () => {
    assert.equal(tagMatches(usual, "master-0a1b2c3-1732386000"), true);
    assert.equal(tagMatches(usual, "master-0a1b2c3-1732386000-amd64"), false);
    assert.equal(tagMatches(usual, "x-master-0a1b2c3-1732386000"), false);
    assert.equal(tagMatches("(", "("), false);
  });

  it("takes no seconds, whatever the pattern", () => {
    // Otherwise it exceeds mocha's time limit.
    const tag = `abc-1-${"a".repeat(120)}`;
    for (const part of ["[a-z]*", "a*", "[a-z]{0,100}", "(?:a*|[a-z]+)"]) {
      const pattern = `^(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)-${part.repeat(8)}X$`;
      assert.equal(tagPatternError(pattern), undefined);
      assert.equal(commitOfTag(pattern, tag), undefined);
      assert.deepEqual(commitOfTag(pattern, `${tag}X`), { sha: "abc", ts: 1 });
    }
  });
});

describe("a pattern over the tags of commits", () => {
  it("needs the commit and a number in separate groups", () => {
    assert.equal(commitPatternError(usual), undefined);
    assert.equal(commitPatternError("^(?P<ts>\\d{10})-(?P<sha>[a-f0-9]{7,40})$"), undefined);
    const bad = [
      ["^master-(?P<sha>[0-9a-f]+)$", "`ts` of digits only"],
      ["^master-(?P<sha>[0-9a-f]+)-(?P<ts>.+)$", "`ts` of digits only"],
      ["^master-(?P<sha>[0-9a-f]+)-?(?P<ts>[0-9]+)?$", "`ts` of digits only"],
      ["^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]*)$", "`ts` of digits only"],
      ["^master-(?P<ts>[0-9]+)$", "`sha` of hexadecimal digits"],
      ["^(?P<sha>\\w+)-(?P<ts>[0-9]+)$", "`sha` of hexadecimal digits"],
      ["master", "from `^` to `$`"],
    ] as const;
    for (const [pattern, words] of bad) assert.ok(commitPatternError(pattern)?.includes(words), pattern);
  });

  it("gives the commit and the number", () => {
    assert.deepEqual(commitOfTag(usual, "master-0a1b2c3-1732386000"), { sha: "0a1b2c3", ts: 1732386000 });
    assert.equal(commitOfTag(usual, "6.14.1"), undefined);
    assert.equal(commitOfTag("(", "6.14.1"), undefined);
  });
});
