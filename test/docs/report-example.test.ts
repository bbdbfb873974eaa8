import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { requireTools } from "../support/tools";
import { exampleReport } from "./report-example";

describe("the example of docs/report.md", () => {
  const directory = temporaryDirectory();

  it("is what `authority report` says", async function () {
    requireTools(this, "helm");
    const { code, stdout } = await exampleReport(directory(), "markdown");
    assert.equal(code, 3);
    const [, shown = ""] =
      /```text\n## ([^]*?)```/.exec(readFileSync(join(projectRoot, "docs", "report.md"), "utf8")) ?? [];
    assert.equal(stdout.slice(0, stdout.indexOf("\n\n###")), `## ${shown.trimEnd()}`);
  });
});
