import assert from "node:assert/strict";
import { describeProblem, ProblemsError, type Problem } from "../../src/config/problem";
import { readStackConfig } from "../../src/config/read-stack-config";
import { temporaryDirectory } from "../support/directory";
import { badInputs, goodStack, writeInput, type BadInput } from "./bad-inputs";

describe("bad input", () => {
  const root = temporaryDirectory();

  function problemsOf(input: Pick<BadInput, "files" | "links" | "stack">): readonly Problem[] {
    writeInput(root(), input);
    try {
      readStackConfig({ root: root(), stack: input.stack });
    } catch (error) {
      assert.ok(error instanceof ProblemsError, String(error));
      return error.problems;
    }
    return [];
  }

  it("has at least a hundred kinds, each with a title of its own", () => {
    assert.ok(badInputs.length >= 100, String(badInputs.length));
    assert.equal(new Set(badInputs.map(({ title }) => title)).size, badInputs.length);
  });

  it("is not the stack that the kinds are made from", () => {
    assert.deepEqual(problemsOf({ stack: "prod", files: { "Pulumi.prod.yaml": goodStack } }), []);
  });

  for (const input of badInputs) {
    it(input.title, () => {
      const problems = problemsOf(input);
      const shown = problems.map(describeProblem);
      const { file, line, path, words, hidden, alone } = input.expect;
      const found = problems.some(
        (problem) =>
          problem.file === file &&
          (line === undefined || problem.line === line) &&
          (path === undefined || problem.path === path) &&
          words.every((word) => describeProblem(problem).includes(word)),
      );
      assert.ok(found, `expected ${JSON.stringify(input.expect)}, got:\n${shown.join("\n")}`);
      assert.ok(problems.length <= (alone ? 1 : 8), `one mistake, too many problems:\n${shown.join("\n")}`);
      if (hidden !== undefined) assert.ok(!shown.join("\n").includes(hidden), shown.join("\n"));
    });
  }

  it("is told all at once, in the order of the lines", () => {
    const text = goodStack
      .replace("follow: tags", "follow: tagz")
      .replace("./charts/shop", "../shop")
      .replace('"1.4.0"', "1.10");
    const problems = problemsOf({
      stack: "prod",
      files: { "Pulumi.prod.yaml": text, "tenants/shop/values.yaml": "- a\n" },
    });
    assert.deepEqual(
      problems.map(({ file, line, path }) => [file, line, path]),
      [
        ["Pulumi.prod.yaml", 2, "shared-authority:follow"],
        ["Pulumi.prod.yaml", 6, "shared-authority:tenants.shop.chart"],
        ["Pulumi.prod.yaml", 8, "shared-authority:tenants.shop.tag"],
        ["tenants/shop/values.yaml", 1, undefined],
      ],
    );
  });
});
