import assert from "node:assert/strict";
import { previewMarkdown } from "../../src/preview/preview-result";

describe("the beginning of a report", () => {
  it("has no HTML of an object's name", () => {
    const change = { stack: "prod", file: "1-manifest/<img src=x>", kind: "changed", diff: "-a\n+b" } as const;
    const upgrade = { from: "0.2.0", to: "0.3.0", changes: [change] };
    const known = { base: null, head: null, refused: [], blocks: [], stacks: [], code: [], notes: [] };
    const text = previewMarkdown({ ...known, upgrade });
    assert.match(text, /<summary>prod: 1-manifest\/&lt;img src=x&gt;<\/summary>/);
    assert.doesNotMatch(text.replace(/`[^`]*`/g, ""), /<img/);
  });
});
