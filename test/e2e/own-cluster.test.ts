import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectLab, labVariables } from "../lab/connect";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";
import { useLab } from "./support/lab";

/** A story with commits by Flux, and a team's daily work. Together they use all features of such a cluster. */
const stories = ["story-tag-without-image", "isolation-daily-work"];

describe("a user's own cluster", () => {
  const directory = temporaryDirectory();
  const addresses = {
    AUTHORITY_E2E_REGISTRY: "http://localhost:5001",
    AUTHORITY_E2E_GIT: "https://git.example.com/e2e/",
  };

  function kubeconfig(): string {
    const path = join(directory(), "kubeconfig");
    writeFileSync(
      path,
      JSON.stringify({
        clusters: [{ name: "kind", cluster: { server: "https://127.0.0.1:6443" } }],
        users: [{ name: "kind", user: { token: "token" } }],
        contexts: [{ name: "kind", context: { cluster: "kind", user: "kind" } }],
        "current-context": "kind",
      }),
    );
    return path;
  }

  it("is selected by the environment, without control over its processes", () => {
    const lab = connectLab({ KUBECONFIG: kubeconfig(), ...addresses });
    assert.equal(lab?.apiUrl, "https://127.0.0.1:6443");
    assert.equal(lab.registryHost, "localhost:5001");
    assert.equal(lab.gitUrl, "https://git.example.com/e2e");
    assert.deepEqual([lab.control, lab.gitRoot], [undefined, undefined]);
  });

  it("is not selected by KUBECONFIG alone", () => {
    assert.equal(connectLab({ KUBECONFIG: kubeconfig() }), undefined);
  });

  it("needs all variables, with valid URLs", () => {
    assert.throws(() => connectLab({ ...addresses }), /needs KUBECONFIG, AUTHORITY_E2E_REGISTRY and AUTHORITY_E2E_GIT/);
    const environment = { KUBECONFIG: kubeconfig(), ...addresses };
    assert.throws(
      () => connectLab({ ...environment, AUTHORITY_E2E_REGISTRY: "localhost:5001" }),
      /AUTHORITY_E2E_REGISTRY is localhost:5001; it must be a URL/,
    );
    assert.throws(() => connectLab({ ...environment, KUBECONFIG: "/none" }), /this file does not exist/);
  });
});

/** Uses the shared lab only through its kubeconfig, registry and Git host. */
describe("the stories on a user's own cluster", () => {
  const opened = useLab();

  for (const story of stories) {
    it(`pass: ${story}`, async () => {
      const { lab } = opened();
      const environment = {
        ...process.env,
        [labVariables.lab]: undefined,
        [labVariables.registry]: lab.registryUrl,
        [labVariables.git]: lab.gitUrl,
        KUBECONFIG: lab.kubeconfigPath,
      };
      const output = await mocha(join("test", "e2e", `${story}.test.ts`), environment);
      assert.match(output, /^[1-9]\d* passed, 0 failed$/m, output);
    });
  }
});

/** @returns the output, even if it fails */
function mocha(file: string, env: NodeJS.ProcessEnv): Promise<string> {
  const parameters = [require.resolve("mocha/bin/mocha.js"), "--config", ".mocharc.e2e.json", file];
  return new Promise((resolve) => {
    execFile(process.execPath, parameters, { cwd: projectRoot, env }, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}
