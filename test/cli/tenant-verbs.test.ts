import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readLock } from "../../src/release/lock";
import { OwnRepository } from "./own-repository";
import { branchStack, running, scratchWorld, tagsStack } from "./scratch-world";

const project = `# ours
name: shared-authority
runtime: nodejs
config:
  shared-authority:applications: # by name
    value: {}
`;

const noTenants = `config:
  shared-authority:follow: tags # releases
  shared-authority:tenants: {} # none yet
  other:key: a
`;

describe("the verbs for tenants", () => {
  const world = scratchWorld();
  const own = new OwnRepository(world);
  const read = (path: string) => readFileSync(join(world().root, path), "utf8");
  const prod = () => read("Pulumi.prod.yaml");
  const digests = new Map<string, string>();

  beforeEach(async () => {
    for (const version of ["1.0.0", "1.1.0"]) {
      digests.set(version, (await world().application.publish({ version, message: version })).digest);
    }
    await world().application.publish({ version: "1.2.0", appVersion: "1.1.0", message: "Forgotten" });
  });

  const flags = () => [
    ...["--repository", world().repository, "--chart", "./charts/shop"],
    ...["--image", world().application.image, "--insecure-registry"],
  ];

  describe("add-tenant", () => {
    beforeEach(async () => {
      world().write({ "Pulumi.yaml": project, "Pulumi.prod.yaml": noTenants });
      await own.init();
    });

    for (const [name, config, declared] of [
      ["no config", "", "config:\n"],
      ["an empty config", "config: # ours\n", "config: # ours\n"],
      ["a config without keys", "config: {} # ours\n", "config: # ours\n"],
    ] as const) {
      it(`declares the first application of a project with ${name}`, async () => {
        const start = `name: shared-authority\n${config}`;
        world().write({ "Pulumi.yaml": `${start}runtime: nodejs\n` });
        await own.commitAll();
        await own.decided("add-tenant", "shop", ...flags());
        const lines = `${declared}  shared-authority:applications:\n    value:\n      shop:\n`;
        assert.ok(read("Pulumi.yaml").includes(lines), read("Pulumi.yaml"));
        assert.equal(read("Pulumi.yaml").match(/^config:/gm)?.length, 1);
      });
    }

    it("declares a new application and its newest release, and can be reverted", async () => {
      const output = await own.decided("add-tenant", "shop", ...flags(), "--team", "shop-team", "--reason", "launch");
      assert.equal(
        read("Pulumi.yaml"),
        project.replace(
          " {}\n",
          `\n      shop:
        repository: "${world().repository}"
        chart: "./charts/shop"
        image: "${world().application.image}"
        insecureRegistry: true
        branch: "master"
        releasedFrom: ["master"]
        team: ["shop-team"]
`,
        ),
      );
      assert.equal(
        prod(),
        noTenants.replace(
          " {} # none yet\n",
          ' # none yet\n    shop:\n      tag: "1.1.0"\n      policy:\n        range: ">=1.0.0 <2.0.0"\n',
        ),
      );
      assert.match(output, /^\+ {6}tag: "1\.1\.0"$/m);
      assert.match(output, /^\+ {8}chart: "\.\/charts\/shop"$/m);
      assert.match(output, /2 versions of 3 Git tags of .* keep the promise\./);
      assert.deepEqual(await own.files("HEAD"), ["Pulumi.prod.yaml", "Pulumi.yaml", "releases.lock.yaml"]);
      assert.equal(await own.git("log", "-1", "--format=%s"), "Add shop 1.1.0 to prod");
      assert.deepEqual(await own.trailers(), { Tenant: "shop", Stack: "prod", To: "1.1.0", Reason: "launch" });
      assert.deepEqual([...readLock(world().root).releases.get("shop")!.keys()], ["1.1.0"]);
      await own.git("revert", "--no-edit", "HEAD");
      assert.deepEqual([prod(), read("Pulumi.yaml")], [noTenants, project]);
    });

    it("adds a declared application to another stack, as people and automation write it", async () => {
      await own.decided("add-tenant", "shop", ...flags());
      const declared = read("Pulumi.yaml");
      const other = own.run(["add-tenant", "shop", "--stack", "dev", ...flags()]);
      assert.match((await other).stderr, /There is no stack "dev"/);
      await own.refused(["add-tenant", "shop", "--stack", "prod"], 2, /The stack prod has a tenant shop already\./);
      await own.refused(
        ["add-tenant", "second", "--stack", "prod", "--application", "shop", ...flags()],
        2,
        /declares shop already\. Leave out the flags/,
      );
      world().write({
        "Pulumi.prod.yaml": prod().replace(
          "config:\n",
          "config:\n  shared-authority:configRepository: {url: https://git.example.com/shared}\n",
        ),
      });
      await own.commitAll();
      const before = prod();
      await own.decided(
        ...[
          "add-tenant",
          "second",
          "1.0.0",
          "--application",
          "shop",
          "--namespace",
          "shop-two",
          "--automation",
          "auto",
        ],
        ...["--range", ">=1.0.0 <1.1.0"],
      );
      assert.equal(
        prod(),
        before.replace(
          "  other:key",
          () => `    second:
      application: "shop"
      namespace: "shop-two"
      tag: "1.0.0" # {"$imagepolicy": "flux-system:second:tag"}
      digest: "${String(digests.get("1.0.0"))}" # {"$imagepolicy": "flux-system:second:digest"}
      policy:
        range: ">=1.0.0 <1.1.0"
        automation: "auto"
  other:key`,
        ),
      );
      assert.equal(read("Pulumi.yaml"), declared);
      await own.git("revert", "--no-edit", "HEAD");
      assert.equal(prod(), before);
    });

    it("adds to a stack that follows a branch, if its head may run", async () => {
      world().write({ "Pulumi.dev.yaml": branchStack().replace("tenants:", "tenants: {}") });
      await own.commitAll();
      const add = ["add-tenant", "shop", "--stack", "dev", ...flags()];
      await own.refused(add, 3, /dev\/shop: the promise is broken\n {2}- appVersion of Chart\.yaml/);
      await world().application.publish({ version: "1.3.0", message: "Repaired" });
      const { code, stderr } = await own.run(add);
      assert.equal(code, 0, stderr);
      assert.match(read("Pulumi.dev.yaml"), /tenants:\n {4}shop: \{\}\n$/);
      assert.equal(await own.git("log", "-1", "--format=%s"), "Add shop to dev");
      assert.equal((await own.run(["check", "--stack", "dev"])).code, 0);
      await own.refused(["add-tenant", "two", "1.0.0", "--application", "shop", "--stack", "dev"], 2, /branchImage/);
    });

    it("takes no older release in the place of one that cannot be read", async () => {
      world().write({ "Pulumi.staging.yaml": noTenants });
      await own.commitAll();
      assert.match(await own.decided("add-tenant", "shop", ...flags()), /^Passed over 1\.2\.0: appVersion of Chart/m);
      await world().application.publish({ version: "1.3.0", message: "1.3.0" });
      await world().cutGitHost();
      await own.refused(
        ["add-tenant", "shop", "--stack", "staging"],
        3,
        /^staging\/shop: no release to run\n {2}- 1\.3\.0 cannot be verified\n[^]* {2}- `npx authority add-tenant shop <version> --stack staging` decides the version/m,
      );
      const { code, stderr } = await own.run(["add-tenant", "shop", "1.1.0", "--stack", "staging"]);
      assert.equal(code, 0, stderr);
    });

    it("asks at a terminal what no flag says, then whether to commit", async () => {
      const { repository, application } = world();
      const typed = [repository, "./charts/shop", application.image, "", "y"];
      const asked = await own.run(["add-tenant", "shop", "--stack", "prod", "--insecure-registry"], {
        isTTY: true,
        typed,
      });
      assert.equal(asked.code, 0, asked.stderr);
      assert.match(asked.stderr, /Git repository of shop: [^]*Commit this \(y or n\)\?/);
      assert.match(prod(), /shop:\n {6}tag: "1\.1\.0"/);
    });

    it("refuses what cannot run, and writes nothing", async () => {
      const add = (...args: string[]) => ["add-tenant", ...args, "--stack", "prod"];
      await own.refused(
        add("shop"),
        2,
        /declares no application shop\. To declare it, pass `--repository`, `--chart`, `--image`/,
      );
      await own.refused(
        add("shop", "1.2.0", ...flags()),
        3,
        /prod\/shop: the promise is broken\n {2}- appVersion of Chart\.yaml/,
      );
      await own.refused(
        add("shop", "1.0.0", ...flags(), "--range", ">=1.1.0"),
        3,
        /1\.0\.0 is outside the range ">=1\.1\.0"; `--range` names another one/,
      );
      await own.refused(add("kube-system", ...flags()), 2, /"kube-system" is not a valid tenant name/);
      await own.refused(add("shop", ...flags(), "--range", "new"), 2, /`--range` has "new"; expected a SemVer range/);
      await own.refused(add("shop", ...flags(), "--automation", "auto"), 2, /`configRepository` is missing/);
      await own.refused(
        add("shop", ...flags().filter((flag) => flag !== "--insecure-registry")),
        3,
        /the versions of \S+\/shop cannot be read: .*does not speak TLS; .*\(`--insecure-registry` where/,
      );
      world().write({ "Pulumi.yaml": `${project}# mine\n` });
      await own.refused(add("shop", ...flags()), 2, /Changed since the last commit: Pulumi\.yaml\./);
    });

    it("refuses an application from which a tenant of its name would inherit", async () => {
      world().write({ "Pulumi.staging.yaml": tagsStack(world().tenant(...running("1.0.0"))) });
      await own.commitAll();
      await own.refused(
        ["add-tenant", "shop", "--stack", "prod", ...flags()],
        2,
        /The stack staging has a tenant shop that declares everything itself/,
      );
    });
  });

  describe("remove-tenant", () => {
    const withSecond = () =>
      tagsStack(
        "    # The shop\n",
        world().tenant(...running("1.0.0"), "# inside"),
        world()
          .tenant(...running("1.1.0"))
          .replace("shop:", "second:"),
      );
    const remove = ["remove-tenant", "shop", "--reason", "replaced: by find", "--by", "Ada"];

    it("removes the entry, declares that, and says what is deleted and what stays", async () => {
      world().write({ "Pulumi.prod.yaml": withSecond(), "tenants/shop/values.yaml": "a: 1\n" });
      await own.init();
      const output = await own.decided(...remove);
      assert.equal(
        prod(),
        withSecond().replace(world().tenant(...running("1.0.0")), "") +
          '  shared-authority:removed:\n    shop:\n      namespace: "shop"\n      by: "Ada"\n      reason: "replaced: by find"\n',
      );
      assert.match(output, /`authority up --stack prod` uninstalls its release and deletes the namespace shop with/);
      assert.match(
        output,
        /The folder tenants\/shop stays, and no stack uses it\. `git rm -r tenants\/shop` removes it\./,
      );
      assert.ok(existsSync(join(world().root, "tenants/shop/values.yaml")));
      assert.deepEqual(await own.files("HEAD"), ["Pulumi.prod.yaml"]);
      assert.deepEqual(await own.trailers(), {
        ...{ Tenant: "shop", Stack: "prod", From: "1.0.0", Namespace: "shop", By: "Ada", Reason: "replaced: by find" },
      });
      await own.git("revert", "--no-edit", "HEAD");
      assert.equal(prod(), withSecond());
    });

    it("removes the last one, and the manifests of it", async () => {
      const last = tagsStack(world().tenant(...running("1.0.0"))).replace(
        "config:\n",
        "config:\n  shared-authority:delivery: {manifests: rendered/prod}\n",
      );
      world().write({
        "Pulumi.prod.yaml": last,
        "Pulumi.staging.yaml": withSecond(),
        "tenants/shop/values.yaml": "a: 1\n",
      });
      await own.init();
      assert.equal((await own.run(["render", "--stack", "prod", "--out", "rendered/prod"])).code, 0);
      await own.commitAll();
      const output = await own.decided(...remove);
      assert.match(prod(), /shared-authority:tenants: \{\}\n {2}shared-authority:removed:\n/);
      assert.match(output, /After the push, Flux uninstalls its release/);
      assert.match(output, /The folder tenants\/shop stays: staging uses it\./);
      assert.ok((await own.files("HEAD")).some((path) => path.startsWith("rendered/prod/1-manifest/")));
      await own.git("revert", "--no-edit", "HEAD");
      assert.equal(prod(), last);
    });

    it("declares a renamed tenant by its first name, and only one namespace of it", async () => {
      const moved = tagsStack(world().tenant(...running("1.0.0"), "formerly: old", "namespace: new")).concat(
        "  shared-authority:removed: {old: {namespace: old, by: Ada, reason: moves}}\n",
      );
      world().write({ "Pulumi.prod.yaml": moved });
      await own.init();
      await own.refused([...remove, "--stack", "prod"], 2, /has an entry old already, for the namespace old\. When/);
      world().write({ "Pulumi.prod.yaml": moved.replace("{old: {namespace: old, by: Ada, reason: moves}}", "{}") });
      await own.commitAll();
      await own.decided(...remove);
      assert.match(prod(), /removed:\n {4}old:\n {6}namespace: "new"\n/);
      await own.refused(
        ["remove-tenant", "shop", "--by", "Ada", "--stack", "prod"],
        2,
        /--reason <text>' not specified/,
      );
    });
  });

  describe("rename-tenant", () => {
    const entry = (...more: string[]) => world().tenant(...running("1.0.0"), ...more);
    const delivered = (text: string) =>
      text.replace("config:\n", "config:\n  shared-authority:delivery: {manifests: rendered/prod}\n");
    const rendered = () => own.git("rev-parse", "HEAD:rendered/prod");

    it("keeps every object in the cluster as it is, at the first and at the second rename", async () => {
      const before = delivered(tagsStack(entry("values: [values.yaml, tenants/shop/more.yaml, tenants/other.yaml]")));
      world().write({
        ...{ "Pulumi.prod.yaml": before, "tenants/shop/values.yaml": "a: 1\n" },
        ...{ "tenants/shop/more.yaml": "b: 1\n", "tenants/other.yaml": "c: 1\n" },
      });
      await own.init();
      assert.equal((await own.run(["render", "--stack", "prod", "--out", "rendered/prod"])).code, 0);
      await own.commitAll();
      const objects = await rendered();
      const output = await own.decided("rename-tenant", "shop", "find");
      assert.equal(await rendered(), objects);
      assert.equal(
        prod(),
        `${before.replace("    shop:", "    find:").replace("tenants/shop/more.yaml", '"tenants/find/more.yaml"')}      formerly: "shop"\n`,
      );
      assert.match(output, /Everything in the cluster keeps the name shop; nothing is deployed anew\./);
      assert.deepEqual(await own.files("HEAD"), [
        ...["Pulumi.prod.yaml", "tenants/find/more.yaml", "tenants/find/values.yaml"],
        ...["tenants/shop/more.yaml", "tenants/shop/values.yaml"],
      ]);
      assert.equal(existsSync(join(world().root, "tenants/shop")), false);
      assert.deepEqual(await own.trailers(), { Tenant: "find", Stack: "prod", Formerly: "shop" });
      await world().cutNetwork();
      await own.decided("rename-tenant", "find", "seek");
      assert.equal(await rendered(), objects);
      assert.match(prod(), /^ {4}seek:\n[^]*formerly: "shop"\n$/m);
      await own.git("revert", "--no-edit", "HEAD");
      await own.git("revert", "--no-edit", "HEAD~2");
      assert.equal(prod(), before);
      assert.equal(read("tenants/shop/more.yaml"), "b: 1\n");
    });

    it("leaves other stacks their name and their files, until they are renamed too", async () => {
      const stack = () => tagsStack("    shop: # ours\n", ...running("1.0.0").map((line) => `      ${line}\n`));
      world().write({
        "Pulumi.yaml": project.replace(
          " {}\n",
          `\n${entry()
            .replace(/tag:[^]*/, "")
            .replaceAll(/^ {2}/gm, "    ")}`.trimEnd() + "\n",
        ),
        ...{ "Pulumi.prod.yaml": stack(), "Pulumi.staging.yaml": stack() },
        ...{ "tenants/shop/values.yaml": "a: 1\n", "tenants/shop/values.prod.yaml": "b: 1\n" },
      });
      await own.init();
      const output = await own.decided("rename-tenant", "shop", "find");
      assert.match(prod(), /^ {4}find: # ours\n[^]* {6}application: "shop"\n {6}formerly: "shop"\n$/m);
      assert.match(
        output,
        /The stack staging still calls it shop\. `authority rename-tenant shop find --stack staging`/,
      );
      assert.deepEqual(await own.files("HEAD"), [
        ...["Pulumi.prod.yaml", "tenants/find/values.prod.yaml", "tenants/find/values.yaml"],
        "tenants/shop/values.prod.yaml",
      ]);
      const { code, stderr } = await own.run(["rename-tenant", "shop", "find", "--stack", "staging"]);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await own.files("HEAD"), ["Pulumi.staging.yaml", "tenants/shop/values.yaml"]);
      assert.equal((await own.run(["check"])).code, 0);
    });

    it("finds the release in the lock under each name that it has had", async () => {
      world().write({ "Pulumi.prod.yaml": tagsStack(entry("formerly: old")) });
      await own.init();
      await world().cutNetwork();
      await own.decided("rename-tenant", "shop", "find");
      assert.deepEqual(await own.files("HEAD"), ["Pulumi.prod.yaml", "releases.lock.yaml"]);
    });

    it("refuses a name that something else has, and files that differ", async () => {
      world().write({
        "Pulumi.prod.yaml": tagsStack(entry("formerly: old"), entry().replace("shop:", "second:")),
        ...{ "tenants/second/values.yaml": "a: 1\n", "tenants/third/values.yaml": "b: 1\n" },
      });
      await own.init();
      const rename = (...args: string[]) => ["rename-tenant", ...args, "--stack", "prod"];
      await own.refused(rename("shop", "second"), 2, /The stack prod has a tenant second already\./);
      await own.refused(
        rename("second", "old"),
        2,
        /The objects of the tenant shop have the name old in the cluster\./,
      );
      await own.refused(rename("shop", "old"), 2, /old is the first name of shop/);
      await own.refused(rename("shop", "Shop"), 2, /"Shop" is not a valid tenant name/);
      await own.refused(rename("shop", "shop"), 2, /The tenant has the name shop already\./);
      await own.refused(
        rename("second", "third"),
        2,
        /tenants\/third\/values\.yaml exists already, and differs from tenants/,
      );
      world().write({ "tenants/second/values.yaml": "c: 1\n" });
      await own.refused(
        rename("second", "fourth"),
        2,
        /Changed since the last commit: tenants\/second\/values\.yaml\./,
      );
    });
  });
});
