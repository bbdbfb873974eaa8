import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { StackConfig } from "../../src/config/stack-config";
import { ProblemsError } from "../../src/config/problem";
import { listStacks, readAllStackConfigs, readConfigFiles, readStackConfig } from "../../src/config/read-stack-config";
import { builtInDefaults } from "../../src/config/built-in-defaults";
import { temporaryDirectory } from "../support/directory";
import { goodStack, writeInput } from "./bad-inputs";

const project = resolve(".");

describe("readStackConfig", () => {
  const root = temporaryDirectory();

  function read(text: string, files: Readonly<Record<string, string>> = {}): StackConfig {
    writeInput(root(), { files: { "Pulumi.prod.yaml": text, ...files } });
    return readStackConfig({ root: root(), stack: "prod" });
  }

  it("reads the committed stacks: podinfo with its real addresses and evidence", () => {
    const [dev, prod] = readAllStackConfigs(project);
    assert.deepEqual([dev?.stack, dev?.follow, dev?.tenants[0]?.branch], ["dev", "branch", "master"]);
    assert.equal(dev?.tenants[0]?.tag, undefined);
    const podinfo = prod?.tenants[0];
    assert.deepEqual(
      [prod?.follow, podinfo?.repository, podinfo?.images, podinfo?.tag, podinfo?.digest],
      [
        "tags",
        "https://github.com/stefanprodan/podinfo",
        ["ghcr.io/stefanprodan/podinfo"],
        "6.15.0",
        "sha256:ec73780a8425f59ea49f5bc8cdff0d598805a224fbaa1f86c67a244f250fa9da",
      ],
    );
    assert.deepEqual(
      podinfo?.values.map(({ path }) => path),
      ["tenants/podinfo/values.yaml", "tenants/podinfo/values.prod.yaml"],
    );
  });

  it("takes the example of the design as it stands", () => {
    const config = read(`config:
  shared-authority:follow: tags
  shared-authority:configRepository: { url: https://git.example.com/config.git }
  shared-authority:tenants:
    podinfo:                                  # a map by name, never a list: see the traps
      repository: https://github.com/stefanprodan/podinfo
      chart: ./charts/podinfo
      image: ghcr.io/stefanprodan/podinfo
      tag: "6.15.0" # {"$imagepolicy": "flux-system:podinfo:tag"}
      digest: "sha256:ec73780a8425f59ea49f5bc8cdff0d598805a224fbaa1f86c67a244f250fa9da" # {"$imagepolicy": "flux-system:podinfo:digest"}
      policy: { range: ">=6.0.0 <7.0.0", automation: auto, deny: ["6.13.5"] }
`);
    assert.deepEqual(config.tenants[0]?.policy, { range: ">=6.0.0 <7.0.0", automation: "auto", deny: ["6.13.5"] });
  });

  it("takes a stack that follows a branch, with images or charts that are made for each commit", () => {
    const { tenants } = read(`config:
  shared-authority:follow: branch
  shared-authority:configRepository: { url: https://git.example.com/config.git }
  shared-authority:tenants:
    charts:
      chart: oci://registry.example.com/charts/charts
      image: registry.example.com/charts
      branchChart: { pattern: '^0\\.0\\.0-master\\.[0-9]+$' }
    images:
      repository: https://git.example.com/images
      chart: ./chart
      image: registry.example.com/images
      branchImage: { pattern: '^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$', value: image.tag }
      tag: "master-0a1b2c3-1732386000" # {"$imagepolicy": "flux-system:images:tag"}
      policy: { automation: pull-request }
    pinned:
      repository: https://git.example.com/pinned
      chart: ./chart
      image: registry.example.com/pinned
      branchImage: { pattern: '^(?P<ts>[0-9]+)-(?P<sha>[0-9a-f]{7,40})$', value: image.tag }
      tag: "1732386000-0a1b2c3"
      policy: { automation: auto, pin: { reason: a demonstration, by: ann } }
`);
    assert.deepEqual(tenants[0]?.branchChart, { range: ">=0.0.0-0", pattern: "^0\\.0\\.0-master\\.[0-9]+$" });
    assert.deepEqual(tenants[1]?.branchImage?.value, { tag: "image.tag" });
    assert.deepEqual(
      tenants.map(({ tag }) => tag),
      [undefined, "master-0a1b2c3-1732386000", "1732386000-0a1b2c3"],
    );
  });

  it("fills in every default", () => {
    assert.deepEqual(read(goodStack), {
      stack: "prod",
      root: root(),
      file: "Pulumi.prod.yaml",
      follow: "tags",
      authorityNamespace: "flux-system",
      delivery: { kind: "cluster" },
      cluster: {},
      intervals: { source: "1m0s", image: "5m0s", release: "10m0s", automation: "5m0s" },
      timeouts: { source: "1m0s", release: "5m0s" },
      tenants: [
        {
          name: "shop",
          namespace: "shop",
          repository: "https://git.example.com/shop.git",
          chart: { kind: "git", path: "./charts/shop" },
          images: ["registry.example.com/shop"],
          furtherImages: [],
          admission: "audit",
          insecureRegistry: false,
          tag: "1.4.0",
          branch: "master",
          prefix: { git: "", chart: "", image: "" },
          releasedFrom: ["master"],
          policy: { range: ">=1.0.0 <2.0.0", automation: "manual", deny: [] },
          values: [],
          team: [],
          quota: builtInDefaults.quota,
          limits: { default: { cpu: "500m", memory: "256Mi" }, defaultRequest: { cpu: "50m", memory: "64Mi" } },
          network: { ingress: [], egress: [] },
          podSecurity: "restricted",
          driftDetection: { ignore: [{ paths: ["/spec/replicas"] }] },
          secrets: [],
          line: 4,
        },
      ],
    });
  });

  it("reads each short form as its long form", () => {
    const config = read(`${goodStack}      quota: { pods: 5, requests.cpu: 0.5 }
      secrets: [shop-db, { name: shop-mail, key: mail.yaml }]
      network: { egress: [{ namespaces: [bank], ports: [443, { port: 53, protocol: UDP }] }] }
`);
    const [tenant] = config.tenants;
    assert.deepEqual(tenant?.quota, { pods: "5", "requests.cpu": "0.5" });
    assert.deepEqual(tenant.secrets, [
      { name: "shop-db", key: "values.yaml" },
      { name: "shop-mail", key: "mail.yaml" },
    ]);
    assert.deepEqual(tenant.network.egress, [
      {
        namespaces: ["bank"],
        cidrs: [],
        ports: [
          { port: 443, protocol: "TCP" },
          { port: 53, protocol: "UDP" },
        ],
      },
    ]);
  });

  it("adds up the further images of defaults, application and tenant, of which the tenant's mode wins", () => {
    const project = `name: shared-authority
runtime: nodejs
config:
  shared-authority:applications:
    value: { shop: { images: { also: [docker.io/library/redis] } } }
`;
    const defaults = "  shared-authority:defaults: { images: { admission: deny, also: [docker.io/istio/proxyv2] } }\n";
    const [shop] = read(`${goodStack}${defaults}`, { "Pulumi.yaml": project }).tenants;
    assert.deepEqual(shop?.furtherImages, ["docker.io/istio/proxyv2", "docker.io/library/redis"]);
    assert.equal(shop.admission, "deny");
    const own = "      images: { admission: off, also: [quay.io/x/y, docker.io/library/redis] }\n";
    const [other] = read(`${goodStack}${own}${defaults}`, { "Pulumi.yaml": project }).tenants;
    assert.deepEqual(other?.furtherImages, ["docker.io/istio/proxyv2", "docker.io/library/redis", "quay.io/x/y"]);
    assert.equal(other.admission, "off");
  });

  it("takes the platform's Secrets and the tenant's own as credentials", () => {
    for (const secret of ["platform-registry", "shop", "shop-registry", "shopping", "banker"]) {
      const bank = goodStack.slice(goodStack.indexOf("    shop:")).replaceAll("shop", "bank");
      const [, shop] = read(`${goodStack}      registrySecret: ${secret}\n${bank}`).tenants;
      assert.equal(shop?.registrySecret, secret);
    }
  });

  it("takes Secrets of its own beside other stacks", () => {
    const others = {
      "another authority namespace": goodStack
        .replace("config:\n", "config:\n  shared-authority:authorityNamespace: authority\n")
        .replace("    shop:", "    bank:"),
      "the same tenant": `${goodStack}      repositorySecret: bank-git\n`,
      "a stack that cannot be read": "config: [",
    };
    for (const [title, other] of Object.entries(others)) {
      writeFileSync(join(root(), "Pulumi.dev.yaml"), other);
      const [shop] = read(`${goodStack}      registrySecret: bank-registry\n      secrets: [shop-db]\n`).tenants;
      assert.equal(shop?.registrySecret, "bank-registry", title);
    }
  });

  it("takes a tenant with the name `value`", () => {
    assert.equal(read(goodStack.replace("    shop:", "    value:")).tenants[0]?.name, "value");
  });

  it("takes CRLF, a byte order mark, and a stack without tenants", () => {
    assert.equal(read(`\uFEFF${goodStack.replaceAll("\n", "\r\n")}`).tenants.length, 1);
    assert.deepEqual(read("config:\n  shared-authority:follow: tags\n").tenants, []);
    assert.deepEqual(read("config:\n  shared-authority:follow: tags\n  shared-authority:tenants: {}\n").tenants, []);
  });

  it("takes the config of other projects and providers", () => {
    assert.equal(read(`${goodStack}  kubernetes:context: lab\n  aws:region: [&a x, *a]\n`).tenants.length, 1);
  });

  it("takes markers that are commented out together with their line", () => {
    const old = '      # tag: "1.3.0" # {"$imagepolicy": "flux-system:shop:tag"}\n';
    assert.equal(read(goodStack + old).tenants[0]?.tag, "1.4.0");
  });

  it("takes a pinned tenant that is automated otherwise, without marker", () => {
    const config = read(
      goodStack
        .replace(
          "config:\n",
          "config:\n  shared-authority:configRepository: { url: ssh://git@git.example.com/config.git }\n",
        )
        .replace('<2.0.0"', '<2.0.0", automation: pull-request, pin: { reason: "#12", by: me, until: "2028-02-29" }'),
    );
    assert.deepEqual(config.tenants[0]?.policy.pin, { reason: "#12", by: "me", until: "2028-02-29" });
    assert.equal(config.configRepository?.promotionBranch, "promotions/prod");
  });

  it("reads values files whole, in their order, and from other folders below tenants/", () => {
    const values = { "tenants/shop/b.yaml": "\uFEFFb: &x 1\r\nc: *x\r\n", "tenants/all/a.yaml": "" };
    const config = read(`${goodStack}      values: [b.yaml, tenants/all/a.yaml]\n`, values);
    assert.deepEqual(config.tenants[0]?.values, [
      { path: "tenants/shop/b.yaml", content: values["tenants/shop/b.yaml"] },
      { path: "tenants/all/a.yaml", content: "" },
    ]);
  });

  it("takes no values files where the list is empty, and its own stack's only where it is absent", () => {
    const files = {
      "tenants/shop/values.yaml": "a: 1\n",
      "tenants/shop/values.prod.yaml": "b: 1\n",
      "tenants/shop/values.dev.yaml": "- bad\n",
    };
    assert.deepEqual(read(`${goodStack}      values: []\n`, files).tenants[0]?.values, []);
    assert.deepEqual(
      read(goodStack, files).tenants[0]?.values.map(({ path }) => path),
      ["tenants/shop/values.yaml", "tenants/shop/values.prod.yaml"],
    );
  });

  it("sorts tenants by name, and keeps the line of each", () => {
    const second = goodStack.slice(goodStack.indexOf("    shop:")).replaceAll("shop", "bank");
    assert.deepEqual(
      read(goodStack + second).tenants.map(({ name, line }) => [name, line]),
      [
        ["bank", 10],
        ["shop", 4],
      ],
    );
  });

  it("refuses two stacks that own the same objects in one cluster", () => {
    const inCluster = (context: string, more = "") => `${goodStack}${more}  kubernetes:context: ${context}\n`;
    const authority = (name: string) => `  shared-authority:authorityNamespace: ${name}\n`;
    const problems = (a: string, b: string): readonly string[] => {
      writeInput(root(), { files: { "Pulumi.a.yaml": a, "Pulumi.b.yaml": b } });
      try {
        readAllStackConfigs(root());
        return [];
      } catch (error) {
        assert.ok(error instanceof ProblemsError);
        return error.problems.map(({ file, line, message }) => `${file}:${String(line)}: ${message}`);
      }
    };
    const same = problems(inCluster("lab"), inCluster("lab"));
    assert.equal(same.length, 2);
    assert.match(
      same[0] ?? "",
      /^Pulumi\.b\.yaml:4: The stack a, which is in the same cluster, has the namespace `shop`/,
    );
    assert.match(same[1] ?? "", /has the HelmRelease, the account and the policies `shop` in the authority namespace/);
    const elsewhere = authority("authority-b") + "      namespace: shop-b\n";
    const [own, other] = elsewhere.split("\n").filter(Boolean);
    const apart = goodStack.replace("config:\n", `config:\n${own}\n`) + `${other}\n  kubernetes:context: lab\n`;
    assert.deepEqual(problems(inCluster("lab"), apart), []);
    assert.deepEqual(problems(inCluster("lab"), inCluster("prod")), []);
    assert.deepEqual(problems(goodStack, goodStack), []);
    const inside = inCluster("lab", "      namespace: authority-b\n");
    assert.deepEqual(problems(inside, apart).length, 1);
    assert.match(
      String(problems(inside, apart)),
      /^Pulumi\.a\.yaml:4: The namespace `authority-b` is the authority namespace of the stack b, which is in the same cluster/,
    );
    const project = "name: fleet\nruntime: nodejs\nconfig: { kubernetes:context: { value: lab } }\n";
    writeInput(root(), { files: { "Pulumi.yaml": project } });
    assert.equal(problems(goodStack, goodStack).length, 2, "a stack inherits the project's cluster");
    assert.deepEqual(problems(goodStack, inCluster("prod")), [], "its own key replaces that");
  });

  it("refuses two stacks that render into one folder", () => {
    const text = `${goodStack}  shared-authority:delivery: { manifests: out }\n`;
    writeInput(root(), { files: { "Pulumi.a.yaml": text, "Pulumi.b.yaml": text.replace("out", "./out/") } });
    assert.throws(
      () => readAllStackConfigs(root()),
      (error: unknown) => error instanceof ProblemsError && /Pulumi\.b\.yaml.*stack a as well/.test(error.message),
    );
  });

  it("refuses a stack that renders into a folder in another stack's", () => {
    const text = `${goodStack}  shared-authority:delivery: { manifests: out/all }\n`;
    const files = (other: string) => ({ "Pulumi.a.yaml": text, "Pulumi.b.yaml": text.replace("out/all", other) });
    for (const other of ["out", "out/all/b", "./out/all/b/"]) {
      writeInput(root(), { files: files(other) });
      assert.throws(
        () => readAllStackConfigs(root()),
        /Pulumi\.b\.yaml.* and that of the stack a are one in the other; Flux would deploy both from the outer one/,
      );
    }
    writeInput(root(), { files: files("out/all-b") });
    assert.equal(readAllStackConfigs(root()).length, 2);
  });

  it("gives a thousand tenants in about a thousand times the time of one", function () {
    this.timeout(20_000);
    const entry = goodStack.slice(goodStack.indexOf("    shop:"));
    const entries = Array.from({ length: 1000 }, (_, index) => entry.replaceAll("shop", `shop-${index}`)).join("");
    assert.equal(read(goodStack + entries).tenants.length, 1001);
  });
});

