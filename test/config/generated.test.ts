import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { parse } from "yaml";
import { projectFileJsonSchema, stackFileJsonSchema } from "../../src/config/configuration-reference";
import { generatedFiles } from "../../src/config/generate-schema";
import { listStacks } from "../../src/config/read-stack-config";
import { goodStack } from "./bad-inputs";

describe("what is generated from the schema", () => {
  for (const [path, content] of Object.entries(generatedFiles)) {
    it(`${path} is not stale`, () => {
      assert.equal(readFileSync(path, "utf8"), content(), "Run: node --require tsx/cjs src/config/generate-schema.ts");
    });
  }

  it("the reference explains every key in words", () => {
    const lines = readFileSync("docs/configuration.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("- **`"));
    assert.ok(lines.length > 50);
    for (const line of lines) assert.match(line, /\. [A-Z`].*\.$/, line);
  });
});

/** Checks as editors do. `errorMessage` is a keyword of the YAML language server, which shows it for a missing key. */
function editorCheck(schema: string): (text: string) => string[] {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true, verbose: true });
  const accepts = ajv.addKeyword("errorMessage").compile(JSON.parse(schema) as object);
  return (text) => {
    if (accepts(parse(text))) return [];
    return (accepts.errors ?? []).map(({ message = "", parentSchema }) => {
      const words: unknown = parentSchema?.errorMessage;
      return typeof words === "string" ? words : message;
    });
  };
}

describe("project.schema.json", () => {
  const check = editorCheck(projectFileJsonSchema());
  const project = (applications: string) => `name: x\nconfig:\n  shared-authority:applications: ${applications}\n`;

  it("accepts the committed project file, which names it in its first line", () => {
    const text = readFileSync("Pulumi.yaml", "utf8");
    assert.deepEqual(check(text), []);
    assert.equal(
      text.split("\n")[0],
      "# yaml-language-server: $schema=./node_modules/shared-authority/project.schema.json",
    );
  });

  it("asks in words for `value:`, and for the repository of a chart in Git", () => {
    assert.match(
      check(project("{ shop: { image: a.example.com/x } }")).join(),
      /expects the content .* below `value:`/,
    );
    assert.match(check(project("{ value: { shop: { chart: ./x } } }")).join(), /name it with `repository`/);
    assert.deepEqual(check(project("{ value: { shop: { chart: oci://a.example.com/x } } }")), []);
    assert.deepEqual(check(project("{ value: { shop: { image: a.example.com/x } } }")), []);
  });

  for (const [title, text] of [
    ["a key of a stack", "name: x\nconfig:\n  shared-authority:follow: { value: tags }\n"],
    ["an unknown key of an application", project("{ value: { shop: { tag: x } } }")],
    ["a range among the defaults", "config:\n  shared-authority:defaults: { value: { policy: { range: '*' } } }\n"],
  ] as const) {
    it(`refuses ${title}`, () => assert.notDeepEqual(check(text), []));
  }
});

describe("stack.schema.json", () => {
  const check = editorCheck(stackFileJsonSchema());

  for (const stack of listStacks(".")) {
    const text = readFileSync(`Pulumi.${stack}.yaml`, "utf8");
    it(`accepts the committed stack ${stack}, which names it in its first line`, () => {
      assert.deepEqual(check(text), []);
      assert.equal(
        text.split("\n")[0],
        "# yaml-language-server: $schema=./node_modules/shared-authority/stack.schema.json",
      );
    });
  }

  const missing: readonly (readonly [string, string, RegExp])[] = [
    ["a tag", '      tag: "1.4.0"\n', /name the release to run, such as `tag: "6.15.0"`/],
    ["a policy", '      policy: { range: ">=1.0.0 <2.0.0" }\n', /write which versions may run/],
    ["a range", 'range: ">=1.0.0 <2.0.0"', /write which versions may run/],
    ["a repository", "      repository: https://git.example.com/shop.git\n", /name it with `repository`/],
  ];
  for (const [title, part, words] of missing) {
    it(`asks in words for ${title}`, () => {
      assert.ok(goodStack.includes(part));
      assert.match(check(goodStack.replace(part, "")).join("\n"), words);
    });
  }

  it("misses nothing that may come from Pulumi.yaml, or that a branch does not need", () => {
    const tenant = (entry: string, follow = "branch") =>
      `config:\n  shared-authority:follow: ${follow}\n  shared-authority:tenants: { shop: ${entry} }\n`;
    assert.deepEqual(check(tenant("{}")), []);
    assert.deepEqual(check(tenant('{ tag: "1.0.0", policy: { range: 1.x } }', "tags")), []);
    assert.deepEqual(check(tenant("{ chart: ./x }")), []);
    assert.deepEqual(check(tenant("{ application: a, chart: ./x, image: a.example.com/x }")), []);
  });

  it("accepts the config of others", () => {
    assert.deepEqual(check(`${goodStack}  kubernetes:context: lab\n`), []);
  });

  const typical: readonly (readonly [string, string, string])[] = [
    [
      "an unknown key of ours",
      "shared-authority:follow: tags",
      "shared-authority:follow: tags\n  shared-authority:folow: tags",
    ],
    ["a key without prefix", "shared-authority:follow: tags", "shared-authority:follow: tags\n  tenants: {}"],
    ["follow missing", "shared-authority:follow: tags", "other:follow: tags"],
    ["follow misspelt", "follow: tags", "follow: tag"],
    ["tenants as a list", "    shop:", "    - shop:"],
    ["a tenant in upper case", "shop:", "SHOP:"],
    ["an unknown key of a tenant", "chart:", "chrt:"],
    ["an image with a tag", "example.com/shop\n", "example.com/shop:1\n"],
    ["a tag that is a number", '"1.4.0"', "1.4"],
    ["automation misspelt", "policy: {", "policy: { automation: on,"],
    [
      "an interval without unit",
      "shared-authority:follow: tags",
      "shared-authority:follow: tags\n  shared-authority:intervals: { source: 60 }",
    ],
    ["applications", "  shared-authority:tenants:", "  shared-authority:applications: {}\n  shared-authority:tenants:"],
    ["a port that is none", "tag:", "network: { ingress: [{ namespaces: [a], ports: [0] }] }\n      tag:"],
  ];
  for (const [title, from, to] of typical) {
    it(`refuses ${title}`, () => {
      assert.ok(goodStack.includes(from));
      assert.notDeepEqual(check(goodStack.replace(from, () => to)), []);
    });
  }
});
