import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { devDependencies, engines, peerDependencies } from "../../package.json";
import { imageAdmissionObjects } from "../../src/manifests/image-admission";
import { exampleEvidence, manifestsOf } from "../manifests/example-stack";
import { projectRoot } from "../support/project";
import { lacks } from "../support/tools";

const read = (...path: readonly string[]) => readFileSync(join(projectRoot, ...path), "utf8");

/** The cells of the first table, by row. */
function matrix(): Map<string, readonly string[]> {
  const [table = ""] = /(?:^\|.*\n)+/m.exec(read("docs", "platforms.md")) ?? [];
  const rows = table.split("\n").map((row) => row.split("|").map((cell) => cell.trim()));
  return new Map(rows.map(([, name = "", ...cells]) => [name, cells]));
}

/** Asserts that a row names each version. */
function names(row: string, cell: "needed" | "tested", ...versions: readonly string[]): void {
  const text = matrix().get(row)?.[cell === "needed" ? 0 : 1] ?? "";
  const known: readonly string[] = text.match(/[\^>=]*\d+(?:\.\d+)+|[\^>=]+\d+/g) ?? [];
  for (const version of versions)
    assert.ok(known.includes(version), `${row}, ${cell}: ${text} does not name ${version}`);
}

describe("the table of platforms", () => {
  const sdk = devDependencies["@pulumi/pulumi"];
  const kubernetes = devDependencies["@pulumi/kubernetes"];

  it("names what package.json needs, and what the suite installs", () => {
    names("Pulumi", "needed", peerDependencies["@pulumi/pulumi"], peerDependencies["@pulumi/kubernetes"]);
    names("Pulumi", "tested", sdk, kubernetes);
    names("Node", "needed", engines.node);
  });

  it("names the Node that the pipeline runs", () => {
    names("Node", "tested", /^current_node=(.*)$/m.exec(read(".ci", "run"))?.[1] ?? "none");
  });

  it("names the programs that the tests run", function () {
    const { AUTHORITY_TOOLS: tools } = process.env;
    if (tools === undefined) lacks(this, "needs the programs of the lab: AUTHORITY_TOOLS is not set");
    const versionOf = (program: string, ...args: readonly string[]) =>
      /\d+\.\d+\.\d+/.exec(execFileSync(join(tools, "bin", program), args, { encoding: "utf8" }))?.[0] ?? "none";
    names("Kubernetes", "tested", versionOf("kube-apiserver", "--version"));
    names("Pulumi", "tested", versionOf("pulumi", "version"));
  });

  it("has the API version of every object", () => {
    const admission = imageAdmissionObjects("prod", { authorityNamespace: "flux-system", modes: ["deny"] });
    const receiver = { type: "github", secretName: "webhook" } as const;
    const alerts = { type: "slack", secretName: "slack", eventSeverity: "error" } as const;
    const ofStack = manifestsOf({}, exampleEvidence, { receivers: { registry: receiver }, alerts });
    const objects = [...ofStack, ...admission.map(({ object }) => object)];
    const text = read("docs", "platforms.md");
    for (const { apiVersion, kind } of objects) {
      const expected = apiVersion.includes("toolkit.fluxcd.io")
        ? new RegExp(`^\\|.*\`${kind}\`.*\\| \`${apiVersion}\``, "m")
        : new RegExp(`\`${apiVersion}\``);
      assert.match(text, expected, `${kind} of ${apiVersion}`);
    }
  });
});
