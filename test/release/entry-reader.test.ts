import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { type DecidedEntry, decidedEntries } from "../../src/config/decided-entry";
import { ProblemsError } from "../../src/config/problem";
import { parseStackFile } from "../../src/config/stack-file";
import { type EntryChange, EntryReader } from "../../src/release/entry-reader";

/** What a version changes, by parsing all of it. */
class WholeFiles {
  #entries = new Map<string, DecidedEntry>();

  next(content: Buffer | undefined): EntryChange[] | undefined {
    let entries: DecidedEntry[];
    try {
      entries = content === undefined ? [] : decidedEntries(parseStackFile("", utf8.decode(content)));
    } catch (error) {
      if (error instanceof ProblemsError || error instanceof TypeError) return undefined;
      throw error;
    }
    const before = this.#entries;
    this.#entries = new Map(entries.map((entry) => [entry.object, entry]));
    return [...new Set([...before.keys(), ...this.#entries.keys()])].flatMap((object) => {
      const [previous, entry] = [before.get(object), this.#entries.get(object)];
      return isDeepStrictEqual(previous, entry) ? [] : [{ object, entry, previous }];
    });
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const byObject = (changes: readonly EntryChange[] | undefined) =>
  changes && [...changes].sort((one, other) => (one.object < other.object ? -1 : 1));

const version = fc.tuple(fc.nat(2), fc.nat(2)).map(([minor, patch]) => `1.${minor}.${patch}`);
const name = fc.constantFrom(
  "app",
  "app-two",
  "shop",
  "cart",
  '"quoted"',
  "search",
  "new",
  "b",
  "null",
  "placeholder-name",
);
const comment = fc.constantFrom("", "", ' # {"$imagepolicy": "flux-system:app:tag"}', " # it's", "  ");

/** Lines of an entry, without indentation. Some of them no file should have. */
const entryLine = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(version, comment).map(([tag, end]) => `tag: "${tag}"${end}`) },
  { weight: 2, arbitrary: version.map((tag) => `tag: ${tag}`) },
  { weight: 2, arbitrary: fc.constantFrom("a", "b").map((digit) => `digest: "sha256:${digit.repeat(8)}"`) },
  { weight: 2, arbitrary: version.map((tag) => `policy: {range: ">=1.0.0", deny: ["${tag}"]}`) },
  { weight: 1, arbitrary: name.map((one) => `formerly: ${one}`) },
  {
    weight: 2,
    arbitrary: version.map((tag) => `tag: "${tag}" # {"$imagepolicy": "flux-system:app:tag"}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['note: "tag: "1.0.0""', `policy: {pin: {by: 'tag: "1.0.0"', reason: 'digest: "a"'}}`, 'tag: "placeholder-0"'],
      ...['policy: {pin: "', 'deny: [tag: "1.0.0", \'digest: "a"\']', "policy: {deny: [placeholder-0]}", "tag: >"],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...["policy:", "  pin: {by: ana, reason: x}", "  deny: [1.0.0,", "    1.2.0]", "note: >", "note: |", "  text"],
      ...[
        "note: 'two",
        "lines'",
        "- item",
        "",
        "# comment",
        "tag: &a '1.0.0'",
        "tag: *a",
        "? tag",
        ": x",
        "}",
        "{",
        "]",
      ],
      ...['"', "tag: !x 1", "\ttag: 1", "---", "%YAML 1.1", "\u2028", "tag", "deny: [", "é: ü", "..."],
    ),
  },
);

const entry = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(name, comment, fc.array(entryLine, { maxLength: 4 }))
      .map(([one, end, lines]) => [`    ${one}:${end}`, ...lines.map((line) => (line === "" ? "" : `      ${line}`))]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(name, version)
      .map(([one, tag]) => [`    ${one}: {tag: "${tag}", policy: {range: "*", deny: []}}`]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(name, version).map(([one, tag]) => [`    ${one}: {`, `      tag: "${tag}"`, "      }"]),
  },
);

const head = fc.constantFrom(
  ["config:", "  shared-authority:follow: tags", "  shared-authority:tenants:"],
  ["# A comment.", "config:", "  shared-authority:tenants: # ours"],
  [
    "config:",
    "  other:",
    "    note: |",
    "      shared-authority:tenants:",
    "  shared-authority:tenants:",
    "",
    "    # two",
  ],
  ["\ufeffconfig:", "  shared-authority:tenants:"],
  ["config:", "  shared-authority:tenants:", "  # less"],
);
const tail = fc.constantFrom([], ["  shared-authority:defaults: {team: [a]}"], ["encryptionsalt: x"], ["  # end", ""]);

const file = fc
  .tuple(head, fc.array(entry, { maxLength: 6 }), tail)
  .map(([first, entries, last]) => [...first, ...entries.flat(), ...last]);

/** Changes some lines of a file; or all of it. */
const edit = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(), fc.nat(2), fc.oneof(entry, fc.array(entryLine.map((line) => `      ${line}`))))
      .map(([at, removed, added]) => (lines: readonly string[]) => {
        const index = at % (lines.length + 1);
        return [...lines.slice(0, index), ...added, ...lines.slice(index + removed)];
      }),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(fc.nat(), version).map(([at, tag]) => (lines: readonly string[]) => {
      const index = at % Math.max(1, lines.length);
      return lines.map((line, one) => (one >= index && one < index + 3 ? line.replace(/1\.\d+\.\d+/, tag) : line));
    }),
  },
  { weight: 1, arbitrary: file.map((lines) => () => lines) },
);

const lineEnd = fc.constantFrom("\n", "\n", "\n", "\r\n");
const finalEnd = fc.boolean();

describe("the versions of a stack file", () => {
  it("are read as if each were parsed as a whole, whatever the file and its edits", () => {
    fc.assert(
      fc.property(file, fc.array(fc.tuple(edit, lineEnd, finalEnd), { maxLength: 8 }), (first, edits) => {
        const reader = new EntryReader();
        const whole = new WholeFiles();
        let lines: readonly string[] = first;
        const texts = [lines.join("\n")];
        for (const [change, end, isEnded] of edits) {
          lines = change(lines);
          texts.push(lines.join(end) + (isEnded ? end : ""));
        }
        for (const text of texts) {
          const content = Buffer.from(text);
          assert.deepEqual(byObject(reader.next(content)), byObject(whole.next(content)), JSON.stringify(text));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("are read where a tenant changes at random bytes", () => {
    const base = Buffer.from(
      [
        "config:",
        "  shared-authority:tenants:",
        '    app:\n      tag: "1.0.0" # marker',
        '    shop: {tag: "1.0.0"}\n',
      ].join("\n"),
    );
    const splice = fc.tuple(
      fc.nat(base.length),
      fc.nat(6),
      fc.constantFrom("", " ", "\n", '"', "x", "\n    b:", "é", "\xff"),
    );
    fc.assert(
      fc.property(fc.array(splice, { minLength: 1, maxLength: 5 }), (splices) => {
        const reader = new EntryReader();
        const whole = new WholeFiles();
        for (const [at, removed, added] of [[0, 0, ""] as const, ...splices]) {
          const content = Buffer.concat([
            base.subarray(0, at),
            Buffer.from(added, added === "\xff" ? "latin1" : "utf8"),
            base.subarray(at + removed),
          ]);
          assert.deepEqual(
            byObject(reader.next(content)),
            byObject(whole.next(content)),
            JSON.stringify(content.toString()),
          );
        }
        assert.deepEqual(byObject(reader.next(undefined)), byObject(whole.next(undefined)));
      }),
      { numRuns: 300 },
    );
  });
});
