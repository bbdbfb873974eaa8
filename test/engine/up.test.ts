import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { engineProject } from "../support/engine-project";

describe("authority up, with three tenants on the real engine", function () {
  this.timeout(300_000);
  const names = ["cart", "pay", "shop"];
  const opened = engineProject(...names);

  /** Commits a production in which each tenant runs this tag. */
  const promote = (tags: Readonly<Record<string, string>>, deny = ["1.3.0"]): Promise<void> => {
    const policy = `policy: { range: ">=1.0.0", deny: ${JSON.stringify(deny)} }`;
    const tenants = Object.entries(tags).map(([name, tag]) => [name, [`tag: "${tag}"`, policy]] as const);
    return opened().decide(Object.fromEntries(tenants));
  };

  const up = () => opened().authorityUp("--yes");
  const files = () => opened().files();
  const publish = (name: string, version: string, message: string) =>
    opened().applications.get(name)?.publish({ version, message });

  const sources = (): string[] =>
    files().flatMap((file) => /gitrepository-flux-system-(.*)\.yaml$/.exec(file)?.[1] ?? []);

  it("deploys all of them when nothing is wrong", async () => {
    await promote({ cart: "1.0.0", pay: "1.0.0", shop: "1.0.0" });
    const { code, output } = await up();
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /Undefined value/);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.0.0", "shop-1.0.0"]);
  });

  it("names what the lock lacks, with the command that adds it, in a plain preview too", async () => {
    const lacking =
      /prod: releases\.lock\.yaml lacks cart 1\.0\.0, pay 1\.0\.0, shop 1\.0\.0, .*`npx authority lock --stack prod`/;
    const deployed = await up();
    assert.match(deployed.output, lacking);
    assert.match((await opened().pulumi("preview", "--stack", "prod")).output, lacking);
    assert.equal((await opened().authority("lock", "--stack", "prod")).code, 0);
    const { code, output } = await opened().pulumi("preview", "--stack", "prod");
    await opened().project.git("checkout", "--", "releases.lock.yaml");
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /releases\.lock\.yaml lacks/);
  });

  it("skips one whose appVersion was forgotten and one whose image is missing, and deploys the third", async () => {
    const [cart, pay, shop] = names.map((name) => opened().applications.get(name));
    await cart?.publish({ version: "1.1.0", appVersion: "1.0.0", message: "Forgot the appVersion" });
    await pay?.tag("1.1.0", await pay.commit({ version: "1.1.0", message: "Its image build fails" }));
    await shop?.publish({ version: "1.1.0", message: "A good release" });
    await promote({ cart: "1.1.0", pay: "1.1.0", shop: "1.1.0" });
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.match(output, /appVersion of Chart\.yaml is "1\.0\.0", must be "1\.1\.0"/);
    assert.match(output, /the image .*\/pay:1\.1\.0 is not in the registry/);
    assert.match(output, /skipped: cart, pay; deploying 1 of 3 tenants/);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.0.0", "shop-1.1.0"]);
  });

  it("deploys the skipped ones when their teams have fixed their releases", async () => {
    await publish("cart", "1.1.1", "Fixed");
    await opened().applications.get("pay")?.pushImage("1.1.0");
    await promote({ cart: "1.1.1", pay: "1.1.0", shop: "1.1.0" });
    const { code, output } = await up();
    assert.equal(code, 0, output);
    assert.deepEqual(sources(), ["cart-1.1.1", "pay-1.1.0", "shop-1.1.0"]);
  });

  it("skips a tenant that a policy blocks, and still updates its image policy", async () => {
    await publish("shop", "1.3.0", "Denied by the platform team");
    await promote({ cart: "1.0.0", pay: "1.1.0", shop: "1.3.0" }, ["1.2.0", "1.3.0"]);
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.match(output, /the version 1\.3\.0 is denied/);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.1.0", "shop-1.1.0"]);
    const policy = join(opened().rendered, "image.toolkit.fluxcd.io_v1-imagepolicy-flux-system-shop.yaml");
    assert.match(readFileSync(policy, "utf8"), /!=1\.2\.0/);
  });

  it("changes nothing if the same tenant is skipped again", async () => {
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.match(output, /^Resources:\n\s+\d+ unchanged\n/m);
    assert.doesNotMatch(output, /\d+ (?:to )?(?:creat|updat|delet|replac)ed?/);
    assert.deepEqual(sources(), ["cart-1.0.0", "pay-1.1.0", "shop-1.1.0"]);
  });

  it("deletes nothing if somebody runs `pulumi` with the names of tenants to skip", async () => {
    const { session, project } = opened();
    const before = files();
    for (const command of [["preview"], ["up", "--yes", "--skip-preview"]]) {
      const { code, stdout, stderr } = await session.run([...command, "--stack", "prod"], {
        directory: project.directory,
        environment: { SHARED_AUTHORITY_SKIPPED: `${process.pid}@prod,cart,shop` },
      });
      assert.notEqual(code, 0);
      assert.match(
        stdout + stderr,
        /SHARED_AUTHORITY_SKIPPED is "\d+@prod,cart,shop", but no running `authority up --stack prod`[^]*Unset it/,
      );
    }
    assert.deepEqual(files(), before);
  });

  it("creates nothing for a new tenant that is broken from the start", async () => {
    await promote({ cart: "1.1.0", pay: "1.1.0", shop: "1.1.0" });
    await opened().pulumi("destroy", "--stack", "prod", "--yes", "--ignore-protect");
    const { code, output } = await up();
    assert.equal(code, 3, output);
    assert.deepEqual(sources(), ["pay-1.1.0", "shop-1.1.0"]);
    assert.deepEqual(
      files().filter((file) => file.includes("cart")),
      [],
    );
  });
});
