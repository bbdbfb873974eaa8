import assert from "node:assert/strict";
import fc from "fast-check";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { htmlReport } from "../../src/report/html";
import { largestMarkdown, markdownReport } from "../../src/report/markdown";
import type { Change, Report, TenantReport } from "../../src/report/model";
import { printable } from "../../src/config/printable";

/** A word that each text from outside has. It may be seen in code only. */
const sentinel = "XOUTSIDEX";

/** What breaks out of Markdown, mentions, closes, links, or runs, where it is not escaped. */
const hostile = fc.constantFrom(
  ...[
    "`",
    "``",
    "```",
    "~~~",
    "|",
    "\\|",
    "\\",
    "\n",
    "\n\n",
    "\r",
    "\u2028",
    "\t",
    " ",
    "    ",
    "@ana",
    "@acme/platform",
  ],
  ...[
    "fixes #1",
    "closes acme/shop#12",
    "#1",
    "[a](https://evil.example)",
    "![a](https://evil.example/x.png)",
    "<b>",
    "</code>",
  ],
  ...[
    "</details>",
    "<details>",
    "<!--",
    "-->",
    "<script>alert(1)</script>",
    "https://evil.example",
    "www.evil.example",
    "a@evil.example",
  ],
  ...[
    "::set-output name=a::b",
    "\n::add-mask::a",
    "##[error]a",
    "##vso[task.setvariable variable=a]b",
    "/approve",
    "> a",
    "# a",
  ],
  ...[
    "- a",
    "1. a",
    "---",
    "===",
    "[^1]",
    "[a]: https://evil.example",
    "&lt;",
    "&#96;",
    "*a*",
    "_a_",
    "$a$",
    "\u202e",
    "\u0000",
  ],
);
const outside = fc
  .array(fc.oneof(hostile, fc.string({ maxLength: 8, unit: "binary" })), { maxLength: 8 })
  .chain((parts) => fc.nat(parts.length).map((at) => [...parts.slice(0, at), sentinel, ...parts.slice(at)].join("")));
/** Lines of a block, such as a diff: what could end the block stands alone in a line. */
const lines = fc
  .array(fc.oneof(outside, fc.constantFrom("```", "  ````", "~~~", "</details>", "")), { maxLength: 5 })
  .map((all) => all.join("\n"));
const few = <Item>(item: fc.Arbitrary<Item>) => fc.array(item, { maxLength: 3 });
const orNull = <Item>(item: fc.Arbitrary<Item>) => fc.option(item, { nil: null });
const listOf = <Item>(item: fc.Arbitrary<Item>) => fc.record({ shown: few(item), more: fc.nat(3) });

const change: fc.Arbitrary<Change> = fc.record({
  path: outside,
  before: orNull(outside),
  after: orNull(outside),
  isHidden: fc.boolean(),
});
const decided = fc.record({
  ...{ shown: outside, tag: orNull(outside), gitTag: orNull(outside), commit: orNull(outside), chart: outside },
  ...{ chartVersion: orNull(outside), appVersion: orNull(outside), chartDigest: orNull(outside) },
  images: few(fc.record({ reference: outside, digest: orNull(outside) })),
  source: fc.constantFrom("lock", "read", "none"),
});
const block = fc.record({ policy: outside, isAdvisory: fc.boolean(), message: lines });
const verdict = fc.constantFrom("blocked", "look", "fine");
const tenant: fc.Arbitrary<TenantReport> = fc.record({
  ...{ tenant: outside, verdict, notes: few(outside), blocks: few(block), deleted: few(outside) },
  change: fc.constantFrom("added", "changed", "removed"),
  ...{ from: orNull(decided), to: orNull(decided), values: listOf(change), settings: listOf(change) },
  compare: orNull(fc.constant("https://github.com/acme/shop/compare/1.0.0...1.1.0")),
  commits: orNull(
    fc.record({
      ...{ areTakenBack: fc.boolean(), more: fc.nat(3), unread: orNull(outside) },
      shown: few(fc.record({ commit: outside, author: outside, subject: outside })),
    }),
  ),
  chart: orNull(
    fc.record({
      objects: listOf(
        fc.record({
          ...{ object: outside, diff: lines, cut: fc.nat(3) },
          change: fc.constantFrom("added", "changed", "removed"),
        }),
      ),
      ...{ relabelled: few(outside), unchanged: fc.nat(3), notes: few(outside), unread: orNull(outside) },
    }),
  ),
  images: few(
    fc.record({
      ...{ image: outside, isNew: fc.boolean() },
      verdict: fc.constantFrom("release", "also", "other-tag", "undeclared"),
    }),
  ),
});
const report: fc.Arbitrary<Report> = fc.record({
  ...{
    version: fc.constant(1 as const),
    verdict,
    problems: few(outside),
    project: few(change),
    files: listOf(outside),
  },
  base: fc.record({ name: orNull(outside), commit: outside }),
  head: fc.record({ name: orNull(outside), commit: outside }),
  stacks: few(
    fc.record({
      ...{ stack: outside, tenants: few(tenant), unchanged: fc.nat(3) },
      ...{ settings: few(change), blocks: few(block), notes: few(outside) },
    }),
  ),
});

