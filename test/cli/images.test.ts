import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { authority } from "./command-line";
import { running, scratchWorld, tagsStack } from "./scratch-world";

describe("authority images", () => {
  const world = scratchWorld();

  const images = (...args: readonly string[]) =>
    authority(["images", "--stack", "prod", ...args], { cwd: world().root });

  beforeEach(() => world().write({ "Pulumi.prod.yaml": tagsStack(world().tenant(...running("1.0.0"))) }));

  it("prints the policy with both bindings for an administrator, without a cluster", async () => {
    const { code, stdout } = await images("--policy");
    assert.equal(code, 0);
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as Record<string, unknown>);
    assert.deepEqual(
      documents.map(({ kind }) => kind),
      ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicyBinding"],
    );
  });

  it("needs a cluster by name: the shell's current one may be another", async () => {
    const { code, stderr } = await images();
    assert.equal(code, 2);
    assert.match(stderr, /Pulumi\.prod\.yaml names no cluster .* `--context` or `--kubeconfig`/);
  });

  it("reports a cluster that cannot be read", async () => {
    world().write({ kubeconfig: '{"clusters": []}' });
    const { code, stderr } = await images("--kubeconfig", "kubeconfig");
    assert.equal(code, 3);
    assert.match(stderr, /Cannot read the cluster: the kubeconfig has no current context/);
  });
});
