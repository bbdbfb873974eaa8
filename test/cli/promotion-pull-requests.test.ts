import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { git } from "../../demo/git";
import type { StackPromotions } from "../../src/cli/promotions";
import { temporaryDirectory } from "../support/directory";
import { temporaryEnvironment } from "../support/environment";
import type { StoredPullRequest } from "../support/git-host/repository";
import { type HostedRepository, StandInHost } from "../support/git-host/stand-in";
import { authority } from "./command-line";
import { fluxBranch, PromotionWorld, shopBranch } from "./promotion-world";
import { scratchWorld } from "./scratch-world";

const app = { login: "authority[bot]", token: "app-token", pushesToMain: true, isApp: true };
const ana = { login: "ana", token: "ana-token" };
const person = { name: "Ana", email: "ana@example.com" };
const name = "acme/shared";

/** The pull request of a version is `#1` on GitHub and `!1` on GitLab. */
for (const [kind, sign] of [
  ["github", "#"],
  ["gitlab", "!"],
] as const) {
  describe(`authority promotions --pull-requests (${kind})`, () => {
    const world = scratchWorld();
    const directory = temporaryDirectory();
    const setEnvironment = temporaryEnvironment();
    let host: StandInHost;
    let shared: HostedRepository;
    let promotion: PromotionWorld;

    beforeEach(async () => {
      host = await StandInHost.start({ kind, directory: directory(), users: [app, ana], requiredApprovals: 1 });
      shared = await host.createRepository(name);
      const remote = { url: host.cloneUrl(name, app.token), directory: shared.directory };
      promotion = await PromotionWorld.begin(world(), remote, directory());
      setEnvironment(host.environment(name, app.token));
      // Both tenants have their entries, and only shop is promoted.
      await promotion.fluxFinds({ shop: "1.1.0" });
    });
    afterEach(() => host.close());

    async function run(code = 0): Promise<StackPromotions> {
      const outcome = await authority(["promotions", "--stack", "prod", "--push", "--pull-requests", "--json"], {
        cwd: world().root,
      });
      assert.equal(outcome.code, code, outcome.stderr + outcome.stdout);
      assert.doesNotMatch(outcome.stdout + outcome.stderr, /app-token/);
      return (JSON.parse(outcome.stdout) as { stacks: StackPromotions[] }).stacks[0]!;
    }

    const states = ({ pullRequests = [] }: StackPromotions) =>
      pullRequests.map(({ branch, state, number }) => [branch, state, number]);
    const shown = ({ number, state, title, branch, base }: StoredPullRequest) => [number, state, title, branch, base];
    const commentsOn = (number: number) => shared.comments.filter(({ on }) => on === number).map(({ body }) => body);
    const pullRequest = (number: number) => shared.pullRequests.find((one) => one.number === number)!;

    it("opens one for a version, and only reads the second time", async () => {
      const first = await run();
      assert.deepEqual(states(first), [[shopBranch, "opened", 1]]);
      assert.equal(first.pullRequests?.[0]?.url?.startsWith(host.url), true);
      const title = "Promote shop from 1.0.0 to 1.1.0 in prod";
      assert.deepEqual(shared.pullRequests.map(shown), [[1, "open", title, shopBranch, "main"]]);
      assert.deepEqual(pullRequest(1).labels, ["promotion"]);
      assert.match(pullRequest(1).body, /\| From \| `1\.0\.0` \|\n\| To \| `1\.1\.0` \|/);
      host.requests.length = 0;
      assert.deepEqual(states(await run()), [[shopBranch, "unchanged", 1]]);
      assert.deepEqual(
        host.requests.filter((line) => !line.startsWith("GET ")),
        [],
      );
    });

    it("closes it and opens the next when a newer version is found, so that no approval carries over", async () => {
      await run();
      shared.approve(pullRequest(1), ana);
      await promotion.fluxFinds({ shop: "1.2.0" });
      const pushes = () => host.events.filter((event) => event.kind === "push" && event.ref.endsWith(shopBranch));
      assert.equal(pushes().length, 1);
      assert.deepEqual(states(await run()), [[shopBranch, "opened", 2]]);
      assert.deepEqual(
        shared.pullRequests.map(shown).map((one) => one.slice(0, 3)),
        [
          [1, "closed", "Promote shop from 1.0.0 to 1.1.0 in prod"],
          [2, "open", "Promote shop from 1.0.0 to 1.2.0 in prod"],
        ],
      );
      assert.deepEqual(commentsOn(1), [
        `${sign}2 replaces this pull request: Promote shop from 1.0.0 to 1.2.0 in prod.`,
      ]);
      // It was closed before the branch moved.
      const kinds = host.events.slice(host.events.indexOf(pushes()[0]!) + 1);
      const closed = kinds.findIndex((event) => event.kind === "pull_request" && event.action === "closed");
      assert.ok(closed >= 0 && closed < kinds.indexOf(pushes()[1]!));
      await assert.rejects(shared.merge(pullRequest(2), false, undefined, ana), /At least 1 approving review/);
      shared.approve(pullRequest(2), ana);
      await shared.merge(pullRequest(2), false, undefined, ana);
      const merged = await run();
      assert.deepEqual([merged.promotions[0]?.state, states(merged)], ["deleted", []]);
      assert.match(await shared.git("show", "main:Pulumi.prod.yaml"), /tag: "1\.2\.0"/);
    });

    it("keeps it for the same version on a newer main branch, and puts its texts right", async () => {
      await run();
      const { sha } = pullRequest(1);
      await promotion.commitMain("Other", { "README.md": "newer\n" });
      Object.assign(pullRequest(1), { title: "Something else" });
      assert.deepEqual(states(await run()), [[shopBranch, "updated", 1]]);
      assert.equal(pullRequest(1).title, "Promote shop from 1.0.0 to 1.1.0 in prod");
      assert.notEqual(pullRequest(1).sha, sha);
    });

    it("closes it with the reason when the branch is not needed any more, and opens another one later", async () => {
      await run();
      const pinned = promotion.entry("shop", "1.0.0", "pin: {reason: audit, by: ana}");
      const stackFile = (shop: string) => promotion.stackFile([promotion.entry("cart", "1.0.0"), shop]);
      await promotion.commitMain("Pin", { "Pulumi.prod.yaml": stackFile(pinned) });
      const { pullRequests } = await run();
      assert.deepEqual([pullRequests?.[0]?.state, pullRequests?.[0]?.reason], ["closed", "shop is pinned"]);
      assert.deepEqual([pullRequest(1).state, commentsOn(1)], ["closed", ["Closed: shop is pinned."]]);
      await promotion.commitMain("Unpin", { "Pulumi.prod.yaml": stackFile(promotion.entry("shop", "1.0.0")) });
      await promotion.fluxFinds({ shop: "1.1.0" });
      assert.deepEqual(states(await run()), [[shopBranch, "opened", 2]]);
    });

    it("opens none for a version whose pull request somebody has closed", async () => {
      await run();
      await shared.change(pullRequest(1), { state: "closed" }, ana);
      const { pullRequests } = await run();
      assert.equal(pullRequests?.[0]?.state, "declined");
      assert.match(pullRequests[0].reason ?? "", /somebody has closed the pull request of 1\.1\.0/);
      await promotion.fluxFinds({ shop: "1.2.0" });
      assert.deepEqual(states(await run()), [[shopBranch, "opened", 2]]);
      assert.deepEqual(commentsOn(1), []);
    });

    it("replaces the one that a person has opened, and leaves those of forks and other branches", async () => {
      await promotion.commitTo("feature", { "README.md": () => "mine\n" });
      const texts = { title: "Mine", body: "" };
      const fork = await shared.open({ head: `evil:${shopBranch}`, base: "main", ...texts }, ana);
      const feature = await shared.open({ head: "feature", base: "main", ...texts }, ana);
      const first = await authority(["promotions", "--stack", "prod", "--push"], { cwd: world().root });
      assert.equal(first.code, 0, first.stderr);
      const own = await shared.open({ head: shopBranch, base: "main", ...texts }, ana);
      assert.deepEqual(states(await run()), [[shopBranch, "opened", 4]]);
      assert.deepEqual(
        [fork, feature, own, pullRequest(4)].map(({ state }) => state),
        ["open", "open", "closed", "open"],
      );
    });

    it("leaves one alone whose branch somebody has changed", async () => {
      await run();
      await promotion.commitTo(shopBranch, { "README.md": () => "mine\n" }, person);
      const before = shown(pullRequest(1));
      host.requests.length = 0;
      const after = await run(0);
      assert.deepEqual([after.promotions[0]?.state, states(after)], ["edited", [[shopBranch, "unchanged", 1]]]);
      assert.deepEqual(shown(pullRequest(1)), before);
      assert.deepEqual(
        host.requests.filter((line) => !line.startsWith("GET ")),
        [],
      );
    });

    it("has one issue about releases that break the promise, and succeeds with all others", async () => {
      const issues = () => shared.issues.map(({ number, state, title }) => [number, state, title]);
      const title = "Releases for prod break the promise";
      await promotion.fluxFinds({ cart: "1.1.0" });
      const first = await run();
      assert.deepEqual(states(first), [[shopBranch, "opened", 1]]);
      assert.equal(first.issue?.state, "created");
      const { number } = shared.issues[0]!;
      assert.deepEqual(issues(), [[number, "open", title]]);
      assert.match(
        shared.issues[0]?.body ?? "",
        /prod\/cart[^]*appVersion of Chart\.yaml is "1\.0\.0", must be "1\.1\.0"/,
      );
      assert.equal((await run()).issue?.state, "unchanged");
      await promotion.fluxFinds({ cart: "1.0.0" });
      assert.equal((await run()).issue?.state, "closed");
      assert.deepEqual(issues(), [[number, "closed", title]]);
      assert.equal((await run()).issue, null);
    });

    it("fails when nobody can judge a release, and leaves the issue as it is", async () => {
      await promotion.fluxFinds({ cart: "1.1.0" });
      await run();
      await promotion.commitMain("Elsewhere", {
        "Pulumi.prod.yaml": promotion
          .stackFile([promotion.entry("cart", "1.0.0"), promotion.entry("shop", "1.0.0")])
          .replace(/repository: .*cart.*/, "repository: http://127.0.0.1:9/cart.git"),
      });
      const unread = await run(3);
      assert.equal(unread.promotions.find(({ tenant }) => tenant === "cart")?.blocked[0]?.cause, "unread");
      assert.deepEqual([unread.issue, shared.issues[0]?.state], [null, "open"]);
    });

    it("fails when the host refuses the issue", async () => {
      await promotion.fluxFinds({ cart: "1.1.0" });
      host.fail({ on: /^POST .*\/issues$/, status: 403, body: '{"message": "issues are off"}', times: 9 });
      const refused = await run(3);
      assert.deepEqual([refused.issue?.state, states(refused)], ["failed", [[shopBranch, "opened", 1]]]);
      assert.match(refused.issue?.reason ?? "", /issues are off/);
    });

    it("does not move the branch while the pull request before cannot be closed", async () => {
      await run();
      const before = await shared.git("rev-parse", shopBranch);
      await promotion.fluxFinds({ shop: "1.2.0" });
      host.fail({
        on: /^(PATCH|PUT) .*(pulls|merge_requests)\/1$/,
        status: 403,
        body: '{"message": "locked"}',
        times: 9,
      });
      const refused = await run(3);
      assert.match(refused.pullRequests?.[0]?.reason ?? "", /the token may not do that \(HTTP 403\): locked/);
      assert.match(refused.promotions[0]?.reason ?? "", /^its pull request cannot be closed: /);
      assert.deepEqual([await shared.git("rev-parse", shopBranch), pullRequest(1).state], [before, "open"]);
    });

    it("says that it is closed when somebody moves the branch meanwhile", async () => {
      await run();
      await promotion.fluxFinds({ shop: "1.2.0" });
      const hook = join(world().root, ".git", "hooks", "pre-push");
      mkdirSync(dirname(hook), { recursive: true });
      const move = `git -C '${shared.directory}' update-ref refs/heads/${shopBranch} main`;
      writeFileSync(hook, `#!/bin/sh\nunset GIT_DIR\n${move}\n`, { mode: 0o755 });
      const refused = await run(3);
      assert.deepEqual([refused.promotions[0]?.pushed, states(refused)], [false, [[shopBranch, "closed", 1]]]);
      assert.match(refused.pullRequests?.[0]?.reason ?? "", /superseded, and the branch of the next one is not pushed/);
    });

    it("pushes nothing when the host does not let it read, and says what to set", async () => {
      setEnvironment({ GH_TOKEN: "wrong-token", GITLAB_TOKEN: "wrong-token" });
      const args = ["promotions", "--push", "--pull-requests"];
      const refused = await authority(args, { cwd: world().root });
      assert.equal(refused.code, 3);
      assert.match(refused.stderr, /error: Git(Hub|Lab): GET .*: the token is refused \(HTTP 401\): /);
      assert.doesNotMatch(refused.stderr, /wrong-token/);
      assert.equal((await shared.refs()).has(`refs/heads/${shopBranch}`), false);
      setEnvironment({ GH_TOKEN: undefined, GITHUB_TOKEN: undefined, GITLAB_TOKEN: "" });
      const missing = await authority(args, { cwd: world().root });
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /environment variable (GH_TOKEN or GITHUB_TOKEN|GITLAB_TOKEN) is not set/);
      const alone = await authority(["promotions", "--pull-requests"], { cwd: world().root });
      assert.deepEqual([alone.code, alone.stderr.includes("Add `--push`")], [2, true]);
    });

    it("refuses pushes to main without the app's token, and takes a merge", async () => {
      const clone = `${directory()}/clone`;
      await git({ directory: directory() }, "clone", "--quiet", host.cloneUrl(name, ana.token), clone);
      const there = { directory: clone };
      await git(there, "commit", "--quiet", "--allow-empty", "-m", "Mine");
      await assert.rejects(git(there, "push", "origin", "HEAD:main"), /GH006: Protected branch update failed/);
      await git(there, "push", "--quiet", host.cloneUrl(name, app.token), "HEAD:main");
      assert.equal(await shared.git("log", "-1", "--format=%s", "main"), "Mine");
      assert.ok((await shared.refs()).has(`refs/heads/${fluxBranch}`));
    });
  });
}