/** As GitHub reads it: CommonMark with its extensions, and with HTML. */
function rendered(markdown: string): string {
  return micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] });
}

/** What is not code. There, readers look for links, mentions and closing keywords. */
function withoutCode(html: string): string {
  return html.replace(/<code(?: class="language-(?:diff|text)")?>[^<]*<\/code>/g, "<code>");
}

const ourTags = /^<\/?(?:h[23]|p|ul|li|table|thead|tbody|tr|t[hd]|code|pre|strong|em|details|summary)>$/;
const ourLink = '<a href="https://github.com/acme/shop/compare/1.0.0...1.1.0">';

describe("a report in Markdown", () => {
  it("shows text from outside as code only, however it is written", () => {
    fc.assert(
      fc.property(report, (one) => {
        const html = withoutCode(rendered(markdownReport(one)));
        assert.ok(!html.includes(sentinel), html);
        const strange = (html.match(/<[^>]*>/g) ?? []).filter(
          (tag) => !ourTags.test(tag) && tag !== ourLink && tag !== "</a>",
        );
        assert.deepEqual(strange, []);
        assert.doesNotMatch(html.replaceAll(ourLink, ""), /@|#\d|https?:|www\.|<!--/);
        for (const open of ["details", "summary"]) {
          assert.equal(html.split(`<${open}>`).length, html.split(`</${open}>`).length);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("has no line that a CI service would carry out, or a terminal obey", () => {
    fc.assert(
      fc.property(report, (one) => {
        for (const line of markdownReport(one).split("\n")) assert.equal(printable(line), line);
      }),
      { numRuns: 200 },
    );
  });

  it("says everything where there is room, and what is left out where there is none", () => {
    fc.assert(
      fc.property(report, fc.integer({ min: 3000, max: 20_000 }), (one, room) => {
        const [whole, short] = [markdownReport(one, 10_000_000), markdownReport(one, room)];
        assert.doesNotMatch(withoutCode(rendered(whole)), /left out/);
        if (whole.length <= room) assert.equal(short, whole);
        else {
          assert.ok(short.length <= Math.max(room, 9000), `${short.length} characters`);
          assert.match(short, /left out: this text may have/);
          assert.ok(!withoutCode(rendered(short)).includes(sentinel));
        }
      }),
      { numRuns: 80 },
    );
  });

  it("stays below the limit of GitHub with thousands of tenants", () => {
    const [one] = fc.sample(tenant, { numRuns: 1, seed: 1 });
    const [all] = fc.sample(report, { numRuns: 1, seed: 1 });
    const tenants = Array.from({ length: 3000 }, (_, index) => ({ ...one!, tenant: `tenant-${index}` }));
    const stack = { stack: "prod", tenants, unchanged: 0, settings: [], blocks: [], notes: [] };
    const text = markdownReport({ ...all!, stacks: [stack] });
    assert.ok(text.length <= largestMarkdown, `${text.length} characters`);
    assert.match(text, /^And 2\d\d\d tenants more\.$/m);
  });
});

describe("a report in HTML", () => {
  it("holds text from outside as text only", () => {
    fc.assert(
      fc.property(report, (one) => {
        const html = htmlReport(one).replace(/<style>[^]*?<\/style>/, "");
        const ours =
          /^<(?:!doctype html|\/?(?:html|head|body|title|header|section|h[1-3]|p|ul|li|table|thead|tbody|tr|t[hd]|code|pre|span|div|details|summary|b|br|ins|del)(?: (?:class="[a-z ]*"|lang="en"|open))*|meta [^<>]*|a href="https:\/\/github\.com\/acme\/shop\/compare\/1\.0\.0\.\.\.1\.1\.0" rel="noreferrer"|\/a)>$/;
        const strange = (html.match(/<[^>]*>/g) ?? []).filter((tag) => !ours.test(tag));
        assert.deepEqual(strange, []);
      }),
      { numRuns: 100 },
    );
  });
});
