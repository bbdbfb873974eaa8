import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../demo/git";
import type { Tenant } from "../../src/config/stack-config";
import { rolledBackFrom, unpinOffers } from "../../src/cli/rollback-pin";
import { standingVersions } from "../../src/cli/rollback";
import { decisionWorld } from "./decision-world";
import { branchStack } from "./scratch-world";

describe("authority rollback", () => {
  const { world, run, ownGit, stackFile, stackText, commitAll, files, trailers, refused, decided } = decisionWorld();
  const rollback = (...more: string[]) => ["rollback", "shop", "--reason", "leaks: memory", ...more];
  const refusedRollback = (code: number, message: RegExp, ...more: string[]) =>
    refused(rollback(...more, "--stack", "prod"), code, message);

  it("decides the release before, denies the current one and pins the tenant, with Git host and registry down", async () => {
    await decided("promote", "shop", "1.1.0");
    const before = stackFile();
    await world().cutNetwork();
    const output = await decided(...rollback());
    assert.match(
      output,
      /^- {6}tag: "1\.1\.0" # \{"\$imagepolicy.*\n- {6}digest: .*\n\+ {6}tag: "1\.0\.0" # pinned: /m,
    );
    assert.match(
      output,
      /shop is pinned, because Flux would write 1\.1\.0 again until an `up` has applied the denial\. Afterwards `authority unpin shop --stack prod`, and the `up` after it, let Flux promote again\./,
    );
    const expected = stackText("1.0.0")
      .replaceAll(/#( *\{)"\$imagepolicy"/g, '# pinned:$1"imagepolicy"')
      .replace(
        "automation: auto }",
        'automation: auto, deny: ["1.1.0"], pin: {reason: "rollback from 1.1.0: leaks: memory", by: "Ana"} }',
      );
    assert.equal(stackFile(), expected);
    assert.deepEqual(await files("HEAD"), ["Pulumi.prod.yaml"], "the lock keeps both releases");
    assert.equal(await ownGit("log", "-1", "--format=%s"), "Roll back shop from 1.1.0 to 1.0.0 in prod");
    assert.deepEqual(await trailers(), {
      Tenant: "shop",
      Stack: "prod",
      From: "1.1.0",
      To: "1.0.0",
      Denied: "1.1.0",
      By: "Ana",
      Reason: "leaks: memory",
    });
    await ownGit("revert", "--no-edit", "HEAD");
    assert.equal(stackFile(), before);
  });

  it("is taken back by unpin, allow and promote", async () => {
    await decided("promote", "shop", "1.1.0");
    const before = stackFile();
    await decided(...rollback());
    const unpinned = await decided("unpin", "shop");
    assert.match(unpinned, /The policy keeps 1\.0\.0: nothing newer may run\./);
    assert.match(unpinned, /Push this only after an `up` has applied the denial, or Flux writes 1\.1\.0 again\./);
    await decided("allow", "shop", "1.1.0");
    await decided("promote", "shop", "1.1.0");
    assert.equal(stackFile(), before);
  });

  it("goes back further each time, past what was denied or taken back", async () => {
    for (const version of ["1.3.0", "1.4.0", "1.5.0"]) {
      const { digest } = await world().application.publish({ version, message: version });
      assert.ok(digest);
      await decided("promote", "shop", version);
    }
    await ownGit("revert", "--no-edit", "HEAD");
    await decided("deny", "shop", "1.3.0", "--reason", "leaks");
    assert.match(stackFile(), /tag: "1\.4\.0"/);
    await decided(...rollback());
    assert.match(stackFile(), /tag: "1\.0\.0".*\n.*\n.*\n.*deny: \["1\.3\.0", "1\.4\.0"\]/);
    await refusedRollback(
      2,
      /There is nothing to go back to: in the history of HEAD, Pulumi\.prod\.yaml has decided no/,
    );
  });

  it("keeps a person's pin, and replaces that of an earlier rollback", async () => {
    await world().application.publish({ version: "1.3.0", message: "1.3.0" });
    await decided("promote", "shop", "1.1.0");
    await decided("promote", "shop", "1.3.0");
    await decided(...rollback("--by", "ben"));
    assert.match(stackFile(), /pin: \{reason: "rollback from 1\.3\.0: leaks: memory", by: "ben"\}/);
    await decided(...rollback());
    assert.match(stackFile(), /tag: "1\.0\.0"/);
    assert.match(stackFile(), /pin: \{reason: "rollback from 1\.1\.0: leaks: memory", by: "Ana"\}/);
    await ownGit("revert", "--no-edit", "HEAD~2..HEAD");
    await decided("pin", "shop", "--reason", "audit", "--by", "cem", "--until", "2099-01-31");
    assert.match(await decided(...rollback()), /shop stays pinned by cem: audit\./);
    assert.match(stackFile(), /tag: "1\.1\.0"/);
    assert.match(stackFile(), /pin: \{reason: "audit", by: "cem", until: "2099-01-31"\}, deny: \["1\.3\.0"\]/);
  });

  it("pins nothing that people promote", async () => {
    const manual = stackText("1.0.0")
      .replace(/ +# \{"\$imagepolicy".*$/gm, "")
      .replace("auto }", "manual }");
    world().write({ "Pulumi.prod.yaml": manual });
    await commitAll();
    await decided("promote", "shop", "1.1.0");
    await decided(...rollback());
    assert.equal(stackFile(), manual.replace("manual }", 'manual, deny: ["1.1.0"] }'));
  });

  it("takes the version that is named, and its evidence from Git and the registry if the lock lacks it", async () => {
    await world().application.publish({ version: "1.0.1", message: "1.0.1" });
    await decided("promote", "shop", "1.1.0");
    const output = await decided(...rollback("--to", "1.0.1"));
    assert.match(output, /releases\.lock\.yaml: added shop 1\.0\.1/);
    assert.deepEqual(await files("HEAD"), ["Pulumi.prod.yaml", "releases.lock.yaml"]);
    assert.match(stackFile(), /tag: "1\.0\.1" # pinned/);
  });

  it("says which values files have changed with the release", async () => {
    world().write({ "tenants/shop/values.yaml": "replicas: 1\n", "tenants/shop/values.prod.yaml": "logLevel: info\n" });
    await commitAll();
    await decided("promote", "shop", "1.1.0");
    const commit = (await ownGit("rev-parse", "HEAD")).slice(0, 10);
    world().write({ "tenants/shop/values.yaml": "replicas: 2\n" });
    await commitAll();
    const output = await decided(...rollback());
    const note = `Changed since 1.0.0 was decided: tenants/shop/values.yaml. \`git diff ${commit}^1 HEAD -- tenants/shop/values.yaml\``;
    assert.ok(output.includes(note), output);
  });

  it("refuses what makes no sense", async () => {
    await refusedRollback(
      2,
      /There is nothing to go back to: .* has decided no release of shop before 1\.0\.0 that is/,
    );
    await decided("promote", "shop", "1.1.0");
    await refusedRollback(2, /shop is at 1\.1\.0 in the stack prod already\./, "--to", "1.1.0");
    await refusedRollback(
      2,
      /2\.0\.0 is newer than 1\.1\.0\. `authority promote shop 2\.0\.0 --stack prod`/,
      "--to",
      "2.0.0",
    );
    await refusedRollback(2, /Expected a SemVer version such as 6\.15\.0, got "old"/, "--to", "old");
    await refusedRollback(3, /the version 0\.9\.0 is outside the range ">=1\.0\.0 <2\.0\.0"/, "--to", "0.9.0");
    await world().application.publish({ version: "1.0.2", appVersion: "1.0.0", message: "Forgotten" });
    await refusedRollback(3, /the promise is broken\n {2}- appVersion of Chart\.yaml is "1\.0\.0"/, "--to", "1.0.2");
    await decided("deny", "shop", "1.0.0", "--reason", "leaks");
    await refusedRollback(3, /the version 1\.0\.0 is denied by the policy/, "--to", "1.0.0");
    await refusedRollback(2, /There is nothing to go back to/);
    await refused(
      ["deny", "shop", "1.1.0", "--reason", "r", "--stack", "prod"],
      2,
      /go back to the release before, run `authority rollback shop --stack prod` with the reason/,
    );
  });

  it("names the range that excludes the release before, and how to choose another one", async () => {
    await decided("promote", "shop", "1.1.0");
    world().write({ "Pulumi.prod.yaml": stackFile().replace(">=1.0.0", ">=1.1.0") });
    await commitAll();
    await refusedRollback(
      3,
      /the version 1\.0\.0 is outside the range ">=1\.1\.0 <2\.0\.0"\n {2}- `--to` names another/,
    );
  });

  it("refuses a stack that follows branches", async () => {
    world().write({ "Pulumi.dev.yaml": branchStack(world().tenant()) });
    await commitAll();
    await refused(
      rollback("--stack", "dev"),
      2,
      /The stack dev follows branches, so shop has no release to go back to\./,
    );
  });

  it("cannot tell the release before in a shallow clone, and takes the named one", async () => {
    await decided("promote", "shop", "1.1.0");
    const { root } = world();
    const shallow = join(root, "..", "shallow");
    await ownGit("clone", "--quiet", "--depth=1", `file://${root}`, shallow);
    await git({ directory: shallow }, "config", "user.name", "Ana");
    await git({ directory: shallow }, "config", "user.email", "ana@example.com");
    const outcome = await run(rollback("--stack", "prod"), { cwd: shallow });
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /this clone is shallow.*`git fetch --unshallow`.*`--to <version>`/s);
    const named = await run(rollback("--stack", "prod", "--to", "1.0.0"), { cwd: shallow });
    assert.equal(named.code, 0, named.stderr);
    rmSync(shallow, { recursive: true });
  });

  it("commits the render too, with Git host and registry down", async () => {
    const delivered = stackText("1.0.0", "  shared-authority:delivery: {manifests: rendered/prod}\n");
    world().write({ "Pulumi.prod.yaml": delivered });
    await commitAll();
    await decided("promote", "shop", "1.1.0");
    await world().cutNetwork();
    assert.match(await decided(...rollback()), /until Flux has applied the folder with the denial\./);
    const committed = await files("HEAD");
    for (const kind of ["helm.toolkit.fluxcd.io_v2-helmrelease", "image.toolkit.fluxcd.io_v1-imagepolicy"]) {
      const path = `rendered/prod/1-manifest/${kind}-flux-system-shop.yaml`;
      assert.ok(committed.includes(path), String(committed));
    }
    assert.equal(await ownGit("status", "--porcelain"), "");
  });
});

describe("the versions that still stand", () => {
  it("are those that no later decision went back behind", () => {
    assert.deepEqual(standingVersions([]), []);
    assert.deepEqual(standingVersions(["1", "2", "3"].map((n) => `${n}.0.0`)), ["1.0.0", "2.0.0", "3.0.0"]);
    assert.deepEqual(standingVersions(["1.0.0", "1.1.0", "1.0.0"]), ["1.0.0"]);
    assert.deepEqual(standingVersions(["1.0.0", "1.1.0", "1.0.0", "1.1.0"]), ["1.0.0", "1.1.0"]);
    assert.deepEqual(standingVersions(["1.0.0", "1.1.0", "1.2.0", "1.0.0", "1.3.0"]), ["1.0.0", "1.3.0"]);
    assert.deepEqual(standingVersions(["1.1.0", "1.0.0", "1.1.0"]), ["1.0.0", "1.1.0"]);
    assert.deepEqual(standingVersions(["1.1.0", "1.0.0", "1.0.1"]), ["1.0.0", "1.0.1"]);
  });
});

describe("the pin of a rollback", () => {
  const config = (reason: string, formerly?: string) => ({
    stack: "prod",
    tenants: [{ name: "shop", formerly, policy: { deny: ["1.1.0"], pin: { reason, by: "ana" } } } as unknown as Tenant],
  });
  const offers = (reason: string, range: string, formerly?: string) =>
    unpinOffers(config(reason, formerly) as never, [
      {
        urn: "urn",
        type: "kubernetes:image.toolkit.fluxcd.io/v1:ImagePolicy",
        custom: true,
        inputs: { metadata: { name: formerly ?? "shop" }, spec: { policy: { semver: { range } } } },
      },
    ]);

  it("may end when the policy in the cluster denies the version", () => {
    const offered = ["`authority unpin shop --stack prod`, and the `up` after it, let Flux promote again."];
    assert.deepEqual(
      offers("rollback from 1.1.0: leaks", ">=1.0.0 <2.0.0 !=1.1.0").map((text) => text.slice(-offered[0]!.length)),
      offered,
    );
    assert.equal(offers("rollback from 1.1.0: leaks", ">=1.0.0 !=1.1.0", "store").length, 1);
    assert.deepEqual(offers("rollback from 1.1.0: leaks", ">=1.0.0 <2.0.0"), []);
    assert.deepEqual(offers("audit", ">=1.0.0 !=1.1.0"), []);
  });

  it("is told from a person's by its reason", () => {
    assert.equal(rolledBackFrom({ reason: "rollback from 1.1.0: leaks", by: "ana" }), "1.1.0");
    assert.equal(rolledBackFrom({ reason: "rollback from the disaster: leaks", by: "ana" }), undefined);
  });
});
