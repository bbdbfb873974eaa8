import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { git } from "../../demo/git";
import { type GitServer, serveGit } from "../../demo/git-server";
import { reasonAgainst, rollBackFailures } from "../../src/cli/on-failure";
import { Session } from "../../src/cli/session";
import { Terminal } from "../../src/cli/terminal";
import { emergencyVariable } from "../../src/config/emergency";
import { readStackConfig } from "../../src/config/read-stack-config";
import type { Policy, Tenant } from "../../src/config/stack-config";
import { failedRelease } from "../../src/program/failed-releases";
import type { NotRunning } from "../../src/program/release-watch";
import { readDecisions } from "../../src/release/decision-history";
import { readLock } from "../../src/release/lock";
import { temporaryDirectory } from "../support/directory";
import { Capture } from "./command-line";
import { decisionWorld } from "./decision-world";

/** What Flux says about a HelmRelease that this `up` has changed. */
function notRunning(message: string, more: Partial<NotRunning> & { readonly suspend?: boolean } = {}): NotRunning {
  const { suspend, ...rest } = more;
  const ready = { type: "Ready", status: "False", reason: "UpgradeFailed", message, observedGeneration: 2 };
  const metadata = { name: "shop", namespace: "flux-system", uid: "1", generation: 2 };
  const live = { metadata, spec: { suspend }, status: { conditions: [ready] } };
  return { live, isChanged: true, hasGivenUp: true, ...rest };
}

const failed = (message = "timed out") => failedRelease("shop", notRunning(message), true);

