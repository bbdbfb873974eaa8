import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import { ProblemsError } from "../../src/config/problem";
import { readStackConfig } from "../../src/config/read-stack-config";
import { foreignLineEnd } from "../../src/config/yaml-file";
import { temporaryDirectory } from "../support/directory";
import { goodStack } from "./bad-inputs";

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/).filter((name) => name !== "default");
const sentence = fc
  .string({ minLength: 1, maxLength: 30, unit: "grapheme" })
  .filter((text) => /\S/.test(text) && !foreignLineEnd.test(text));
const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)).map((numbers) => numbers.join("."));
const quantity = fc
  .tuple(fc.integer({ min: 1, max: 900 }), fc.constantFrom("", "m", "Mi"))
  .map(([number, unit]) => `${number}${unit}`);
const rule = fc
  .record({
    namespaces: fc.uniqueArray(word, { maxLength: 2 }),
    cidrs: fc.uniqueArray(
      fc.ipV4().map((address) => `${address}/24`),
      { maxLength: 2 },
    ),
    ports: fc.array(
      fc.record({ port: fc.integer({ min: 1, max: 65535 }), protocol: fc.constantFrom("TCP" as const, "UDP", "SCTP") }),
      { maxLength: 2 },
    ),
  })
  .filter(({ namespaces, cidrs }) => namespaces.length + cidrs.length > 0);

/** A Secret of the platform: no tenant's name contains a point. */
const platformSecret = word.map((name) => `${name}.credentials`);

