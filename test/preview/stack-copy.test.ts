import assert from "node:assert/strict";
import { parse } from "yaml";
import { projectCopy, renderedFolder, stackCopy, withDelivery } from "../../src/preview/stack-copy";

describe("the copy of a stack file for a preview", () => {
  const text = [
    "# Production",
    "secretsprovider: awskms://alias/prod",
    "encryptedkey: QUJD",
    "config:",
    "  kubernetes:context: prod",
    "  acme:token:",
    "    secure: AAABAK",
    "  acme:many: [{secure: AAABAK}, plain]",
    "  acme:flow: {inner: {secure: AAABAK}, other: 1}",
    "  shared-authority:follow: tags",
    "  shared-authority:tenants:",
    "    podinfo:",
    '      tag: "6.15.0" # {"$imagepolicy": "flux-system:podinfo:tag"}',
    "encryptionsalt: v1:abc=",
    "environment:",
    "  - prod-secrets",
    "<<: {secretsprovider: awskms://alias/other}",
    "",
  ].join("\n");

  it("has only what is under config, without encrypted values, and each line where it was", () => {
    const copy = stackCopy("prod", text);
    assert.doesNotMatch(copy.text, /secure|AAABAK|awskms|QUJD|v1:abc|prod-secrets/);
    assert.deepEqual(parse(copy.text), {
      config: {
        "kubernetes:context": "prod",
        "acme:many": [null, "plain"],
        "acme:flow": { inner: null, other: 1 },
        "shared-authority:follow": "tags",
        "shared-authority:tenants": { podinfo: { tag: "6.15.0" } },
      },
    });
    const lineOf = (from: string) => from.split("\n").findIndex((line) => line.includes("$imagepolicy"));
    assert.equal(lineOf(copy.text), lineOf(text));
    assert.deepEqual([...copy.removed].sort(), [
      ...["<<", "config.acme:flow.inner", "config.acme:many.0", "config.acme:token", "encryptedkey"],
      ...["encryptionsalt", "environment", "secretsprovider"],
    ]);
  });

  it("is the file itself where there is nothing to leave out, and where it is not YAML", () => {
    for (const same of ["config:\n  shared-authority:follow: tags\n", "config: [", "- a\n", ""]) {
      assert.deepEqual(stackCopy("prod", same), { text: same, removed: [] });
    }
  });

  for (const [title, before, after] of [
    ["in place of a cluster", "config:\n  shared-authority:delivery: cluster # ours\n  a:b: c\n", "c"],
    ["where nothing is declared", "config:\n  a:b: c\n", "c"],
    ["between braces", "config: {a:b: c}\n", "c"],
  ] as const) {
    it(`is delivered to a folder ${title}`, () => {
      const { config } = parse(withDelivery("prod", before, "out")) as { config: Record<string, unknown> };
      assert.deepEqual(config, { "shared-authority:delivery": { manifests: "out" }, "a:b": after });
    });
  }

  it("keeps a folder that is declared", () => {
    const declared = "config:\n  shared-authority:delivery: {manifests: rendered/prod}\n";
    assert.equal(withDelivery("prod", declared, "out"), declared);
    assert.equal(renderedFolder("prod", declared), "rendered/prod");
  });
});

describe("the copy of Pulumi.yaml for a preview", () => {
  const base =
    "name: shared\nruntime: nodejs\nconfig:\n  shared-authority:applications:\n    value: {}\nmain: index.ts\n";

  it("has the pull request's config", () => {
    const head = base.replace("value: {}", "value: {podinfo: {branch: main}}");
    assert.deepEqual(projectCopy(base, head), { text: head, hasCode: false });
  });

  it("has nothing else of the pull request", () => {
    const head = `${base.replace("value: {}", "value: {podinfo: {}}").replace("index.ts", "other.ts")}plugins:\n  providers: [{name: kubernetes, path: ./evil}]\n`;
    const { text, hasCode } = projectCopy(base, head);
    assert.equal(hasCode, true);
    assert.deepEqual(parse(text), {
      ...{ name: "shared", runtime: "nodejs", main: "index.ts" },
      config: { "shared-authority:applications": { value: { podinfo: {} } } },
    });
  });

  it("is the base branch's where the pull request has a key twice, or no YAML", () => {
    for (const head of [`${base}main: other.ts\n`, "config: [", `${base}---\nmain: other.ts\n`]) {
      const { text, hasCode } = projectCopy(base, head);
      assert.equal(hasCode, true, head);
      assert.equal((parse(text) as { main: string }).main, "index.ts");
    }
  });
});
