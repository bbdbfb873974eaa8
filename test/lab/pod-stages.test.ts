import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { holdPodsUnready } from "./pod-stages";
import { temporaryDirectory } from "../support/directory";

describe("the stages of pods", () => {
  const directory = temporaryDirectory();

  function stagesFile(content: string): string {
    const path = join(directory(), "stages.yaml");
    writeFileSync(path, content);
    return path;
  }

  const stage = (name: string) =>
    `kind: Stage\nmetadata: { name: ${name} }\nspec: { selector: { matchExpressions: [] } }\n`;

  it("exclude pods of an image from the stage pod-ready only", () => {
    const file = stagesFile([stage("pod-ready"), stage("pod-delete")].join("---\n"));
    const [ready, deleted] = parseAllDocuments(holdPodsUnready(file, ['app:"1"'])).map(
      (document) => document.toJS() as unknown,
    );
    assert.deepEqual(ready, {
      kind: "Stage",
      metadata: { name: "pod-ready" },
      spec: {
        selector: {
          matchExpressions: [
            { key: '.spec.containers.[].image | select( contains("app:\\"1\\"") )', operator: "DoesNotExist" },
          ],
        },
      },
    });
    assert.deepEqual(deleted, parseAllDocuments(stage("pod-delete"))[0]?.toJS());
  });

  it("must include the stage pod-ready", () => {
    assert.throws(() => holdPodsUnready(stagesFile(stage("other")), []), /has no stage pod-ready/);
  });
});
