import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { git } from "../../demo/git";
import { ProblemsError } from "../../src/config/problem";
import { readStackConfig } from "../../src/config/read-stack-config";
import { temporaryDirectory } from "../support/directory";
import { goodStack, writeInput } from "./bad-inputs";

/** Values as a commit holds them, and as each work tree has them. */
describe("the line ends of values files", () => {
  const directory = temporaryDirectory();
  const origin = () => join(directory(), "origin");
  const values = "tenants/shop/values.yaml";
  const [lf, crlf] = ["replicaCount: 2\nname: a\n", "replicaCount: 2\r\nname: a\r\n"];

  beforeEach(() => mkdirSync(origin()));

  const contentIn = (root: string): string | undefined =>
    readStackConfig({ root, stack: "prod" }).tenants[0]?.values[0]?.content;

  async function commit(content: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
    writeInput(origin(), {
      files: {
        "Pulumi.yaml": "name: a\nruntime: nodejs\n",
        "Pulumi.prod.yaml": goodStack,
        [values]: content,
        ...files,
      },
    });
    const run = (...parameters: string[]) => git({ directory: origin() }, ...parameters);
    await run("init", "--quiet");
    await run("add", "--all");
    await run("commit", "--quiet", "--message", "Values");
  }

  /** A clean clone. @returns its folder */
  async function clone(autocrlf: string): Promise<string> {
    const folder = join(directory(), autocrlf);
    await git(
      { directory: directory() },
      "clone",
      "--quiet",
      "--config",
      `core.autocrlf=${autocrlf}`,
      origin(),
      folder,
    );
    assert.equal(await git({ directory: folder }, "status", "--porcelain"), "");
    return folder;
  }

  for (const [title, committed, files] of [
    ["LF, without attributes", lf, {}],
    ["CRLF, without attributes", crlf, {}],
    ["LF, with `text=auto`", lf, { ".gitattributes": "* text=auto\n" }],
    ["LF, with `text eol=crlf`", lf, { ".gitattributes": "*.yaml text eol=crlf\n" }],
    ["CRLF, with `-text`", crlf, { ".gitattributes": "* text=auto\n*.yaml -text\n" }],
    ["both line ends, without attributes", "a: 1\r\nb: 2\n", {}],
  ] as const) {
    it(`are those of the commit with each core.autocrlf: committed with ${title}`, async () => {
      await commit(committed, files);
      for (const autocrlf of ["false", "true", "input"]) {
        assert.equal(contentIn(await clone(autocrlf)), committed, autocrlf);
      }
    });
  }

  it("are those that Git would store, for a file that is not committed yet", async () => {
    await commit(lf);
    const folder = await clone("true");
    rmSync(join(folder, values));
    assert.equal(contentIn(folder), undefined);
    writeFileSync(join(folder, "tenants/shop/values.prod.yaml"), crlf);
    assert.equal(contentIn(folder), lf);
  });

  it("are those of the file, outside of a Git repository", () => {
    writeInput(origin(), { files: { "Pulumi.prod.yaml": goodStack, [values]: crlf } });
    assert.equal(contentIn(origin()), crlf);
  });

  it("are refused if Git cannot tell how it would store them", () => {
    writeInput(origin(), { files: { "Pulumi.prod.yaml": goodStack, [values]: crlf, ".git": "gitdir: nowhere\n" } });
    assert.throws(
      () => contentIn(origin()),
      (error) => error instanceof ProblemsError && /values\.yaml: .*Git cannot tell .*nowhere/.test(error.message),
    );
  });

  it("are those that `git add` stores, whatever the file, the attributes and the settings", async function () {
    this.timeout(120_000);
    const pieces = fc.constantFrom("a: 1\n", "b: 2\r\n", "# c\r\n", "\n", "\r\n");
    const attributes = fc.constantFrom("", "* text=auto", "* text", "* -text", "* text eol=crlf", "* text=auto eol=lf");
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(pieces, { maxLength: 5 }),
        fc.uniqueArray(pieces, { maxLength: 5 }),
        attributes,
        fc.constantFrom("true", "false", "input"),
        async (before, after, attribute, autocrlf) => {
          const run = (...parameters: string[]) => git({ directory: origin() }, ...parameters);
          rmSync(origin(), { recursive: true });
          mkdirSync(origin());
          await commit(before.join(""));
          writeFileSync(join(origin(), ".gitattributes"), `${attribute}\n`);
          await run("config", "core.autocrlf", autocrlf);
          writeFileSync(join(origin(), values), after.join(""));
          const content = contentIn(origin());
          await run("add", "--all");
          const input = { directory: origin(), input: content };
          assert.equal(
            await git(input, "hash-object", "--no-filters", "--stdin"),
            await run("rev-parse", `:${values}`),
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});