describe("applications and defaults", () => {
  const root = temporaryDirectory();
  const project = `name: fleet
runtime: nodejs
config:
  shared-authority:applications:
    value:
      shop:
        repository: https://git.example.com/shop.git
        chart: ./charts/shop
        image: registry.example.com/shop
        prefix: { git: v }
        branch: trunk
        branchImage: { pattern: '^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$', value: image.tag }
        pinDigest: image.tag
  shared-authority:defaults:
    value: { branch: main, team: [everyone], policy: { automation: auto }, prefix: { image: v, git: x }, quota: { pods: 1 } }
`;
  const prod = `config:
  shared-authority:follow: tags
  shared-authority:configRepository: { url: https://git.example.com/config.git }
  shared-authority:tenants:
    shop: { tag: "v1.4.0", policy: { range: 1.x, pin: { reason: r, by: me } } }
`;
  const dev = "config:\n  shared-authority:follow: branch\n  shared-authority:tenants:\n";

  function read(stack: string, files: Readonly<Record<string, string>>): StackConfig {
    writeInput(root(), { files: { "Pulumi.yaml": project, ...files } });
    return readStackConfig({ root: root(), stack });
  }

  it("gives a tenant what its application and the defaults say, mappings key by key", () => {
    const [shop] = read("prod", { "Pulumi.prod.yaml": prod }).tenants;
    assert.deepEqual(
      [shop?.branch, shop?.team, shop?.quota, shop?.prefix, shop?.policy.automation],
      ["trunk", ["everyone"], { pods: "1" }, { git: "v", chart: "", image: "v" }, "auto"],
    );
    assert.deepEqual([shop?.pinDigest, shop?.branchImage], [{ tag: "image.tag" }, undefined]);
  });

  it("reports an unreadable application once, not also what its tenants then lack", () => {
    const unreadable = project.replace("    value:\n      shop:", "      shop:");
    assert.throws(
      () => read("prod", { "Pulumi.yaml": unreadable, "Pulumi.prod.yaml": prod }),
      (error: unknown) => error instanceof ProblemsError && error.problems.length === 1,
    );
  });

  it("lets a tenant run an application under another name, and override its keys", () => {
    const { tenants } = read("dev", {
      "Pulumi.dev.yaml": `${dev}    store: { application: shop, image: b.example.com/x, tag: master-0a1b2c3-1, policy: { automation: manual } }\n`,
    });
    const [store] = tenants;
    assert.deepEqual(
      [store?.name, store?.namespace, store?.repository, store?.images],
      ["store", "store", "https://git.example.com/shop.git", ["b.example.com/x"]],
    );
    assert.deepEqual([store?.pinDigest, store?.branchImage?.value], [undefined, { tag: "image.tag" }]);
  });

  it("lets defaults of the stack replace those of the project as a whole", () => {
    const own = "  shared-authority:defaults: { releasedFrom: [main] }\n  shared-authority:branch: next\n";
    const text = prod.replace("v1.4.0", "1.4.0").replace("config:\n", `config:\n${own}`);
    const [shop] = read("prod", { "Pulumi.prod.yaml": text }).tenants;
    assert.deepEqual([shop?.team, shop?.releasedFrom, shop?.policy.automation], [[], ["main"], "manual"]);
  });

  it("takes the branch from the tenant, its application, the defaults, the stack, or `master`", () => {
    const entry = "{ chart: ./x, repository: https://git.example.com/x, image: a.example.com/x }";
    const branchOf = (tenant: string, defaults: string, stack = "") => {
      const text = `${dev}    x: ${tenant}\n  shared-authority:defaults: ${defaults}\n${stack}`;
      return read("dev", { "Pulumi.dev.yaml": text }).tenants[0]?.branch;
    };
    const branch = "  shared-authority:branch: next\n";
    assert.equal(branchOf(entry.replace("{", "{ branch: own,"), "{ branch: main }", branch), "own");
    assert.equal(branchOf(entry, "{ branch: main }", branch), "main");
    assert.equal(branchOf(entry, "{}", branch), "next");
    assert.equal(branchOf(entry, "{}"), "master");
  });

  it("applies a default automation only where there is a version to change", () => {
    const entry = "{ chart: ./x, repository: https://git.example.com/x, image: a.example.com/x }";
    const [tenant] = read("dev", { "Pulumi.dev.yaml": `${dev}    x: ${entry}\n` }).tenants;
    assert.equal(tenant?.policy.automation, "manual");
  });

  it("reports a problem that several tenants inherit once", () => {
    const text = project.replace("quota: { pods: 1 }", "limits: { max: { cpu: 100m } }");
    writeInput(root(), {
      files: { "Pulumi.yaml": text, "Pulumi.prod.yaml": `${prod}    two: { application: shop }\n` },
    });
    assert.throws(
      () => readAllStackConfigs(root()),
      (error: unknown) => error instanceof ProblemsError && error.message.split("limits.max.cpu").length === 2,
    );
  });
});

describe("readConfigFiles", () => {
  it("keeps the text, the comments and the ranges of the file", () => {
    const { text, document, config } = readConfigFiles(project, "prod").stack;
    assert.equal(text, readFileSync("Pulumi.prod.yaml", "utf8"));
    assert.match(document.toString(), /\{"\$imagepolicy": "flux-system:podinfo:tag"\}/);
    assert.ok(config?.range);
  });
});

describe("listStacks", () => {
  const root = temporaryDirectory();

  it("names the stacks that have a file, and nothing else", () => {
    writeInput(root(), {
      files: {
        "Pulumi.yaml": "",
        "Pulumi.prod.yaml": "",
        "Pulumi.eu-1.dev.yaml": "",
        "Pulumi.old.yml": "",
        "x.Pulumi.a.yaml": "",
      },
    });
    assert.deepEqual(listStacks(root()), ["eu-1.dev", "prod"]);
  });

  it("says that a folder cannot be read", () => {
    assert.throws(() => listStacks(`${root()}/gone`), ProblemsError);
  });
});