/** A tenant without its name, as a stack's config holds it. */
const tenant = fc.record(
  {
    repository: word.map((name) => `https://git.example.com/${name}`),
    repositorySecret: platformSecret,
    registrySecret: platformSecret,
    chart: fc.oneof(
      word.map((name) => ({ kind: "git" as const, path: `./${name}` })),
      word.map((name) => ({ kind: "oci" as const, url: `oci://registry.example.com/${name}` })),
    ),
    images: fc.uniqueArray(
      word.map((name) => `registry.example.com/${name}`),
      { minLength: 1, maxLength: 3 },
    ),
    insecureRegistry: fc.boolean(),
    version,
    digest: fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`),
    prefix: fc.record({
      git: fc.constantFrom("", "v", "app/v"),
      chart: fc.constantFrom("", "v"),
      image: fc.constantFrom("", "v", "rel-"),
    }),
    releasedFrom: fc.uniqueArray(fc.constantFrom("master", "main", "release/*", "**"), { minLength: 1 }),
    policy: fc.record(
      {
        range: version.map((lowest) => `>=${lowest}`),
        automation: fc.constantFrom("manual" as const, "auto", "pull-request"),
        deny: fc.uniqueArray(version, { maxLength: 2 }),
        pin: fc.record(
          { reason: sentence, by: sentence, until: fc.constantFrom("2030-01-31", "2028-02-29") },
          { requiredKeys: ["reason", "by"] },
        ),
      },
      { requiredKeys: ["range", "automation", "deny"] },
    ),
    team: fc.uniqueArray(word, { maxLength: 2 }),
    admission: fc.constantFrom("deny" as const, "audit", "off"),
    furtherImages: fc.uniqueArray(fc.constantFrom("docker.io/library/redis", "quay.io/x/y"), { maxLength: 2 }),
    quota: fc.dictionary(fc.constantFrom("pods", "requests.cpu", "count/deployments.apps"), quantity, {
      noNullPrototype: true,
    }),
    network: fc.record({ ingress: fc.array(rule, { maxLength: 2 }), egress: fc.array(rule, { maxLength: 2 }) }),
    podSecurity: fc.constantFrom("restricted" as const, "baseline", "privileged"),
    secrets: fc.uniqueArray(word, { maxLength: 2 }),
    pinDigest: fc.constantFrom(true as const, { tag: "image.tag", digest: "image.digest" }, { tag: "t", digest: "t" }),
    driftDetection: fc.record({
      ignore: fc.constantFrom(
        [],
        [{ paths: ["/spec/replicas"] }],
        [{ paths: ["/data/a~1b", "/x"], target: { kind: "Deployment", name: "web.*" } }],
      ),
    }),
    content: fc.option(
      fc
        .dictionary(word, sentence, { noNullPrototype: true })
        .map((values) => stringify(values, { defaultStringType: "QUOTE_DOUBLE" })),
      { nil: undefined },
    ),
  },
  {
    requiredKeys: [
      "repository",
      "chart",
      "images",
      "insecureRegistry",
      "version",
      "prefix",
      "releasedFrom",
      "policy",
      "team",
      "admission",
      "furtherImages",
      "quota",
      "network",
      "podSecurity",
      "driftDetection",
      "secrets",
      "content",
    ],
  },
);

const limits = { default: { cpu: "1" }, defaultRequest: { cpu: "0.5" }, max: { cpu: "2" } };

const tenants = fc.dictionary(word, tenant, { maxKeys: 4, noNullPrototype: true });

describe("any stack", () => {
  const root = temporaryDirectory();

  it("is read back as it was written", () => {
    fc.assert(
      fc.property(tenants, fc.boolean(), (generated, isLast) => {
        const expected: Omit<Tenant, "line">[] = [];
        const entries: Record<string, unknown> = {};
        const values: Record<string, string> = {};
        for (const [name, generatedTenant] of Object.entries(generated)) {
          const {
            version: tagged,
            content,
            chart,
            images,
            admission,
            furtherImages,
            secrets,
            ...rest
          } = generatedTenant;
          const tag = rest.prefix.image + tagged;
          const own = secrets.map((secret) => ({ name: `${name}-${secret}-x`, key: "values.yaml" }));
          const path = `tenants/${name}/values.yaml`;
          if (content !== undefined) values[path] = content;
          expected.push({
            ...rest,
            name,
            namespace: `ns-${name}`,
            branch: "master",
            chart,
            images: images as [string, ...string[]],
            furtherImages,
            admission,
            tag,
            limits,
            secrets: own,
            values: content === undefined ? [] : [{ path, content }],
          });
          entries[name] = {
            ...rest,
            namespace: `ns-${name}`,
            chart: chart.kind === "git" ? chart.path : chart.url,
            image: images.length === 1 && isLast ? images[0] : images,
            images: { admission, also: furtherImages },
            tag,
            limits,
            secrets: isLast ? own.map((secret) => secret.name) : own,
          };
        }
        const configRepository = { url: "https://git.example.com/config.git" };
        const settings = {
          "shared-authority:follow": "tags",
          "shared-authority:configRepository": configRepository,
          "shared-authority:tenants": entries,
        };
        const config = readBack(withMarkers(stringify({ config: settings }, quoted)), values);
        const sorted = expected.sort((one, other) => (one.name < other.name ? -1 : 1));
        assert.deepEqual(
          config.tenants.map((read) => ({ ...read, line: 0 })),
          JSON.parse(JSON.stringify(sorted.map((one) => ({ ...one, line: 0 })))),
        );
      }),
      { numRuns: 150 },
    );
  });

  function readBack(text: string, values: Readonly<Record<string, string>>): StackConfig {
    rmSync(join(root(), "tenants"), { recursive: true, force: true });
    writeFileSync(join(root(), "Pulumi.prod.yaml"), text);
    for (const [path, content] of Object.entries(values)) {
      mkdirSync(join(root(), path, ".."), { recursive: true });
      writeFileSync(join(root(), path), content);
    }
    return readStackConfig({ root: root(), stack: "prod" });
  }

  /** Adds Flux's markers to the automated tenants without pin. */
  function withMarkers(text: string): string {
    const blocks = text.split(/^(?= {4}\S)/m);
    return blocks
      .map((block) => {
        const name = /^ {4}(\S+):$/m.exec(block)?.[1];
        if (name === undefined || !/^ {8}automation: "(?:auto|pull-request)"$/m.test(block) || /^ {8}pin:/m.test(block))
          return block;
        return block.replace(
          /^( {6}(tag|digest): .*)$/gm,
          (_, line: string, field: string) => `${line} # {"$imagepolicy": "flux-system:${name}:${field}"}`,
        );
      })
      .join("");
  }
});

