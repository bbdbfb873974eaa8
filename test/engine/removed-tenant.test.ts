import assert from "node:assert/strict";
import { type Ended, engineProject } from "../support/engine-project";

interface State {
  deployment: { resources: { urn: string; type: string; protect?: boolean; outputs?: Record<string, unknown> }[] };
}

/** The rendered files stand for the objects of a cluster: the engine deletes both in the same way. */
describe("a tenant that is no longer decided, with the real engine", function () {
  this.timeout(600_000);
  const opened = engineProject("shop", "cart");

  before(async () => {
    await decide({ cart: [], shop: [] });
    succeeds(await authorityUp());
  });

  const decide = (tenants: Readonly<Record<string, readonly string[]>>, settings: readonly string[] = []) => {
    const release = ['tag: "1.0.0"', 'policy: { range: ">=1.0.0" }'];
    const entries = Object.entries(tenants).map(([name, lines]) => [name, [...release, ...lines]] as const);
    return opened().decide(Object.fromEntries(entries), settings);
  };

  const removes = (entry: string) => [`  shared-authority:removed: { ${entry} }`];

  const pulumi = (...parameters: string[]) => opened().pulumi(...parameters);

  const pulumiUp = (...more: string[]) =>
    pulumi("up", "--stack", "prod", "--yes", "--policy-pack", "policy-pack", ...more);

  const authorityUp = (...flags: string[]) => opened().authorityUp(...flags);

  function succeeds({ code, output }: Ended): void {
    assert.equal(code, 0, output);
  }

  function refuses({ code, output }: Ended, reason: RegExp): void {
    assert.notEqual(code, 0, output);
    assert.match(output, reason);
  }

  const files = () => opened().files();
  const ofTenant = (name: string) => files().filter((file) => file.includes(name));
  const kept = () => files().filter((file) => /-(?:namespace|helmrelease)-/.test(file));

  const state = async () => JSON.parse((await pulumi("stack", "export", "--stack", "prod")).output) as State;
  const urnOf = async (kind: string, name: string) => {
    const { resources } = (await state()).deployment;
    return resources.find(({ urn }) => urn.includes(`:${kind}::`) && urn.endsWith(name))?.urn ?? "";
  };

  it("keeps Namespace and HelmRelease, whatever the engine is told", async () => {
    const kinds = (await state()).deployment.resources
      .filter(({ protect }) => protect)
      .map(({ type }) => type.slice(type.lastIndexOf(":") + 1));
    assert.deepEqual(kinds.sort(), ["HelmRelease", "HelmRelease", "Namespace", "Namespace"]);
    const before = kept();
    assert.equal(before.length, 4);
    const release = await urnOf("HelmRelease", "cart");
    const namespace = await urnOf("Namespace", "cart");
    for (const flags of [
      ["--skip-preview"],
      ["--exclude-protected", "--skip-preview"],
      ["--skip-preview", "--continue-on-error"],
      ["--target", release, "--skip-preview"],
      ["--target", namespace, "--target-dependents", "--skip-preview"],
    ]) {
      const { output } = await pulumi("destroy", "--stack", "prod", "--yes", ...flags);
      assert.deepEqual(kept(), before, `${flags.join(" ")}\n${output}`);
    }
    refuses(await pulumi("destroy", "--stack", "prod", "--yes"), /protected/);
    succeeds(await pulumiUp("--skip-preview"));
  });

  it("stays if a program without it runs", async () => {
    const { project } = opened();
    const program = await project.read("index.ts");
    await project.commit("An empty program", { "index.ts": "export = {};\n" });
    const before = kept();
    for (const flags of [[], ["--skip-preview"], ["--skip-preview", "--continue-on-error"]]) {
      refuses(await pulumi("up", "--stack", "prod", "--yes", ...flags), /protect/);
      assert.deepEqual(kept(), before, flags.join(" "));
    }
    await project.commit("The program", { "index.ts": program });
    succeeds(await pulumiUp("--skip-preview"));
  });

  it("stays while the stack file does not declare that it goes", async () => {
    await decide({ shop: [] });
    const before = files();
    const reason = /cart: it is not in Pulumi\.prod\.yaml[^]*shared-authority:removed:\s+cart: \{ namespace: cart/;
    refuses(await pulumi("preview", "--stack", "prod"), reason);
    refuses(await pulumiUp(), reason);
    refuses(await pulumiUp("--skip-preview"), reason);
    refuses(await pulumiUp("--skip-preview", "--target", await urnOf("HelmRelease", "shop")), reason);
    const { code, output } = await authorityUp();
    assert.equal(code, 3, output);
    assert.match(output, reason);
    for (const object of ["HelmRelease flux-system/cart", "Namespace cart", "RoleBinding cart/deployer"]) {
      assert.match(output, new RegExp(`^    ${object}$`, "m"));
    }
    assert.deepEqual(files(), before);
  });

  it("keeps the namespace that a tenant leaves until that is declared, and deletes it after the move", async () => {
    const before = files();
    await decide({ cart: [], shop: ["namespace: store"] });
    const reason = /shop: it has another namespace in Pulumi\.prod\.yaml/;
    refuses(await pulumiUp("--skip-preview"), reason);
    refuses(await authorityUp(), reason);
    assert.deepEqual(files(), before);
    await decide(
      { cart: [], shop: ["namespace: store"] },
      removes("shop: { namespace: shop, by: Ada, reason: a better name }"),
    );
    refuses(await pulumiUp("--skip-preview"), /`npx authority up --stack prod`/);
    succeeds(await authorityUp("--preview-only"));
    assert.deepEqual(files(), before);
    // The policy blocks what `--exclude` leaves as it was, unless the platform team has lowered its level.
    await opened().project.commit("Levels", { "levels.json": '{ "release-synced": "advisory" }' });
    const release = await urnOf("HelmRelease", "shop");
    for (const [level, why] of [
      [[], /Not deleted, because the deploy failed, and the release may still run there; .*\n {2}shop with/],
      [["--policy-pack-config", "levels.json"], /Not deleted, because its HelmRelease still has .*\n {2}shop with/],
    ] as const) {
      const flags = [...level, "--", "--yes", "--skip-preview", "--exclude", release];
      refuses(await opened().authority("up", "--stack", "prod", ...flags), why);
      assert.deepEqual(
        before.filter((file) => !files().includes(file)),
        [],
      );
    }
    const { code, output } = await authorityUp();
    assert.equal(code, 0, output);
    assert.ok(output.indexOf("Deleting what tenants have left") > output.indexOf("HelmRelease"), output);
    assert.deepEqual(ofTenant("namespace-default-s"), ["v1-namespace-default-store.yaml"]);
    assert.deepEqual(ofTenant("-shop-deployer"), []);
    succeeds(await pulumiUp("--skip-preview", "--expect-no-changes"));
  });

  it("stays while the stack has another authority namespace, which would uninstall every release", async () => {
    const before = files();
    await decide({ cart: [], shop: ["namespace: store"] }, ["  shared-authority:authorityNamespace: flux-prod"]);
    const reason =
      /cart, shop: .* flux-prod instead of flux-system\.[^]*Write `shared-authority:authorityNamespace: flux-system`/;
    refuses(await pulumi("preview", "--stack", "prod"), reason);
    refuses(await pulumiUp("--skip-preview"), reason);
    refuses(await authorityUp(), reason);
    assert.deepEqual(files(), before);
  });

  it("changes nothing if the tenant only gets another name", async () => {
    await decide({ cart: [], find: ["formerly: shop", "namespace: store"] });
    succeeds(await pulumi("preview", "--stack", "prod", "--policy-pack", "policy-pack", "--expect-no-changes"));
    succeeds(await authorityUp());
    await decide({ cart: [], trolley: ["namespace: store"] });
    refuses(
      await pulumiUp("--skip-preview"),
      /its namespace store is that of trolley now[^]*`formerly: shop` at trolley/,
    );
    await decide({ cart: [], trolley: ["formerly: shop", "namespace: store"] });
    succeeds(await pulumiUp("--skip-preview", "--expect-no-changes"));
  });

  it("is protected by the next `up` of a stack from before, which changes nothing else", async () => {
    const before = await state();
    for (const resource of before.deployment.resources) {
      delete resource.protect;
      if (resource.type !== "pulumi:pulumi:Stack") continue;
      for (const tenant of Object.values((resource.outputs?.tenants ?? {}) as Record<string, { namespace?: string }>)) {
        delete tenant.namespace;
      }
    }
    await opened().project.commit("A state", { "state.json": JSON.stringify(before) });
    succeeds(await pulumi("stack", "import", "--stack", "prod", "--file", "state.json"));
    succeeds(await pulumi("preview", "--stack", "prod", "--policy-pack", "policy-pack", "--expect-no-changes"));
    succeeds(await pulumiUp("--skip-preview", "--expect-no-changes"));
    assert.equal((await state()).deployment.resources.filter(({ protect }) => protect).length, 4);
  });

  it("goes by `authority up` once it is declared, and nothing else changes", async () => {
    const others = files().filter((file) => !file.includes("cart"));
    const before = files();
    await decide(
      { trolley: ["formerly: shop", "namespace: store"] },
      removes("cart: { namespace: cart, by: Ada, reason: nobody uses it }"),
    );
    refuses(
      await pulumiUp("--skip-preview"),
      /cart with the namespace cart, by Ada[^]*`npx authority up --stack prod`/,
    );
    succeeds(await authorityUp("--preview-only"));
    assert.deepEqual(files(), before);
    const { code, output } = await authorityUp();
    assert.equal(code, 0, output);
    assert.match(output, /Deleting first:\n {2}cart with the namespace cart, by Ada: nobody uses it/);
    const order = ["HelmRelease", "RoleBinding", "Namespace"].map((kind) =>
      output.search(new RegExp(`${kind}\\b.* deleted`)),
    );
    assert.ok(!order.includes(-1) && order.join() === [...order].sort((one, other) => one - other).join(), output);
    assert.deepEqual(ofTenant("cart"), []);
    assert.deepEqual(files(), others);
    succeeds(await pulumiUp("--skip-preview", "--expect-no-changes"));
  });
});
