import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineConfigProblems, stackConfigOfEngine } from "../../src/config/engine-config";
import { describeProblem } from "../../src/config/problem";
import { parseProjectFile, parseStackFile } from "../../src/config/stack-file";
import { temporaryDirectory } from "../support/directory";

describe("engineConfigProblems", () => {
  const stack = parseStackFile(
    "prod",
    `config:
  kubernetes:context: lab
  shared-authority:follow: tags
  shared-authority:tenants:
    shop: { tag: "1.4.0", quota: { pods: 20 }, team: [a, "<b>"] }
`,
  );
  const project = parseProjectFile(`name: scratch
config:
  shared-authority:defaults: { value: { branch: main } }
`);
  const files = { root: ".", stack, project };
  // As Pulumi 3.259 gives it: keys sorted, `<` escaped.
  const config = {
    "kubernetes:context": "lab",
    "shared-authority:defaults": '{"branch":"main"}',
    "shared-authority:follow": "tags",
    "shared-authority:tenants": '{"shop":{"quota":{"pods":20},"tag":"1.4.0","team":["a","\\u003cb\\u003e"]}}',
  };

  function lines(changed: Readonly<Record<string, string>>): string[] {
    return engineConfigProblems(files, changed).map(describeProblem);
  }

  it("finds nothing where the engine has what the stack file has", () => {
    assert.deepEqual(lines(config), []);
  });

  it("finds a value that was given on the command line, without printing it", () => {
    const [line, ...others] = lines({ ...config, "shared-authority:follow": "hunter2" });
    assert.match(
      line ?? "",
      /^Pulumi\.prod\.yaml:3:3: shared-authority:follow: The engine has another value.*commit it/,
    );
    assert.doesNotMatch(line ?? "", /hunter2/);
    assert.deepEqual(others, []);
  });

  it("finds a value deep in a mapping, and a text in the place of a number", () => {
    for (const [from, to] of [
      ["1.4.0", "1.5.0"],
      ["20", '"20"'],
      ['"a",', ""],
    ] as const) {
      const changed = config["shared-authority:tenants"].replace(from, to);
      assert.match(
        lines({ ...config, "shared-authority:tenants": changed })[0] ?? "",
        /:4:3: shared-authority:tenants/,
      );
    }
  });

  it("finds a key that only one of the two has", () => {
    const without = {
      "shared-authority:defaults": config["shared-authority:defaults"],
      "shared-authority:tenants": config["shared-authority:tenants"],
    };
    assert.match(lines(without)[0] ?? "", /does not have this key/);
    assert.match(
      lines({ ...config, "shared-authority:branch": "main" })[0] ?? "",
      /shared-authority:branch: The engine has this key/,
    );
  });

  it("does not care for the config of others, and takes no text that is not JSON", () => {
    assert.deepEqual(lines({ ...config, "kubernetes:context": "prod", "other:x": "y" }), []);
    assert.equal(lines({ ...config, "shared-authority:tenants": "{" }).length, 1);
  });
});

describe("stackConfigOfEngine", () => {
  const directory = temporaryDirectory();

  it("refuses a project whose own plugins would replace the provider or the policy pack", () => {
    const engine = { "shared-authority:follow": "tags" };
    writeFileSync(join(directory(), "Pulumi.yaml"), "name: scratch\nruntime: nodejs\n");
    assert.deepEqual(stackConfigOfEngine("prod", engine, directory()).tenants, []);
    writeFileSync(join(directory(), "Pulumi.yaml"), "plugins: { providers: [{ name: kubernetes, path: ./mine }] }\n");
    assert.throws(() => stackConfigOfEngine("prod", engine, directory()), /The key `plugins` is refused/);
  });
});
