import assert from "node:assert/strict";
import { providerAdoptsExisting } from "./support/provider";
import { join } from "node:path";
import type { Application } from "./support/application";
import { disturbUp } from "./support/disturbed-up";
import { FaultyProxy, type ProxiedRequest } from "./support/faulty-proxy";
import { openStackFile } from "./support/stack-file";
import { assertWhole, objectsInCluster, objectsInState } from "./support/inventory";
import { requireControl, useOwnLab } from "./support/lab";
import { said, useFixture } from "./support/fixture";
import { runTold, toldCommands } from "./support/told-commands";

const takeOver = "PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true npx authority up ";

/** The instructions in the error message. */
const advice =
  /Everything that was created before is in the state\. When `kubectl get --raw \/readyz` prints `ok`, run `npx authority up --stack prod` again/;
/** The same of `authority up`, which deletes with `pulumi destroy`: that runs no program. */
const keptAdvice =
  /Not deleted, for the reason that `pulumi destroy` reports above:[^]*The next `authority up` tries again/;
const internalError = /Internal error occurred: the proxy says so/;

/** Failures of the API server during an `up`: a kill, overload, errors, lost responses. */
describe("an API server failure during an `up`", () => {
  const opened = useOwnLab();
  const fixture = useFixture(opened);
  const tags = new Map<Application, string>();
  let proxy: FaultyProxy;
  let first: Application;
  let second: Application;
  let file: Awaited<ReturnType<typeof openStackFile>>;

  before(async () => {
    proxy = await FaultyProxy.start(opened().lab.kubeconfigPath);
    const kubeconfig = join(fixture().project.directory, "..", "kubeconfig");
    proxy.writeKubeconfig(kubeconfig);
    first = await fixture().application("6.13.0");
    second = await fixture().application("6.13.0");
    await fixture().addStack("prod", {
      sourceTimeout: "10s",
      tenants: [first, second].map((application) => ({ application, tag: "6.13.0", lines: ["team: [developers]"] })),
    });
    await fixture().edit("prod", "Through the proxy", (text) => text.replace(/(kubeconfig: ).*/, `$1${kubeconfig}`));
    file = await openStackFile(fixture(), "prod", [first, second]);
  });

  after(() => proxy.close());

  afterEach(() => {
    proxy.decide = () => "passed";
  });

  const names = () => [first.name, second.name];

  /** Runs `up` again. If it reports that an object exists, follows its instructions. */
  async function heal(): Promise<void> {
    let healed = await fixture().authorityUp("prod");
    for (const command of toldCommands(said(healed), takeOver)) {
      healed = await runTold(fixture(), command);
    }
    assert.equal(healed.code, 0, said(healed));
    await assertWhole(fixture(), "prod", names());
  }

  it("by a kill: the `up` fails with instructions, and the next one after the restart creates the missing objects", async function () {
    const control = requireControl(this, opened().lab);
    tags.set(first, "6.13.0");
    await file.declare(tags);
    let [writes, killed] = [0, Promise.resolve()];
    proxy.decide = async (request) => {
      // This request fails for certain. Others may have been answered, or lose their answer.
      if (isWrite(request) && ++writes === 6) killed = control.kill("kube-apiserver");
      await killed;
      return "passed" as const;
    };
    // Not after the `up`: the provider may wait without a limit until it can list the sources.
    const result = await disturbUp(fixture(), "prod", { seen: "engine", work: "failed", count: 1 }, () =>
      control.restart("kube-apiserver"),
    );
    assert.ok(result.disturbed, said(result));
    assert.notEqual(result.code, 0, said(result));
    assert.match(said(result), /connection refused|ECONNREFUSED|EOF|connection reset/);
    // On a slow machine it comes after the HelmRelease, whose message has no rest to deploy.
    assert.match(said(result), /When `kubectl get --raw \/readyz` prints `ok`, run /);
    await heal();
    assert.equal(await fixture().runningImage(first), `${first.image}:6.13.0`);
  });

  it("by overload: the `up` takes longer and succeeds", async () => {
    tags.set(second, "6.13.0");
    await file.declare(tags);
    proxy.decide = ({ index }) => (index % 4 === 0 ? "too many requests" : "passed");
    const result = await fixture().tryUp("prod", "--skip-preview");
    assert.equal(result.code, 0, said(result));
    assert.ok(proxy.counts["too many requests"] > 5);
    await assertWhole(fixture(), "prod", names());
  });

  it("by errors on deletion and creation: each `up` fails with instructions, and the next one completes the change", async () => {
    // Fails permanently, because the provider retries deletions for a while.
    proxy.decide = fromSecondOn("DELETE");
    tags.delete(second);
    await file.declare(tags);
    const deletion = await fixture().authorityUp("prod");
    assert.notEqual(deletion.code, 0, said(deletion));
    assert.match(said(deletion), internalError);
    assert.match(said(deletion), keptAdvice);
    proxy.decide = () => "passed";
    await heal();

    proxy.decide = fromSecondOn("POST", "PATCH");
    tags.set(second, "6.13.0");
    await file.declare(tags);
    const creation = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(creation.code, 0, said(creation));
    assert.match(said(creation), internalError);
    assert.match(said(creation), advice);
    proxy.decide = () => "passed";
    await heal();
  });

  it("by a lost response to a creation: the next `up` explains how to adopt the object", async () => {
    tags.delete(second);
    await file.declare(tags);
    await heal();
    tags.set(second, "6.13.0");
    await file.declare(tags);
    let lost = false;
    proxy.decide = ({ method, path }) => {
      const meant =
        !lost && ["POST", "PATCH"].includes(method) && path.includes("/imagepolicies") && !path.includes("dryRun");
      if (meant) lost = true;
      return meant ? "answer lost" : "passed";
    };
    const result = await fixture().tryUp("prod", "--skip-preview");
    assert.ok(lost);
    if (await providerAdoptsExisting()) {
      await heal();
      return;
    }
    assert.notEqual(result.code, 0);
    assert.match(said(result), advice);
    const orphan = `ImagePolicy ${fixture().authorityNamespace}/${second.name}`;
    assert.ok((await objectsInCluster(fixture(), names())).includes(orphan));
    assert.ok(!(await objectsInState(fixture(), "prod")).includes(orphan));
    const next = await fixture().authorityUp("prod");
    assert.notEqual(next.code, 0);
    assert.match(said(next), new RegExp(`${orphan} already exists`));
    assert.match(said(next), /`pulumi up` failed\. docs\/recovery\.md explains its messages and what to do/);
    assert.equal(toldCommands(said(next), takeOver).length, 1);
    await heal();
  });
});

/** The first one succeeds, so that the `up` is partly done. */
function fromSecondOn(...methods: readonly string[]): FaultyProxy["decide"] {
  let writes = 0;
  return (request) => (methods.includes(request.method) && isWrite(request) && writes++ >= 1 ? "failed" : "passed");
}

/** The check before an `up` asks for its rights with a POST, which writes nothing. */
function isWrite({ method, path }: ProxiedRequest): boolean {
  return method !== "GET" && !path.includes("dryRun") && !path.includes("/authorization.k8s.io/");
}
