import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineProject } from "../support/engine-project";
import { projectRoot } from "../support/project";

/** The state of a stack with the tenant `shop`, as version 0.1 exports it, without times and secrets. */
const stateFile = join(projectRoot, "test/fixtures/state-0.1.json");

describe("the state of a stack that version 0.1 has deployed", function () {
  this.timeout(300_000);
  const opened = engineProject("shop");

  before(async () => {
    const { project, gitUrl, applications } = opened();
    await opened().decide({ shop: ['tag: "1.0.0"', 'policy: { range: ">=1.0.0" }'] });
    const registry = applications.get("shop")?.image.split("/", 1)[0] ?? "";
    const state = readFileSync(stateFile, "utf8")
      .replaceAll("http://git.example.com", gitUrl)
      .replaceAll("registry.example.com", registry);
    const file = join(project.directory, "..", "state.json");
    writeFileSync(file, state);
    const { code, output } = await opened().pulumi("stack", "import", "--stack", "prod", "--file", file);
    assert.equal(code, 0, output);
  });

  const preview = (...flags: string[]) =>
    opened().pulumi("preview", "--stack", "prod", "--policy-pack", "policy-pack", ...flags);

  it("keeps all its objects: some change, none is created, replaced or deleted", async () => {
    const { code, output } = await preview();
    assert.equal(code, 0, output);
    const [, summary = ""] = /^Resources:\n((?: .*\n)+)/m.exec(output) ?? [];
    assert.match(summary, /^ +~ \d+ to update\n +\d+ unchanged\n$/, output);
  });

  it("is deployed, and a second preview shows no change", async () => {
    const { code, output } = await opened().authorityUp();
    assert.equal(code, 0, output);
    assert.equal((await preview("--expect-no-changes")).code, 0);
  });
});
