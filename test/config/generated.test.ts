import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { parse } from "yaml";
import { stackFileJsonSchema } from "../../src/config/configuration-reference";
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

describe("stack.schema.json", () => {
  const accepts = new Ajv({ strict: true, allowUnionTypes: true }).compile(JSON.parse(stackFileJsonSchema()) as object);

  for (const stack of listStacks(".")) {
    const text = readFileSync(`Pulumi.${stack}.yaml`, "utf8");
    it(`accepts the committed stack ${stack}, which names it in its first line`, () => {
      assert.ok(accepts(parse(text)), JSON.stringify(accepts.errors));
      assert.equal(text.split("\n")[0], "# yaml-language-server: $schema=./stack.schema.json");
    });
  }

  it("accepts the config of others", () => {
    assert.ok(accepts(parse(`${goodStack}  kubernetes:context: lab\n`)));
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
    ["a port that is none", "tag:", "network: { ingress: [{ namespaces: [a], ports: [0] }] }\n      tag:"],
  ];
  for (const [title, from, to] of typical) {
    it(`refuses ${title}`, () => {
      assert.ok(goodStack.includes(from));
      assert.equal(accepts(parse(goodStack.replace(from, () => to))), false);
    });
  }
});