describe("policy.onFailure", () => {
  const { world, stackFile, ownGit, decided, trailers } = decisionWorld();
  const directory = temporaryDirectory();
  let host: GitServer;
  let remote: string;

  beforeEach(async () => {
    host = await serveGit({ root: directory(), allowPush: true });
    remote = join(directory(), "shared.git");
    await ownGit("remote", "add", "origin", `${host.url}/shared.git`);
    await decide(stackFile().replace("automation: auto", "automation: auto, onFailure: rollback"));
    await decided("promote", "shop", "1.1.0");
    await ownGit("push", "--quiet", "--set-upstream", "origin", "main");
  });
  afterEach(() => host.close());

  async function decide(text: string): Promise<void> {
    const named = text.replace("https://git.example.com/shared", `${host.url}/shared.git`);
    world().write({ "Pulumi.prod.yaml": named });
    await ownGit("commit", "--quiet", "--all", "--message", "Decide");
  }

  const config = () => readStackConfig({ root: world().root, stack: "prod" });

  /** What an `up` does after its engine has failed. */
  async function afterUp(failure = failed(), typed?: readonly string[]): Promise<{ isDue: boolean; said: string }> {
    const isTTY = typed !== undefined;
    const [stdout, stderr] = [new Capture(isTTY), new Capture(isTTY)];
    const stdin = typed && Object.assign(Readable.from(typed.map((line) => `${line}\n`)), { isTTY });
    const { root } = world();
    const session = new Session(root, new Terminal({ stdin, stdout, stderr, env: {}, cwd: () => root }));
    const failures = { config: config(), failed: [failure], before: new Map([["shop", "1.0.0"]]) };
    const isDue = await rollBackFailures(failures, false, session);
    return { isDue, said: stdout.text + stderr.text };
  }

  /** Nothing is committed, and the reason is told. */
  async function isNotRolledBack(reason: RegExp, failure = failed(), typed?: readonly string[]): Promise<string> {
    const before = await Promise.all([ownGit("rev-parse", "HEAD"), git({ directory: remote }, "rev-parse", "main")]);
    const { isDue, said } = await afterUp(failure, typed);
    assert.match(said, reason);
    assert.equal(isDue, false);
    const after = await Promise.all([ownGit("rev-parse", "HEAD"), git({ directory: remote }, "rev-parse", "main")]);
    assert.deepEqual(after, before);
    assert.equal(await ownGit("status", "--porcelain"), "");
    return said;
  }

  /** Somebody else pushes a commit of this clone's tip with another content of a file. */
  async function pushedByOthers(path: string, change: (text: string) => string): Promise<string> {
    const clone = join(directory(), "clone");
    await git({ directory: directory() }, "clone", "--quiet", `${host.url}/shared.git`, clone);
    writeFileSync(join(clone, path), change(await git({ directory: clone }, "show", `HEAD:${path}`)));
    await git({ directory: clone }, "commit", "--quiet", "--all", "--message", "Others");
    await git({ directory: clone }, "push", "--quiet", "origin", "main");
    return git({ directory: clone }, "rev-parse", "HEAD");
  }

  it("makes the commit of a rollback, cites Flux, and pushes it, also from a clone without a branch", async () => {
    await ownGit("checkout", "--quiet", "--detach");
    const { isDue, said } = await afterUp(failed("a pod\nReason: forged \u001b[31m"));
    assert.equal(isDue, true, said);
    assert.equal(await git({ directory: remote }, "rev-parse", "main"), await ownGit("rev-parse", "HEAD"));
    assert.match(stackFile(), /tag: "1\.0\.0" # pinned/);
    assert.match(
      stackFile(),
      /onFailure: rollback, deny: \["1\.1\.0"\], pin: \{reason: "rollback from 1\.1\.0: did not /,
    );
    assert.match(said, /^Pushed to the branch main of origin\.$/m);
    assert.doesNotMatch(said, /git push/);
    const message = await ownGit("log", "-1", "--format=%B");
    assert.match(
      message,
      /\n\nFlux reports:\n- Ready=False UpgradeFailed: a pod Reason: forged \\u001b\[31m\n\nTenant: shop\n/,
    );
    assert.equal((await trailers()).Reason, "did not become ready");
    assert.equal((await trailers()).By, "authority up");
    // The `up` that deploys this commit may fail as well.
    await isNotRolledBack(/1\.0\.0 ran before, so the version is not the cause/);
  });

  it("makes it on top of what others have pushed meanwhile", async () => {
    const theirs = await pushedByOthers("README.md", () => "theirs\n");
    const { isDue, said } = await afterUp();
    assert.equal(isDue, true, said);
    assert.equal(await git({ directory: remote }, "rev-parse", "main^"), theirs);
  });

  it("does nothing if others have decided meanwhile, and nothing on another branch", async () => {
    await ownGit("commit", "--quiet", "--allow-empty", "--message", "A branch");
    await isNotRolledBack(
      /HEAD is not on the branch main of origin\. Instead: `git pull --ff-only`, `authority rollback shop /,
    );
    await ownGit("reset", "--quiet", "--hard", "HEAD^");
    await pushedByOthers("Pulumi.prod.yaml", (text) => text.replace('tag: "1.1.0"', 'tag: "1.0.0"'));
    const { isDue, said } = await afterUp();
    assert.equal(isDue, false);
    assert.match(said, /the branch main of origin has decided otherwise about shop meanwhile/);
  });

  it("takes the commit back if the branch refuses it, and says what to run", async () => {
    const hook = join(remote, "hooks", "pre-receive");
    writeFileSync(hook, "#!/bin/sh\necho 'main is protected' >&2\nexit 1\n");
    chmodSync(hook, 0o755);
    const said = await isNotRolledBack(
      /origin refused the commit for the branch main, and it is taken back here: .*protected/,
    );
    assert.match(
      said,
      /Instead: `git pull --ff-only`, `authority rollback shop --to 1\.0\.0 --stack prod --reason "did not become ready" --push`, `authority up --stack prod`\.\n$/,
    );
  });

  it("asks a person", async () => {
    await isNotRolledBack(
      /Commit this \(y or n\)\?.*\n.*shop: not rolled back \(`policy\.onFailure`\): nothing was committed\. Instead: /s,
      failed(),
      ["n"],
    );
    assert.equal((await afterUp(failed(), ["y"])).isDue, true);
  });

  it("says that Git has no author for the commit", async () => {
    await ownGit("config", "user.name", "");
    await isNotRolledBack(/not rolled back .*`git commit` failed: .*empty ident name/);
  });

  it("is for those who ask for it", async () => {
    await decide(stackFile().replace("onFailure: rollback", "onFailure: none"));
    assert.deepEqual(await afterUp(), { isDue: false, said: "" });
  });

  it("is once for a version: a person who allows it again decides that it runs", async () => {
    assert.equal((await afterUp()).isDue, true);
    for (const args of [["unpin"], ["allow", "1.1.0"], ["promote", "1.1.0"]]) {
      const [verb = "", ...more] = args;
      await decided(verb, "shop", ...more);
    }
    await ownGit("push", "--quiet");
    await isNotRolledBack(/1\.1\.0 was denied before, and a person has allowed it again/);
  });

  it("is once for a version, although the merge of a pull hides the first time", async () => {
    const promoted = await ownGit("rev-parse", "HEAD");
    assert.equal((await afterUp()).isDue, true);
    await ownGit("revert", "--no-edit", "HEAD");
    await ownGit("checkout", "--quiet", "-b", "own", promoted);
    await ownGit("commit", "--quiet", "--allow-empty", "--message", "Own");
    await ownGit("merge", "--quiet", "--no-edit", "main");
    await ownGit("push", "--quiet", "origin", "own:main");
    await isNotRolledBack(/1\.1\.0 was rolled back before, and a person has decided it again/);
  });

  it("needs the history", async () => {
    const { root } = world();
    const clone = join(directory(), "shallow");
    await git({ directory: directory() }, "clone", "--quiet", "--depth=1", `${host.url}/shared.git`, clone);
    const [tenant] = config().tenants;
    assert.ok(tenant);
    const known = { before: "1.0.0", lock: readLock(root), history: await readDecisions(clone, "prod"), rollbacks: [] };
    assert.match(reasonAgainst(tenant, failed(), known) ?? "", /this clone is shallow.*fetch-depth: 0/);
  });

  describe("does not take for the version's fault, or for its own decision", () => {
    const reason = async (
      failure = failed(),
      { policy = {}, before = "1.0.0" }: { policy?: Partial<Policy>; before?: string | null } = {},
    ): Promise<string | undefined> => {
      const { root } = world();
      const [shop] = config().tenants;
      const tenant: Tenant = { ...shop!, policy: { ...shop!.policy, ...policy } };
      const history = await readDecisions(root, "prod");
      const known = { before: before ?? undefined, lock: readLock(root), history, rollbacks: [] };
      return reasonAgainst(tenant, failure, known);
    };
    const doubtful = (more: Parameters<typeof notRunning>[1], isKnown = true) =>
      failedRelease("shop", notRunning("x", more), isKnown);
    const by = { by: "Ana", reason: "audit" };

    it("a failure that nothing speaks against is due", async () => assert.equal(await reason(), undefined));
    it("a cluster that does not answer", async () => {
      assert.match(
        (await reason(doubtful({ error: new Error("lost") }))) ?? "",
        /cannot read what runs in the cluster/,
      );
      assert.match((await reason(doubtful({}, false))) ?? "", /cannot read what runs in the cluster/);
    });
    it("a release that this `up` did not change", async () =>
      assert.match((await reason(doubtful({ isChanged: false }))) ?? "", /did not change it, and it failed before/));
    it("a release that is suspended, or that Flux has not tried", async () => {
      assert.match((await reason(doubtful({ suspend: true }))) ?? "", /somebody has suspended it/);
      assert.match((await reason(doubtful({ live: undefined }))) ?? "", /Flux had not tried it/);
    });
    it("the first release", async () =>
      assert.match((await reason(failed(), { before: null })) ?? "", /no version of it has run before/));
    it("other values of the same version", async () =>
      assert.match((await reason(failed(), { before: "1.1.0" })) ?? "", /1\.1\.0 ran before.*such as values/));
    it("a step back", async () =>
      assert.match((await reason(failed(), { before: "1.5.0" })) ?? "", /1\.1\.0 is itself a step back from 1\.5\.0/));
    it("a pinned or held tenant", async () => {
      for (const policy of [{ pin: by }, { hold: by }]) {
        assert.match((await reason(failed(), { policy })) ?? "", /Ana has decided that 1\.1\.0 stays: audit/);
      }
    });
    it("a version that the lock lacks", async () =>
      assert.match((await reason(failed(), { before: "1.0.5" })) ?? "", /lacks the evidence of 1\.0\.5/));
    it("an emergency", async () => {
      process.env[emergencyVariable] = "issue 123";
      try {
        assert.match((await reason()) ?? "", /not done automatically in an emergency/);
      } finally {
        Reflect.deleteProperty(process.env, emergencyVariable);
      }
    });
  });
});