/** Keys that an application has, and those that may have a default. */
const published = [
  "repository",
  "registrySecret",
  "chart",
  "image",
  "prefix",
  "branch",
  "releasedFrom",
  "team",
] as const;
const defaulted = ["registrySecret", "prefix", "branch", "releasedFrom", "team", "quota", "network", "limits"] as const;

type Entry = Readonly<Record<string, unknown>>;

/** An entry with some of these keys. */
function someOf(keys: readonly string[]): fc.Arbitrary<Entry> {
  const partly = <Value>(value: fc.Arbitrary<Value>) =>
    fc.dictionary(fc.constantFrom("git", "chart", "image"), value, { noNullPrototype: true });
  const container = fc.constantFrom({ cpu: "1" }, { cpu: "2", memory: "1Gi" });
  const full = fc.record({
    repository: word.map((name) => `https://git.example.com/${name}`),
    registrySecret: platformSecret,
    chart: word.map((name) => `./${name}`),
    image: word.map((name) => `registry.example.com/${name}`),
    prefix: partly(fc.constantFrom("v", "rel-")),
    branch: word,
    releasedFrom: fc.uniqueArray(word, { minLength: 1, maxLength: 2 }),
    team: fc.uniqueArray(word, { maxLength: 2 }),
    admission: fc.constantFrom("deny" as const, "audit", "off"),
    furtherImages: fc.uniqueArray(fc.constantFrom("docker.io/library/redis", "quay.io/x/y"), { maxLength: 2 }),
    quota: fc.dictionary(fc.constantFrom("pods", "requests.cpu"), quantity, { noNullPrototype: true }),
    network: fc.record({ ingress: fc.array(rule, { maxLength: 2 }) }),
    limits: fc.record({ default: container }),
  });
  return fc
    .tuple(full, fc.subarray([...keys]))
    .map(([entry, chosen]) => Object.fromEntries(Object.entries(entry).filter(([key]) => chosen.includes(key))));
}

describe("a tenant with an application and defaults", () => {
  const root = temporaryDirectory();
  const automation = fc.constantFrom("manual", "auto", "pull-request");

  it("is the same as one that states everything itself", () => {
    const entry = fc.tuple(
      someOf(published),
      someOf(["repository", "chart", "image"]),
      someOf([...published, ...defaulted]),
    );
    const own = fc.record({
      name: word,
      application: word,
      version,
      range: version,
      automation: fc.option(automation),
    });
    fc.assert(
      fc.property(
        entry,
        someOf(defaulted),
        automation,
        own,
        ([application, required, tenant], defaults, byDefault, own) => {
          const declared = { ...minimal, ...required, ...application };
          const merged = mergedBy(mergedBy(defaults, declared), tenant);
          const pin = { reason: "a test", by: "me" };
          const decided = {
            tag: `${(merged.prefix as { image?: string } | undefined)?.image ?? ""}${own.version}`,
            policy: { range: `>=${own.range}`, pin, ...(own.automation !== null && { automation: own.automation }) },
          };
          const inherited = read(
            {
              "shared-authority:applications": { [own.application]: declared },
              "shared-authority:defaults": { ...defaults, policy: { automation: byDefault } },
            },
            { [own.name]: { application: own.application, ...tenant, ...decided } },
          );
          const policy = { automation: byDefault, ...decided.policy };
          assert.deepEqual(inherited, read({}, { [own.name]: { ...merged, ...decided, policy } }));
        },
      ),
      { numRuns: 150 },
    );
  });

  const minimal = { repository: "https://git.example.com/shop", chart: "./chart", image: "registry.example.com/shop" };

  function mergedBy(below: Entry, above: Entry): Entry {
    const both = Object.keys(above).filter((key) => ["prefix", "network", "limits"].includes(key));
    const inner = both.map((key) => [key, { ...(below[key] as object), ...(above[key] as object) }]);
    return { ...below, ...above, ...(Object.fromEntries(inner) as Entry) };
  }

  function read(project: Entry, tenants: Entry): StackConfig {
    const values = Object.entries(project).map(([key, value]) => [key, { value }]);
    const settings = {
      "shared-authority:follow": "tags",
      "shared-authority:configRepository": { url: "https://git.example.com/config.git" },
      "shared-authority:tenants": tenants,
    };
    const write = (file: string, content: unknown) => writeFileSync(join(root(), file), stringify(content, quoted));
    write("Pulumi.yaml", { name: "fleet", config: Object.fromEntries(values) as Entry });
    write("Pulumi.prod.yaml", { config: settings });
    return readStackConfig({ root: root(), stack: "prod" });
  }
});

