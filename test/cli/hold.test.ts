import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decisionWorld } from "./decision-world";
import { branchStack } from "./scratch-world";

describe("authority hold and resume", () => {
  const { world, run, ownGit, stackFile, stackText, commitAll, files, trailers, refused, decided } = decisionWorld();
  const strict = (...tenants: string[]) => ["hold", ...tenants, "--reason", "holidays", "--by", "ana"];
  const hold = (...tenants: string[]) => [...strict(...tenants), "--accept-open"];

  it("are refused while a path stays open, with the fix of each, unless a person accepts it", async () => {
    const secret = 'secrets: ["shop-values"]';
    world().write({ "Pulumi.prod.yaml": stackFile().replace(/^( +)policy:/m, `$1${secret}\n$1policy:`) });
    await commitAll();
    await refused(
      [...strict(), "--stack", "prod"],
      3,
      /^prod: what runs could still change\n {2}- shop: open: pods run what/m,
    );
    await refused(
      [...strict("shop"), "--stack", "prod"],
      3,
      /Set `pinDigest: true` for the tenant or its application[^]*the Secret shop-values[^]*`--accept-open`/,
    );
    await decided(...hold("shop"));
    assert.match(
      (await trailers())["Accepted-Open"] ?? "",
      /^shop: open: pods run .*; shop: open: whoever changes the Secret shop-values/,
    );
    const open = await run(["status", "shop", "--stack", "prod"]);
    assert.match(open.stdout, /^ {12}by ana: holidays; 2 paths stay open$/m);
    assert.match(
      open.stdout,
      /^ {2}held +by ana: .*\n {12}open: pods run what .*\n {12}open: whoever changes the Secret/m,
    );
    assert.match(
      await decided("resume", "shop"),
      /^Flux promotes again after the next `authority up --stack prod`\.$/m,
    );
    const closed = stackFile().replace(`${secret}\n`, "pinDigest: true\n");
    world().write({ "Pulumi.prod.yaml": closed });
    await commitAll();
    assert.match(await decided(...strict("shop")), /^shop: closed: the image, fixed by digest$/m);
    assert.equal((await trailers())["Accepted-Open"], undefined);
    const status = await run(["status", "shop", "--stack", "prod"]);
    assert.match(status.stdout, /^ {2}state +held: npx authority resume shop --stack prod$/m);
    assert.match(status.stdout, /^ {2}held +by ana: holidays; Flux's markers are taken out$/m);
    assert.doesNotMatch(status.stdout, /open/);
    const history = await run(["history", "shop", "--stack", "prod"]);
    assert.match(history.stdout, / held +- .* holidays$/m);
    assert.match(history.stdout, / resumed +- /);
  });

  it("close every path of a tenant and list them, then give the file back as it was", async () => {
    const before = stackFile();
    const output = await decided(...hold("shop"), "--until", "2099-01-03");
    assert.match(output, /^shop: closed: automation auto, Flux's markers go$/m);
    assert.match(output, /^shop: closed: the chart, fixed by commit or digest$/m);
    assert.match(
      output,
      /^shop: open: pods run what the registry has under the image tag when they start\. Set `pinDigest: true`/m,
    );
    assert.doesNotMatch(stackFile(), /"\$imagepolicy"/);
    assert.match(stackFile(), /hold: \{reason: "holidays", by: "ana", until: "2099-01-03"\} \} # by the platform/);
    assert.equal(await ownGit("log", "-1", "--format=%s"), "Hold shop in prod");
    assert.deepEqual(await trailers(), {
      Tenant: "shop",
      Stack: "prod",
      By: "ana",
      Until: "2099-01-03",
      "Accepted-Open":
        "shop: open: pods run what the registry has under the image tag when they start. Set `pinDigest: true` for the tenant or its application, which fixes the image",
      Reason: "holidays",
    });
    assert.deepEqual(await files("HEAD"), ["Pulumi.prod.yaml"]);
    await decided("resume", "shop");
    assert.equal(stackFile(), before);
  });

  it("refuse what would change a held tenant, or makes no sense", async () => {
    await decided("pin", "shop", "--reason", "audit", "--by", "ben");
    const pinned = stackFile();
    await decided(...hold("shop"));
    const held = /shop is held by ana: holidays\. `authority resume shop --stack prod` ends the hold first\./;
    for (const verb of [
      ["promote", "shop"],
      ["rollback", "shop", "--reason", "r"],
      ["pin", "shop", "--reason", "r", "--by", "b"],
      ["unpin", "shop"],
    ]) {
      await refused([...verb, "--stack", "prod"], 2, held);
    }
    await refused([...hold("shop"), "--stack", "prod"], 2, /shop is held already by ana: holidays\./);
    await refused([...hold(), "--stack", "prod"], 2, /All tenants of the stack prod are held already\./);
    await refused([...hold("shp"), "--stack", "prod"], 2, /The stack prod has no tenant "shp"\. Did you mean `shop`\?/);
    await decided("resume");
    assert.equal(stackFile(), pinned, "the pin and its missing markers stay");
    await refused(["resume", "shop", "--stack", "prod"], 2, /shop is not held in the stack prod\./);
    await refused(["resume", "--stack", "prod"], 2, /No tenant of the stack prod is held\./);
  });

  it("hold all tenants of a stack in one commit", async () => {
    const names = ["alpha", "beta", "gamma"];
    const entry = stackText("1.0.0").slice(stackText("1.0.0").indexOf("    shop:"));
    const more = names.map((name) => entry.replaceAll(/\bshop:(?=\n|tag|digest)/g, `${name}:`)).join("");
    world().write({ "Pulumi.prod.yaml": stackText("1.0.0") + more });
    assert.equal((await run(["lock"])).code, 0);
    await commitAll();
    const before = stackFile();
    const output = await decided(...hold());
    assert.match(output, /^alpha, beta, gamma and 1 more: closed: automation auto, Flux's markers go$/m);
    assert.equal(await ownGit("log", "-1", "--format=%s"), "Hold 4 tenants in prod");
    assert.deepEqual((await ownGit("log", "-1", "--format=%(trailers:key=Tenant,valueonly)")).trim().split("\n"), [
      ...names,
      "shop",
    ]);
    await decided("resume", "beta", "shop");
    await decided("resume");
    assert.equal(stackFile(), before);
  });

  it("suspend what follows a branch, and refuse what cannot be", async () => {
    const { write, tenant, root } = world();
    await world().application.publish({ version: "1.3.0", message: "1.3.0" });
    const dev = branchStack(tenant());
    write({ "Pulumi.dev.yaml": dev });
    await commitAll();
    const held = await run([...hold(), "--stack", "dev"]);
    assert.equal(held.code, 0, held.stderr);
    assert.match(held.stderr, /shop: closed: the branch master and its chart's dependencies, the source is suspended/);
    assert.match(held.stderr, /shop: open: .* Where a stack follows a branch, only `branchImage` fixes the image$/m);
    assert.match(held.stderr, /This needs an `up`: `authority up --stack dev`\. Until then Flux does as before\./);
    const check = await run(["check", "--stack", "dev"]);
    assert.equal(check.code, 0, check.stdout);
    assert.equal((await run(["render", "--stack", "dev", "--out", "out"])).code, 0);
    const source = "1-manifest/source.toolkit.fluxcd.io_v1-gitrepository-flux-system-shop.yaml";
    assert.match(readFileSync(join(root, "out", source), "utf8"), /^ {2}suspend: true$/m);
    assert.equal((await run(["resume", "--stack", "dev"])).code, 0);
    assert.equal(readFileSync(join(root, "Pulumi.dev.yaml"), "utf8"), dev);
    write({
      "Pulumi.dev.yaml": dev
        .replace("./charts/shop", "oci://registry.example.com/charts/shop")
        .concat("      branchChart: { pattern: '^0\\.0\\.0-master\\.[0-9]+$' }\n"),
    });
    await ownGit("add", "--all");
    await ownGit("commit", "--quiet", "--message", "A chart in a registry");
    await refused(
      [...strict(), "--stack", "dev"],
      3,
      /dev: what runs could still change\n {2}- shop: open: the newest chart of oci:\/\/.*suspended OCIRepository/,
    );
  });
});
