import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { holdBack } from "./pod-stages";
import { temporaryDirectory } from "../support/directory";

describe("the stages of the lab's pods", () => {
  const directory = temporaryDirectory();

  function stagesFile(content: string): string {
    const path = join(directory(), "stages.yaml");
    writeFileSync(path, content);
    return path;
  }

  const stage = (name: string) =>
    `kind: Stage\nmetadata: { name: ${name} }\nspec: { selector: { matchExpressions: [] } }\n`;

  it("hold back the pods of an image, in the stage by which pods become ready and in no other", () => {
    const file = stagesFile([stage("pod-ready"), stage("pod-delete")].join("---\n"));
    const [ready, deleted] = parseAllDocuments(holdBack(file, ['app:"1"'])).map(
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

  it("have to hold the stage by which pods become ready", () => {
    assert.throws(() => holdBack(stagesFile(stage("other")), []), /has no stage pod-ready/);
  });
});