const quoted = {
  lineWidth: 0,
  aliasDuplicateObjects: false,
  defaultStringType: "QUOTE_DOUBLE",
  defaultKeyType: "PLAIN",
} as const;

describe("anything at all in a Pulumi file or a values file", () => {
  const root = temporaryDirectory();

  function survives(path: string, content: string | Uint8Array): void {
    mkdirSync(join(root(), "tenants/shop"), { recursive: true });
    if (path !== "Pulumi.prod.yaml") writeFileSync(join(root(), "Pulumi.prod.yaml"), goodStack);
    writeFileSync(join(root(), path), content);
    try {
      readStackConfig({ root: root(), stack: "prod" });
    } catch (error) {
      assert.ok(error instanceof ProblemsError, error instanceof Error ? error.stack : String(error));
      assert.ok(error.problems.length > 0);
    }
  }

  for (const path of ["Pulumi.yaml", "Pulumi.prod.yaml", "tenants/shop/values.yaml"]) {
    it(`is a config or a list of problems: bytes in ${path}`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(path, bytes)),
        { numRuns: 120 },
      );
    });

    it(`is a config or a list of problems: any values in ${path}`, () => {
      fc.assert(
        fc.property(fc.anything({ withBigInt: true, withDate: true, withSparseArray: true }), (value) =>
          survives(path, stringify({ config: value })),
        ),
        { numRuns: 120 },
      );
    });

    it(`is a config or a list of problems: bits of YAML in ${path}`, () => {
      const bit = fc.constantFrom(
        "a",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "[",
        "]",
        "{",
        "}",
        "&x ",
        "*x",
        "!t ",
        "|\n",
        '"',
        "'",
        "#",
        "? ",
        "---\n",
        "%YAML 1.1\n",
        "<<",
        ",",
        "\t",
      );
      fc.assert(
        fc.property(fc.array(bit, { maxLength: 40 }), (bits) => survives(path, bits.join(""))),
        { numRuns: 250 },
      );
    });
  }

  it("is a config or a list of problems: any value for any key of ours", () => {
    const keys = [
      "follow",
      "branch",
      "defaults",
      "authorityNamespace",
      "configRepository",
      "delivery",
      "cluster",
      "intervals",
      "timeouts",
      "tenants",
    ];
    const tenantKeys = [
      "repository",
      "chart",
      "image",
      "tag",
      "digest",
      "prefix",
      "releasedFrom",
      "policy",
      "values",
      "team",
      "namespace",
      "quota",
      "limits",
      "network",
      "podSecurity",
      "secrets",
      "driftDetection",
      "pinDigest",
    ];
    const value = fc.jsonValue({ maxDepth: 3 });
    const shop = fc.dictionary(fc.constantFrom(...tenantKeys), value, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), value, { noNullPrototype: true }), shop, (config, entry) => {
        const all = {
          ...Object.fromEntries(Object.entries(config).map(([key, one]) => [`shared-authority:${key}`, one])),
        };
        survives("Pulumi.prod.yaml", stringify({ config: all }));
        survives("Pulumi.prod.yaml", stringify({ config: { ...all, "shared-authority:tenants": { shop: entry } } }));
      }),
      { numRuns: 150 },
    );
  });

  it("is a list of problems for one change of one character", () => {
    fc.assert(
      fc.property(fc.nat(goodStack.length - 1), fc.string({ maxLength: 2, unit: "binary" }), (at, by) => {
        survives("Pulumi.prod.yaml", goodStack.slice(0, at) + by + goodStack.slice(at + 1));
      }),
      { numRuns: 250 },
    );
  });
});
