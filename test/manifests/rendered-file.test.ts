import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { openEngineSession } from "../../demo/engine-session";
import type { KubernetesObject } from "../../src/manifests/object";
import { renderedFile } from "../../src/manifests/rendered-file";
import { temporaryDirectory } from "../support/directory";
import { requireEngine } from "../support/pulumi";
import { requireTools } from "../support/tools";
import { awkwardObject, awkwardText, awkwardTexts } from "./awkward-text";

const nodeModules = join(__dirname, "../../node_modules");

/** Registers each object of objects.json with a provider that renders. */
const program = `
const { ConfigMap, Namespace } = require("@pulumi/kubernetes/core/v1");
const { CustomResource } = require("@pulumi/kubernetes/apiextensions/customResource");
const { CustomResourceDefinition } = require("@pulumi/kubernetes/apiextensions/v1");
const { Provider } = require("@pulumi/kubernetes/provider");
const provider = new Provider("rendering", { renderYamlToDirectory: "rendered" });
const own = { ConfigMap, CustomResourceDefinition, Namespace };
for (const object of require("./objects.json")) {
  const { name, namespace } = object.metadata;
  new (own[object.kind] ?? CustomResource)(object.kind + "/" + namespace + "/" + name, object, { provider });
}
`;

const definition: KubernetesObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "tests.example.com" },
  spec: {
    group: "example.com",
    names: { kind: "Test", plural: "tests" },
    scope: "Namespaced",
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};

/** The objects of a folder, as kubectl reads them: some texts of the provider are texts to Go's YAML reader only. */
function readByKubectl(folder: string): unknown[] {
  const arguments_ = ["label", "--local", "--recursive", "--filename", folder, "read=back", "--output", "json"];
  const printed = execFileSync("kubectl", arguments_, { encoding: "utf8", maxBuffer: 64 << 20 });
  // The engine drops properties that are null.
  const withoutNull = (_key: string, value: unknown) => value ?? undefined;
  return printed.split(/(?<=^\})\n(?=\{)/m).map((object) => JSON.parse(object, withoutNull) as unknown);
}

/** Texts as the data of ConfigMaps, and any plain value as the spec of custom resources. */
function awkwardManifests(): KubernetesObject[] {
  const texts = [...awkwardTexts, ...fc.sample(awkwardText, 600)];
  const maps = Array.from({ length: Math.ceil(texts.length / 20) }, (_, map) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `texts-${map}`, namespace: "flux-system" },
    immutable: true,
    data: Object.fromEntries(texts.slice(map * 20, map * 20 + 20).map((text, index) => [`text-${index}`, text])),
  }));
  // The provider's printer writes a text that ends in a line of blanks so that it is read with one more line, and the
  // key `<<` so that it is read as a merge.
  const printable = awkwardObject.filter((spec) => !/\\n[ \u0085\u2028\u2029]+"|"<<":/.test(JSON.stringify(spec)));
  const specs = fc.sample(printable, 60).map((spec, index) => ({
    apiVersion: "example.com/v1",
    kind: "Test",
    metadata: { name: `spec-${index}`, namespace: "flux-system" },
    spec,
  }));
  return [definition, { apiVersion: "v1", kind: "Namespace", metadata: { name: "podinfo" } }, ...maps, ...specs];
}

describe("renderedFile", () => {
  const directory = temporaryDirectory();

  it("gives the path and the object that the provider writes", async function () {
    this.timeout(180_000);
    requireTools(this, "kubectl");
    const engine = await requireEngine(this);
    const objects = awkwardManifests();
    const project = join(directory(), "project");
    mkdirSync(project);
    symlinkSync(nodeModules, join(project, "node_modules"));
    writeFileSync(join(project, "Pulumi.yaml"), "name: rendering\nruntime: nodejs\nmain: program.js\n");
    writeFileSync(join(project, "program.js"), program);
    writeFileSync(join(project, "objects.json"), JSON.stringify(objects));

    const session = openEngineSession(engine, directory());
    for (const parameters of [
      ["stack", "init", "test"],
      ["up", "--yes", "--skip-preview", "--suppress-outputs"],
    ]) {
      const { code, stdout, stderr } = await session.run(parameters, { directory: project });
      assert.equal(code, 0, stdout + stderr);
    }

    const rendered = join(project, "rendered");
    const paths = readdirSync(rendered, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).slice(rendered.length + 1));
    const files = objects.map(renderedFile);
    assert.deepEqual(paths.sort(), files.map(({ path }) => path).sort());
    for (const { path, content } of files) {
      mkdirSync(dirname(join(directory(), "ours", path)), { recursive: true });
      writeFileSync(join(directory(), "ours", path), content);
    }
    const written = readByKubectl(rendered);
    readByKubectl(join(directory(), "ours")).forEach((object, index) => assert.deepEqual(object, written[index]));
    assert.equal(written.length, files.length);
  });

  it("puts definitions into a folder that is applied first", () => {
    assert.equal(
      renderedFile(definition).path,
      "0-crd/apiextensions.k8s.io_v1-customresourcedefinition-default-tests.example.com.yaml",
    );
  });
});
