/** A hundred and more kinds of bad input, each with what a user must be told. The tests of `cli/` run them too. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** One kind of bad input. */
export interface BadInput {
  readonly title: string;
  readonly stack: string;
  /** Path below the project's folder to content. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Path of a symbolic link to what it points at. */
  readonly links?: Readonly<Record<string, string>>;
  readonly expect: Expectation;
}

/** What the problem must say. */
export interface Expectation {
  readonly file: string;
  /** Absent where the whole file is meant. */
  readonly line?: number;
  /** The path in the config. */
  readonly path?: string;
  /** Words that the problem, as it is shown, must have. */
  readonly words: readonly string[];
  /** What must not be shown: secrets. */
  readonly hidden?: string;
  /** Whether no other problem may be shown. */
  readonly alone?: boolean;
}

/** Writes the files of an input into a project folder. */
export function writeInput(root: string, input: Pick<BadInput, "files" | "links">): void {
  for (const [path, content] of Object.entries(input.files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  for (const [path, target] of Object.entries(input.links ?? {})) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    rmSync(join(root, path), { force: true });
    symlinkSync(target, join(root, path));
  }
}

/** A stack without fault; each input below spoils one thing in it. */
export const goodStack = `config:
  shared-authority:follow: tags
  shared-authority:tenants:
    shop:
      repository: https://git.example.com/shop.git
      chart: ./charts/shop
      image: registry.example.com/shop
      tag: "1.4.0"
      policy: { range: ">=1.0.0 <2.0.0" }
`;

const file = "Pulumi.prod.yaml";
const shop = "shared-authority:tenants.shop";
const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const configRepository = "  shared-authority:configRepository: { url: https://git.example.com/config.git }\n";

/** The good stack with one text in it replaced. */
function replaced(old: string, by: string): string {
  assert.ok(goodStack.includes(old), old);
  return goodStack.replace(old, () => by);
}

/** The good stack with lines added to the tenant's entry. */
function inTenant(...lines: string[]): string {
  return goodStack + lines.map((line) => `      ${line}\n`).join("");
}

/** The good stack with lines added below `config:`. */
function inConfig(...lines: string[]): string {
  return goodStack + lines.map((line) => `  ${line}\n`).join("");
}

/** The good stack, following a branch. */
const branchStack = goodStack
  .replace("follow: tags", "follow: branch")
  .replace('      tag: "1.4.0"\n', "")
  .replace(/ {6}policy:.*\n/, "");

/** The good stack, following a branch, with a chart as an OCI artifact. */
const ociBranchStack = branchStack.replace("./charts/shop", "oci://registry.example.com/charts/shop");

const commitPattern = "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$";
const branchImage = `{ pattern: '${commitPattern}', value: image.tag }`;

/** The good stack, following a branch whose commits have images that Flux moves; the tag is left to add. */
const automatedBranchStack =
  branchStack.replace("  shared-authority:tenants:", `${configRepository}  shared-authority:tenants:`) +
  `      branchImage: ${branchImage}\n      policy: { automation: auto }\n`;

function bad(
  title: string,
  text: string,
  at: string | undefined,
  path: string | undefined,
  words: readonly string[],
  more: Partial<Omit<BadInput, "title">> & Pick<Expectation, "hidden" | "alone"> = {},
): BadInput {
  const { hidden, alone, ...rest } = more;
  const line = at === undefined ? undefined : text.split(/\r?\n/).findIndex((one) => one.includes(at)) + 1;
  assert.notEqual(line, 0, `${title}: no line has ${String(at)}`);
  return { title, stack: "prod", files: { [file]: text }, expect: { file, line, path, words, hidden, alone }, ...rest };
}

/** A package whose program comes from another place than its name says. */
const elsewhere = "{ source: kubernetes, pluginDownloadURL: https://example.com }";

/** A problem of a values file. */
function badValues(
  title: string,
  content: string | Uint8Array,
  line: number | undefined,
  words: readonly string[],
  path?: string,
): BadInput {
  const values = "tenants/shop/values.yaml";
  return {
    title: `values file: ${title}`,
    stack: "prod",
    files: { [file]: goodStack, [values]: content },
    expect: { file: values, line, path, words },
  };
}

/** Values files that are in order by themselves, but whose names make no ConfigMap. */
function badKeys(title: string, names: readonly string[], path: string, words: readonly string[]): BadInput {
  const text = inTenant(`values: ${JSON.stringify(names)}`);
  const paths = names.map((name) => (name.startsWith("tenants/") ? name : `tenants/shop/${name}`));
  const files = { [file]: text, ...Object.fromEntries(paths.map((one) => [one, "a: 1\n"])) };
  return bad(`keys of values: ${title}`, text, "values:", `${shop}.${path}`, words, { files });
}

/** A wrong value for a key of the tenant, on a line of its own. */
function badKey(title: string, line: string, words: readonly string[], path = line.split(":")[0] ?? ""): BadInput {
  return bad(title, inTenant(line), line, `${shop}.${path}`, words);
}

const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
  .concat(
    ["b", "c", "d", "e", "f", "g", "h"].map(
      (name, index) =>
        `${name}: &${name} [${Array(10)
          .fill(`*${"abcdefg"[index] ?? ""}`)
          .join(", ")}]`,
    ),
  )
  .join("\n");

const files: BadInput[] = [
  {
    title: "no such stack",
    stack: "prd",
    files: { [file]: goodStack },
    expect: { file: "Pulumi.prd.yaml", words: ['"prd"', "Did you mean `prod`?"] },
  },
  {
    title: "no stack at all",
    stack: "prod",
    files: {},
    expect: { file, words: ["There is no stack", "There is none"] },
  },
  {
    title: "a stack whose name is a path",
    stack: "../prod",
    files: { [file]: goodStack },
    expect: { file: "Pulumi.yaml", words: ['"../prod"'] },
  },
  {
    title: "a stack file in place of the stack's name",
    stack: file,
    files: { [file]: goodStack },
    expect: { file, words: [`"${file}"`, "Did you mean `prod`?"] },
  },
  bad("an empty file", "", undefined, "shared-authority:follow", ["is missing", "`branch`, `tags`"]),
  bad("only a comment", "# nothing\n", undefined, "shared-authority:follow", ["is missing"]),
  bad("a list at the top", "- a\n", "- a", undefined, ["not a mapping"]),
  bad("a text at the top", "tags\n", "tags", undefined, ["not a mapping"]),
  bad("config that is a list", "config:\n  - a\n", "- a", "config", ["a list"]),
  bad("config that is a text", "config: tags\n", "tags", "config", ["Expected a mapping"]),
  bad("a directive", `%YAML 1.2\n---\n${goodStack}`, "%YAML", undefined, ["`%YAML 1.2`", "Remove"], { alone: true }),
  bad(
    "a merge conflict",
    goodStack.replace(/( +tag: .*\n)/, '<<<<<<< HEAD\n$1=======\n      tag: "1.5.0"\n>>>>>>> promotions/prod\n'),
    "<<<<<<<",
    undefined,
    ["Git has left a merge conflict here"],
    { alone: true },
  ),
  bad("an unclosed bracket", "config:\n  shared-authority:tenants: [\n", undefined, undefined, ["not valid YAML"], {
    expect: { file, line: 3, words: ["not valid YAML"] },
  }),
  bad("a tab as indentation", "config:\n\tshared-authority:follow: tags\n", "\t", undefined, [
    "not valid YAML",
    "Tabs",
  ]),
  bad("a line end of other readers", `${goodStack}      # x\u2028digest: ${digest}\n`, "# x", undefined, ["line end"]),
  bad("two documents", `${goodStack}---\n${goodStack}`, "---", undefined, ["more than one YAML document"]),
  bad("not UTF-8", "", undefined, undefined, ["not UTF-8"], {
    files: { [file]: Uint8Array.of(0x63, 0xff, 0xfe, 0x0a) },
  }),
  bad("half a character in UTF-8", "", undefined, undefined, ["not UTF-8"], {
    // U+D800, which UTF-8 has no form for.
    files: { [file]: Uint8Array.of(0x61, 0x3a, 0x20, 0xed, 0xa0, 0x80, 0x0a) },
  }),
  bad("too large", "", undefined, undefined, ["bytes", "at most 16777216"], {
    files: { [file]: `#${" ".repeat(16 * 1024 * 1024)}\n` },
  }),
  {
    title: "a folder in the file's place",
    stack: "prod",
    files: { [`${file}/x`]: "" },
    expect: { file, words: ["not a regular file"] },
  },
  bad("a key twice at the top", `${goodStack}config: {}\n`, "config: {}", "config", ["twice", "line 1"]),
  bad("config misspelt", goodStack.replace("config:", "confg:"), "confg", "confg", ["unknown", "`config`"]),
  bad(
    "our key at the top of the file",
    `${goodStack}shared-authority:branch: main\n`,
    "branch: main",
    "shared-authority:branch",
    ["below `config:`"],
  ),
];

const structure: BadInput[] = [
  bad("a key of ours twice", inConfig("shared-authority:follow: branch"), "follow: branch", "shared-authority:follow", [
    "twice",
    "line 2",
  ]),
  bad("a tenant twice", inConfig("  shop: {}").replace("  shop: {}", "  shop: {}"), "shop: {}", shop, [
    "`shop` appears twice",
    "line 4",
  ]),
  bad("a tenant's key twice", inTenant('tag: "1.5.0"'), "1.5.0", `${shop}.tag`, ["twice", "line 8"]),
  bad("a key without prefix", goodStack.replace("shared-authority:tenants", "tenants"), "tenants:", "tenants", [
    "no project prefix",
    "`shared-authority:tenants`",
  ]),
  bad("a strange key without prefix", inConfig("region: eu"), "region", "region", ["no project prefix"]),
  bad(
    "a prefix misspelt",
    goodStack.replace("shared-authority:follow", "shared-authorty:follow"),
    "authorty",
    "shared-authorty:follow",
    ["`shared-authority:follow`"],
  ),
  bad(
    "an unknown key of the stack",
    inConfig("shared-authority:delivry: cluster"),
    "delivry",
    "shared-authority:delivry",
    ["unknown", "`delivery`"],
  ),
  bad(
    "a key of the stack written as a path",
    inConfig("shared-authority:tenants.shop.tag: x"),
    "tenants.shop.tag",
    "shared-authority:tenants.shop.tag",
    ["mapping below"],
  ),
  badKey("an unknown key of a tenant", "imge: x", ["unknown", "Did you mean `image`?"]),
  badKey("an unknown key with nothing near", "zzzzzzzzzz: x", ["unknown", "`repository`"]),
  bad("an unknown key of the policy", replaced("policy: {", "policy: { rnge: x,"), "rnge", `${shop}.policy.rnge`, [
    "`range`",
  ]),
  badKey("an anchor", "team: &team [a]", ["anchor `&team`"]),
  bad("an alias", inTenant("releasedFrom: *x"), "*x", `${shop}.releasedFrom`, ["alias `*x`", "Write the value out"]),
  bad("a merge key", inTenant("<<: {}"), "<<", `${shop}.<<`, ["Merge keys"]),
  bad(
    "a bomb of aliases",
    `config:\n  shared-authority:follow: tags\n  shared-authority:tenants:\n${bomb.replace(/^/gm, "    ")}\n`,
    "a: &a",
    "shared-authority:tenants.a",
    ["anchor `&a`"],
  ),
  badKey("a YAML tag", "namespace: !!str shop-2", ["YAML tag"]),
  bad("an unknown YAML tag", inTenant("namespace: !secret shop-2"), "!secret", undefined, ["Unresolved tag"]),
  bad(
    "an encrypted value",
    replaced('"1.4.0"', "\n        secure: AAABANhidden"),
    "secure",
    `${shop}.tag`,
    ["secure", "Secret", "`secrets`"],
    { hidden: "AAABANhidden" },
  ),
  bad(
    "all tenants encrypted",
    "config:\n  shared-authority:follow: tags\n  shared-authority:tenants:\n    secure: AAABANhidden\n",
    "secure",
    "shared-authority:tenants",
    ["secure"],
    { hidden: "AAABANhidden" },
  ),
  bad(
    "the name __proto__",
    goodStack.replace("shop:", "__proto__:"),
    "__proto__",
    "shared-authority:tenants.__proto__",
    ["refused"],
  ),
  badKey("__proto__ in an entry", "__proto__: { tag: x }", ["refused"]),
  bad("a mapping as key", inTenant("? { a: b }", ": c"), "shop:", shop, ["a list, a mapping, or an alias"], {
    expect: { file, line: 10, path: shop, words: ["A key of the mapping is a list"] },
  }),
  bad(
    "a date without quotes",
    replaced('<2.0.0"', '<2.0.0", pin: { reason: r, by: b, until: 2030-01-01 }'),
    "2030",
    `${shop}.policy.pin.until`,
    ["`2030-01-01`", "Quote it"],
  ),
  ...[
    ["DEL", "\\x7f"],
    ["a next line", "\\N"],
    ["half a character", "\\ud800"],
    ["NUL", "\\0"],
    ["an escape", "\\e"],
  ].map(([title = "", escape = ""]) =>
    bad(
      `${title} in a text`,
      replaced('<2.0.0"', `<2.0.0", pin: { by: me, reason: "a${escape}b" }`),
      "policy",
      `${shop}.policy.pin.reason`,
      ["why the version stays, without control characters"],
    ),
  ),
  badKey("an octal number", "quota: { pods: 010 }", ["`010`", "plain decimal"], "quota.pods"),
  badKey("a number with underscores", "quota: { pods: 1_000 }", ["`1_000`"], "quota.pods"),
];

const stackLevel: BadInput[] = [
  ...[
    ["follow", "tags"],
    ["intervals", "{ source: 2m }"],
    ["defaults", "{ podSecurity: baseline }"],
    ["tenants", `{ shop: { tag: x } } # {"$imagepolicy": "flux-system:shop:tag"}`],
  ].map(([name = "", value = ""]) => {
    const text = `config:\n${name === "follow" ? "" : "  shared-authority:follow: tags\n"}  shared-authority:${name}:\n    value: ${value}\n`;
    const words = ["A stack file has no `value:`", "move its content up one level"];
    return bad(`\`value:\` below ${name}`, text, "value:", `shared-authority:${name}`, words, { alone: true });
  }),
  bad(
    "follow is missing",
    goodStack.replace("  shared-authority:follow: tags\n", ""),
    "config",
    "shared-authority:follow",
    ["missing"],
  ),
  bad("follow is misspelt", replaced("follow: tags", "follow: tag"), "follow: tag", "shared-authority:follow", [
    "`branch`, `tags`",
    "did you mean `tags`?",
    '"tag"',
  ]),
  bad("follow is a truth value", replaced("follow: tags", "follow: true"), "follow", "shared-authority:follow", [
    "`true`",
  ]),
  bad("a branch with a blank", inConfig("shared-authority:branch: my branch"), "my branch", "shared-authority:branch", [
    "Git branch",
  ]),
  bad("a branch with two dots", inConfig("shared-authority:branch: a..b"), "a..b", "shared-authority:branch", [
    "Git branch",
  ]),
  bad(
    "an authority namespace in upper case",
    inConfig("shared-authority:authorityNamespace: Flux"),
    "Flux",
    "shared-authority:authorityNamespace",
    ["lower-case"],
  ),
  bad(
    "tenants as a list",
    "config:\n  shared-authority:follow: tags\n  shared-authority:tenants:\n    - name: shop\n",
    "- name",
    "shared-authority:tenants",
    ["never a list", "comments"],
  ),
  bad(
    "tenants empty by accident",
    "config:\n  shared-authority:follow: tags\n  shared-authority:tenants:\n",
    "tenants",
    "shared-authority:tenants",
    ["a mapping from tenant", "got nothing"],
  ),
  bad(
    "a delivery that does not exist",
    inConfig("shared-authority:delivery: clutser"),
    "clutser",
    "shared-authority:delivery",
    ["`cluster`"],
  ),
  bad(
    "manifests outside the project",
    inConfig("shared-authority:delivery: { manifests: ../out }"),
    "../out",
    "shared-authority:delivery.manifests",
    ["below the project"],
  ),
  bad(
    "manifests at an absolute path",
    inConfig("shared-authority:delivery: { manifests: /tmp/out }"),
    "/tmp/out",
    "shared-authority:delivery.manifests",
    ["below the project"],
  ),
  bad(
    "a rollback where nothing waits for the release",
    replaced("policy: {", "policy: { onFailure: rollback,").replace(
      "config:\n",
      "config:\n  shared-authority:delivery: { manifests: rendered }\n",
    ),
    "onFailure",
    `${shop}.policy.onFailure`,
    ["delivers manifests", "nothing sees that it fails", "`authority rollback`"],
  ),
  bad(
    "another word for a rollback",
    replaced("policy: {", "policy: { onFailure: revert,"),
    "onFailure",
    `${shop}.policy.onFailure`,
    ["`none`, `rollback`"],
  ),
  bad(
    "manifests over the tenants",
    inConfig("shared-authority:delivery: { manifests: tenants/x }"),
    "tenants/x",
    "shared-authority:delivery.manifests",
    ["of its own"],
  ),
  bad(
    "manifests over the project itself",
    inConfig("shared-authority:delivery: { manifests: . }"),
    "manifests: .",
    "shared-authority:delivery.manifests",
    ["of its own"],
  ),
  bad(
    "a delivery with an unknown key",
    inConfig("shared-authority:delivery: { manifest: out }"),
    "manifest:",
    "shared-authority:delivery.manifest",
    ["`manifests`"],
  ),
  bad(
    "an interval without unit",
    inConfig("shared-authority:intervals: { source: 60 }"),
    "60",
    "shared-authority:intervals.source",
    ["Go duration", "the number 60"],
  ),
  bad(
    "an interval in days",
    inConfig("shared-authority:intervals: { release: 1d }"),
    "1d",
    "shared-authority:intervals.release",
    ["Go duration"],
  ),
  bad(
    "an interval of nothing",
    inConfig("shared-authority:intervals: { image: 0s }"),
    "0s",
    "shared-authority:intervals.image",
    ["longer than zero"],
  ),
  bad(
    "a negative time-out",
    inConfig("shared-authority:timeouts: { release: -5m }"),
    "-5m",
    "shared-authority:timeouts.release",
    ["Go duration"],
  ),
  bad(
    "a source's time-out in hours",
    inConfig("shared-authority:timeouts: { source: 1h }"),
    "1h",
    "shared-authority:timeouts.source",
    ["no hours"],
  ),
  bad(
    "a kubeconfig of no stack",
    inConfig("shared-authority:cluster: { kubeconfigFrom: { output: kubeconfig } }"),
    "kubeconfigFrom",
    "shared-authority:cluster.kubeconfigFrom.stack",
    ["missing", "<stack>"],
  ),
  bad(
    "a config repository without URL",
    inConfig("shared-authority:configRepository: { branch: main }"),
    "configRepository",
    "shared-authority:configRepository.url",
    ["missing"],
  ),
  bad(
    "a config repository with a password",
    inConfig("shared-authority:configRepository: { url: https://bot:hunter2@git.example.com/c.git }"),
    "configRepository",
    "shared-authority:configRepository.url",
    ["without credentials", "Secret"],
    { hidden: "hunter2" },
  ),
  bad(
    "a token in the place of a Secret's name",
    inConfig("shared-authority:configRepository: { url: https://git.example.com/c.git, secret: ghp_HUNTER2 }"),
    "configRepository",
    "shared-authority:configRepository.secret",
    ["name of a Secret"],
    { hidden: "HUNTER2" },
  ),
  bad(
    "a config path that leaves the repository",
    inConfig("shared-authority:configRepository: { url: https://git.example.com/c.git, path: ../x }"),
    "../x",
    "shared-authority:configRepository.path",
    ["without `..`"],
  ),
  bad(
    "an author without e-mail address",
    inConfig("shared-authority:configRepository: { url: https://git.example.com/c.git, author: { email: nobody } }"),
    "nobody",
    "shared-authority:configRepository.author.email",
    ["e-mail address"],
  ),
  bad(
    "a promotion branch that is the main branch",
    inConfig("shared-authority:configRepository: { url: https://git.example.com/c.git, promotionBranch: main }"),
    "promotionBranch",
    "shared-authority:configRepository.promotionBranch",
    ["both `main`"],
  ),
];

const receivers = "shared-authority:receivers";
const alerts = "shared-authority:alerts";

const notifications: BadInput[] = [
  bad(
    "a receiver of a type that Flux does not have",
    inConfig(`${receivers}: { registry: { type: git-hub, secret: hook } }`),
    "git-hub",
    `${receivers}.registry.type`,
    ["one of `generic`", "did you mean `github`?"],
  ),
  bad(
    "a receiver for somebody else",
    inConfig(`${receivers}: { harbor: { type: harbor, secret: hook } }`),
    "harbor",
    `${receivers}.harbor`,
    ["unknown", "`registry`, `configRepository`"],
  ),
  bad(
    "a receiver without Secret",
    inConfig(`${receivers}: { registry: { type: harbor } }`),
    "harbor",
    `${receivers}.registry.secret`,
    ["missing"],
  ),
  bad(
    "the address of alerts in the stack file",
    inConfig(`${alerts}: { type: slack, secret: slack, address: "https://hooks.slack.com/services/hunter2" }`),
    "hunter2",
    `${alerts}.address`,
    ["unknown", "Secret", "`address`"],
    { hidden: "hunter2" },
  ),
  bad(
    "alerts of a type that only reports on commits",
    inConfig(`${alerts}: { type: gitlabmergerequestcomment, secret: slack }`),
    "gitlabmergerequestcomment",
    `${alerts}.type`,
    ["one of `generic`"],
  ),
  bad(
    "metadata of alerts that is the program's",
    inConfig(`${alerts}: { type: slack, secret: slack, eventMetadata: { stack: other } }`),
    "stack: other",
    `${alerts}.eventMetadata.stack`,
    ["other than `stack`"],
  ),
  bad(
    "a tenant with the Secret of the alerts",
    inConfig(`${alerts}: { type: slack, secret: shop-slack }`).replace(
      "      image:",
      "      registrySecret: shop-slack\n      image:",
    ),
    "registrySecret",
    `${shop}.registrySecret`,
    ["of the platform (`alerts.secret`)", "a Secret of its own"],
  ),
];

const tenantLevel: BadInput[] = [
  bad("a tenant in upper case", goodStack.replace("shop:", "Shop:"), "Shop:", "shared-authority:tenants.Shop", [
    "lower-case",
    "Call it `shop`",
  ]),
  bad(
    "a tenant with an underscore",
    goodStack.replace("shop:", "my_shop:"),
    "my_shop",
    "shared-authority:tenants.my_shop",
    ["`my-shop`"],
  ),
  bad(
    "a tenant's name too long",
    goodStack.replace("shop:", `${"s".repeat(54)}:`),
    "sss",
    `shared-authority:tenants.${"s".repeat(54)}`,
    ["53 characters"],
  ),
  bad(
    "a tenant whose name is a path",
    goodStack.replace("shop:", '"../../etc":'),
    "../../etc",
    "shared-authority:tenants.../../etc",
    ["name of a tenant"],
  ),
  bad("a tenant without entry", inConfig("  pub:"), "pub:", "shared-authority:tenants.pub", ["got nothing"]),
  bad("a tenant that is a text", inConfig("  pub: yes"), "pub:", "shared-authority:tenants.pub", [
    "a mapping with",
    '"yes"',
  ]),
  bad("no chart", replaced("      chart: ./charts/shop\n", ""), "shop:", `${shop}.chart`, ["missing", "oci://"]),
  bad("no image", replaced("      image: registry.example.com/shop\n", ""), "shop:", `${shop}.image`, ["missing"]),
  bad(
    "a chart in Git without repository",
    replaced("      repository: https://git.example.com/shop.git\n", ""),
    "shop:",
    `${shop}.repository`,
    ["`repository` is missing"],
  ),
  ...[
    ["a local repository", "file:///srv/shop.git", "Flux reads no other"],
    ["a repository over Git's own protocol", "git://git.example.com/shop.git", "Flux reads no other"],
    ["a repository as path", "../shop", "Flux reads no other"],
    ["a repository as in scp", "git@git.example.com:team/shop.git", "`ssh://git@git.example.com/team/shop.git`"],
    ["a repository without host", "https:///shop.git", "address of a Git repository"],
    ["a repository with a query", "https://git.example.com/shop.git?ref=x", "without `?`"],
    ["a repository that is an option", "--upload-pack=touch /tmp/x", "Flux reads no other"],
  ].map(([title = "", url = "", words = ""]) =>
    bad(title, replaced("https://git.example.com/shop.git", url), "repository:", `${shop}.repository`, [words]),
  ),
  bad(
    "a password in an address",
    replaced("https://git", "https://me:hunter2@git"),
    "repository:",
    `${shop}.repository`,
    ["without credentials", "***@"],
    { hidden: "hunter2" },
  ),
  bad(
    "a clone address of Azure DevOps, with a user name",
    replaced("https://git.example.com/shop.git", "https://acme@dev.azure.com/acme/shop/_git/shop"),
    "repository:",
    `${shop}.repository`,
    ["without a user name: write `https://dev.azure.com/acme/shop/_git/shop`"],
  ),
  bad(
    "a token in an address",
    replaced("https://git", "https://HUNTER2@git"),
    "repository:",
    `${shop}.repository`,
    ["without credentials"],
    { hidden: "HUNTER2" },
  ),
  bad(
    "a password in an SSH address",
    replaced("https://git", "ssh://git:hunter2@git"),
    "repository:",
    `${shop}.repository`,
    ["without credentials"],
    { hidden: "hunter2" },
  ),
  bad("a chart that leaves the repository", replaced("./charts/shop", "../charts/shop"), "chart:", `${shop}.chart`, [
    "without `..`",
  ]),
  bad("a chart at an absolute path", replaced("./charts/shop", "/charts/shop"), "chart:", `${shop}.chart`, [
    "path in the Git repository",
  ]),
  bad(
    "an OCI chart with a tag",
    replaced("./charts/shop", "oci://registry.example.com/charts/shop:1.4.0"),
    "chart:",
    `${shop}.chart`,
    ["without tag and digest"],
  ),
  bad(
    "an OCI chart with a digest",
    replaced("./charts/shop", `oci://registry.example.com/shop@${digest}`),
    "chart:",
    `${shop}.chart`,
    ["without tag and digest"],
  ),
  bad(
    "a chart from a web server",
    replaced("./charts/shop", "https://charts.example.com/shop"),
    "chart:",
    `${shop}.chart`,
    ["oci://"],
  ),
  bad(
    "an image with a tag",
    replaced("image: registry.example.com/shop", "image: registry.example.com/shop:1.4.0"),
    "image:",
    `${shop}.image`,
    ["without tag and digest"],
  ),
  bad(
    "an image with a digest",
    replaced("image: registry.example.com/shop", `image: registry.example.com/shop@${digest}`),
    "image:",
    `${shop}.image`,
    ["without tag and digest"],
  ),
  bad("an image with a scheme", replaced("image: registry", "image: https://registry"), "image:", `${shop}.image`, [
    "image repository",
  ]),
  bad(
    "an image without registry",
    replaced("image: registry.example.com/shop", "image: shop"),
    "image:",
    `${shop}.image`,
    ["with its registry"],
  ),
  bad("no image in the list", replaced("image: registry.example.com/shop", "image: []"), "image:", `${shop}.image`, [
    "at least one image",
  ]),
  bad(
    "an image twice",
    replaced("image: registry.example.com/shop", "image: [a.example.com/x, a.example.com/x]"),
    "image:",
    `${shop}.image[1]`,
    ["twice"],
  ),
  bad(
    "a bad image in the list",
    replaced("image: registry.example.com/shop", "image: [a.example.com/x, 7]"),
    "image:",
    `${shop}.image[1]`,
    ["the number 7"],
  ),
  badKey("insecureRegistry as text", 'insecureRegistry: "yes"', ["`true` or `false`"]),
  bad("no tag", replaced('      tag: "1.4.0"\n', ""), "shop:", `${shop}.tag`, ["no `tag`"]),
  bad("a tag that is a number", replaced('"1.4.0"', "1.10"), "tag:", `${shop}.tag`, [
    "the number 1.10",
    'Quote it: `"1.10"`',
  ]),
  bad("a tag that is not SemVer", replaced('"1.4.0"', '"1.4"'), "tag:", `${shop}.tag`, ["SemVer", '"1.4"']),
  bad("a tag with a prefix that is not declared", replaced('"1.4.0"', '"v1.4.0"'), "tag:", `${shop}.tag`, [
    'prefix: { image: "v" }',
  ]),
  bad("a tag without the prefix that is declared", inTenant('prefix: { image: "v" }'), "tag:", `${shop}.tag`, [
    'image prefix "v"',
  ]),
  bad(
    "a tag with the prefix twice",
    replaced('"1.4.0"', '"vv1.4.0"\n      prefix: { image: v }'),
    "tag:",
    `${shop}.tag`,
    ['"vv1.4.0"'],
  ),
  bad("a tag with build metadata", replaced('"1.4.0"', '"1.4.0+build.7"'), "tag:", `${shop}.tag`, [
    "build metadata",
    "`+`",
  ]),
  bad("a tag with a digest", replaced('"1.4.0"', `"1.4.0@${digest}"`), "tag:", `${shop}.tag`, ["SemVer"]),
  bad("a tag that floats", replaced('"1.4.0"', "latest"), "tag:", `${shop}.tag`, ["SemVer", '"latest"']),
  bad("a tag too long for a registry", replaced('"1.4.0"', `"1.4.0-${"x".repeat(130)}"`), "tag:", `${shop}.tag`, [
    "at most 128",
  ]),
  badKey("a digest too short", "digest: sha256:abc", ["64 hexadecimal"]),
  badKey("a digest without algorithm", `digest: ${digest.slice(7)}`, ["`sha256:`"]),
  badKey("a prefix that ends in a digit", 'prefix: { git: "v1" }', ["end in a digit"], "prefix.git"),
  badKey("a prefix with a blank", 'prefix: { image: "v " }', ["a prefix of letters"], "prefix.image"),
  badKey("an unknown prefix", "prefix: { helm: v }", ["unknown", "`git`, `chart`, `image`"], "prefix.helm"),
  badKey("released from nowhere", "releasedFrom: []", ["at least one branch"]),
  badKey("released from one text", "releasedFrom: master", ["a list of branches"]),
  badKey("values as one text", "values: values.yaml", ["a list of values files"]),
  badKey("a team that is the cluster's", 'team: ["system:masters"]', ["`system:...`"], "team[0]"),
  badKey("a team without name", 'team: [""]', ["Kubernetes group"], "team[0]"),
  badKey("Pod Security misspelt", "podSecurity: restrictd", ["did you mean `restricted`?"]),
  badKey("a path of pinDigest that is none", "pinDigest: image..tag", ["`image.tag`"]),
  badKey("a path of pinDigest with an index", "pinDigest: images[0].tag", ["`image.tag`"]),
  badKey("a pinDigest that says no", "pinDigest: false", ["`true`", "`tag` and `digest`"]),
  badKey("a pinDigest without tag", "pinDigest: { digest: image.digest }", ["missing", "`image.tag`"], "pinDigest.tag"),
  badKey("a digest inside the tag", "pinDigest: { tag: image, digest: image.sha }", ["none is inside the other"]),
  badKey(
    "a field to ignore that is not a pointer",
    "driftDetection: { ignore: [{ paths: [spec.replicas] }] }",
    ["JSON pointer", "`/spec/replicas`"],
    "driftDetection.ignore[0].paths[0]",
  ),
  badKey(
    "fields to ignore without paths",
    "driftDetection: { ignore: [{ target: { kind: Deployment } }] }",
    ["missing", "JSON pointers"],
    "driftDetection.ignore[0].paths",
  ),
  badKey(
    "drift detection by its mode",
    "driftDetection: { mode: disabled }",
    ["unknown", "`ignore`"],
    "driftDetection.mode",
  ),
  badKey("a token in the place of repositorySecret", "repositorySecret: ghp_ABC", ["name of a Secret", "not shown"]),
  badKey(
    "a mode of image admission that does not exist",
    "images: { admission: warn }",
    ["`audit`"],
    "images.admission",
  ),
  badKey("a further image without registry", "images: { also: [redis] }", ["with its registry"], "images.also[0]"),
  badKey("a further image with a tag", "images: { also: ['quay.io/x/y:1'] }", ["without tag"], "images.also[0]"),
  badKey("a quota of an unknown resource", "quota: { request.cpu: 1 }", ["`requests.cpu`"], "quota.request.cpu"),
  badKey(
    "a quantity with a wrong unit",
    "quota: { requests.memory: 1GB }",
    ["quantity", "`256Mi`"],
    "quota.requests.memory",
  ),
  badKey("a negative quantity", "quota: { pods: -1 }", ["not negative"], "quota.pods"),
  badKey("a limit of an unknown resource", "limits: { default: { pods: 1 } }", ["`cpu`"], "limits.default.pods"),
  badKey(
    "a request above the limit",
    "limits: { defaultRequest: { memory: 1Gi } }",
    ["(1Gi)", "(256Mi)"],
    "limits.defaultRequest.memory",
  ),
  badKey(
    "a limit above the maximum",
    "limits: { max: { cpu: 100m } }",
    ["`default` (500m)", "(100m)"],
    "limits.max.cpu",
  ),
  badKey(
    "a rule that opens everything",
    "network: { ingress: [{ ports: [80] }] }",
    ["at least one namespace"],
    "network.ingress[0]",
  ),
  badKey(
    "an address block without length",
    "network: { egress: [{ cidrs: [10.0.0.1] }] }",
    ["address block"],
    "network.egress[0].cidrs[0]",
  ),
  badKey(
    "an address block too long",
    'network: { egress: [{ cidrs: ["10.0.0.0/33"] }] }',
    ["address block"],
    "network.egress[0].cidrs[0]",
  ),
  badKey(
    "a port beyond the last",
    "network: { ingress: [{ namespaces: [web], ports: [70000] }] }",
    ["1 to 65535", "70000"],
    "network.ingress[0].ports[0]",
  ),
  badKey(
    "a protocol that is none",
    "network: { ingress: [{ namespaces: [web], ports: [{ port: 80, protocol: HTTP }] }] }",
    ["`TCP`"],
    "network.ingress[0].ports[0].protocol",
  ),
  badKey(
    "a network namespace in upper case",
    "network: { ingress: [{ namespaces: [Web] }] }",
    ["a namespace"],
    "network.ingress[0].namespaces[0]",
  ),
  badKey(
    "an exception for a whole file",
    'credentialExceptions: { values.yaml: { hash: "3f9c0a51d7e2", reason: a label } }',
    ["the file and the path of a value"],
    "credentialExceptions.values.yaml",
  ),
  badKey(
    "an exception without a reason",
    'credentialExceptions: { "values.yaml:a.b": { hash: "3f9c0a51d7e2", reason: "..." } }',
    ["why the value is not a credential"],
    "credentialExceptions.values.yaml:a.b.reason",
  ),
  badKey(
    "an exception whose hash is a number",
    'credentialExceptions: { "values.yaml:a.b": { hash: 123456789012, reason: a label } }',
    ["12 hexadecimal digits", "Quote it"],
    "credentialExceptions.values.yaml:a.b.hash",
  ),
  badKey("another tenant's Secret", "secrets: [bank-values]", ["tenant's own", "`shop-`"], "secrets[0]"),
  badKey(
    "a Secret with a key that is none",
    "secrets: [{ name: shop-values, key: a/b }]",
    ["key of a Secret"],
    "secrets[0].key",
  ),
  badKey(
    "a Secret with a key that Kubernetes refuses",
    "secrets: [{ name: shop-values, key: ..values }]",
    ["key of a Secret"],
    "secrets[0].key",
  ),
  bad(
    "a Secret of a tenant with a longer name",
    `${inTenant("secrets: [shop-admin-db]")}    shop-admin:\n      chart: oci://registry.example.com/admin\n      image: registry.example.com/admin\n      tag: "1.0.0"\n      policy: { range: 1.x }\n`,
    "secrets",
    `${shop}.secrets[0]`,
    ["belongs to the tenant shop-admin"],
  ),
];

/** Secrets that the platform's controllers read for a tenant. */
const platformSecrets: BadInput[] = ["repositorySecret", "registrySecret"].flatMap((key) => {
  const bank = `    bank:\n      chart: oci://registry.example.com/bank\n      image: registry.example.com/bank\n      tag: "1.0.0"\n      policy: { range: 1.x }\n`;
  const line = `${key}: bank-registry`;
  return [
    bad(`another tenant's Secret as ${key}`, inTenant(line) + bank, line, `${shop}.${key}`, [
      "belongs to the tenant bank",
      "begins with `shop-`",
    ]),
    bad(
      `the Secret of a tenant with a longer name as ${key}`,
      inTenant(`${key}: shop-admin-registry`) + bank.replace("bank:", "shop-admin:"),
      `${key}:`,
      `${shop}.${key}`,
      ["belongs to the tenant shop-admin"],
    ),
    bad(
      `the Secret by which Flux pushes as ${key}`,
      inTenant(`${key}: push`).replace("config:\n", `config:\n${configRepository.replace(" }", ", secret: push }")}`),
      `${key}:`,
      `${shop}.${key}`,
      ["by which Flux pushes to the shared repository", "of its own"],
    ),
    ...["flux-system", "flux-system-pull", "shared-authority-push"].map((name) =>
      badKey(
        `the platform's Secret ${name} as ${key}`,
        `${key}: ${name}`,
        ["Secret of the platform", "may read this one repository or registry"],
        key,
      ),
    ),
    badBeside(`the Secret by which Flux pushes for another stack as ${key}`, `${key}: push-dev`, [
      "by which Flux pushes to the shared repository",
      "stack dev",
    ]),
    badBeside(`a Secret of another stack's tenant as ${key}`, `${key}: bank-registry`, [
      "belongs to the tenant bank of the stack dev",
      "begins with `shop-`",
    ]),
  ];
});

/** What the platform's controllers read for another stack. */
function badBeside(title: string, line: string, words: readonly string[]): BadInput {
  const dev = goodStack
    .replace("config:\n", `config:\n${configRepository.replace(" }", ", secret: push-dev }")}`)
    .replace("    shop:", "    bank:");
  const text = inTenant(line);
  return bad(title, text, line, undefined, words, { files: { [file]: text, "Pulumi.dev.yaml": dev } });
}

const namespaces: BadInput[] = [
  ...["kube-system", "kube-public", "kube-node-lease", "kube-flannel", "default"].map((name) =>
    badKey(`the namespace ${name}`, `namespace: ${name}`, ["belongs to the cluster"]),
  ),
  ...["kube-system", "kube-public", "kube-node-lease", "default"].map((name) =>
    bad(
      `the authority namespace ${name}`,
      inConfig(`shared-authority:authorityNamespace: ${name}`),
      "authorityNamespace",
      "shared-authority:authorityNamespace",
      ["belongs to the cluster", "`flux-system`"],
      { alone: true },
    ),
  ),
  badKey("the authority namespace", "namespace: flux-system", ["is the authority namespace"]),
  bad(
    "a tenant named like the authority namespace",
    goodStack.replace("shop:", "flux-system:"),
    "flux-system:",
    "shared-authority:tenants.flux-system",
    ["is the authority namespace"],
  ),
  bad(
    "the namespace of Flux's controllers, where the authority namespace is another",
    inTenant("namespace: flux-system").replace(
      "config:\n",
      "config:\n  shared-authority:authorityNamespace: authority\n",
    ),
    "namespace: flux-system",
    `${shop}.namespace`,
    ["belongs to the cluster"],
  ),
  ...[
    "kustomize-controller",
    "helm-controller",
    "flux-operator",
    "shared-authority-root",
    "default",
    "flux-system",
    "clusterrole-aggregation-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
  ].map((name) =>
    bad(
      `a tenant named ${name}`,
      inTenant("namespace: shop")
        .replace("    shop:", `    ${name}:`)
        .replace("config:\n", "config:\n  shared-authority:authorityNamespace: authority\n"),
      `${name}:`,
      `shared-authority:tenants.${name}`,
      [`The name \`${name}\` is reserved for the platform`],
    ),
  ),
  badKey("a namespace with a dot", "namespace: a.b", ["a namespace"]),
  bad(
    "two tenants with one namespace",
    `${goodStack}    bank:\n      namespace: shop\n      chart: oci://registry.example.com/bank\n      image: registry.example.com/bank\n      tag: "1.0.0"\n      policy: { range: 1.x }\n`,
    "namespace: shop",
    "shared-authority:tenants.bank.namespace",
    ["tenant shop as well"],
  ),
];

const marker = (target: string) => `# {"$imagepolicy": "${target}"}`;
const automated = (tag: string, more = "") =>
  configRepository.replace(/^/, goodStack.slice(0, "config:\n".length)) +
  goodStack
    .slice("config:\n".length)
    .replace('tag: "1.4.0"', `tag: ${tag}${more}`)
    .replace('<2.0.0"', '<2.0.0", automation: auto');

const policies: BadInput[] = [
  bad("no range", replaced('policy: { range: ">=1.0.0 <2.0.0" }', "policy: {}"), "policy", `${shop}.policy.range`, [
    "no `policy.range`",
  ]),
  bad("a range that is none", replaced(">=1.0.0 <2.0.0", ">=1.0.0 <<2"), "range", `${shop}.policy.range`, [
    "not a range that Flux accepts",
  ]),
  bad("a range that is a number", replaced('">=1.0.0 <2.0.0"', "1.0"), "range", `${shop}.policy.range`, [
    "the number 1.0",
    "Quote it",
  ]),
  bad(
    "a range over a list of denied versions that is too long",
    replaced('<2.0.0"', `<2.0.0", deny: [${Array.from({ length: 80 }, (_, index) => `"1.0.${index}"`).join(", ")}]`),
    "range",
    `${shop}.policy.range`,
    ["denied versions"],
  ),
  bad(
    "automation misspelt",
    replaced('<2.0.0"', '<2.0.0", automation: automatic'),
    "automation",
    `${shop}.policy.automation`,
    ["`auto`, `pull-request`, `manual`"],
  ),
  bad(
    "a denied version with prefix",
    replaced('<2.0.0"', '<2.0.0", deny: ["v1.2.0"]'),
    "deny",
    `${shop}.policy.deny[0]`,
    ["without prefix", 'got "v1.2.0"', 'in quotes: `"1.2.0"`'],
  ),
  bad(
    "a quoted part of a denied version",
    replaced('<2.0.0" }', '<2.0.0", deny: ["1.3"] }'),
    "deny",
    `${shop}.policy.deny[0]`,
    ['Write all three numbers, in quotes: `"1.3.0"`'],
  ),
  bad("a denied version as number", replaced('<2.0.0"', '<2.0.0", deny: [1.2]'), "deny", `${shop}.policy.deny[0]`, [
    "the number 1.2",
    'Write all three numbers, in quotes: `"1.2.0"`',
  ]),
  bad(
    "a version denied twice",
    replaced('<2.0.0"', '<2.0.0", deny: ["1.2.0", "1.2.0"]'),
    "deny",
    `${shop}.policy.deny[1]`,
    ["denied twice"],
  ),
  bad("a pin without reason", replaced('<2.0.0"', '<2.0.0", pin: { by: me }'), "pin", `${shop}.policy.pin.reason`, [
    "missing",
  ]),
  bad(
    "a pin with an empty reason",
    replaced('<2.0.0"', '<2.0.0", pin: { by: me, reason: " " }'),
    "pin",
    `${shop}.policy.pin.reason`,
    ["why the version stays"],
  ),
  bad(
    "a pin until a day that does not exist",
    replaced('<2.0.0"', '<2.0.0", pin: { by: me, reason: r, until: "2027-02-29" }'),
    "pin",
    `${shop}.policy.pin.until`,
    ["calendar"],
  ),
  bad(
    "automation without config repository",
    replaced('<2.0.0"', '<2.0.0", automation: auto').replace('"1.4.0"', `"1.4.0" ${marker("flux-system:shop:tag")}`),
    "config",
    "shared-authority:configRepository",
    ["where to commit"],
  ),
  bad("automation without marker", automated('"1.4.0"'), "tag:", `${shop}.tag`, [
    "no marker",
    '# {"$imagepolicy": "flux-system:shop:tag"}',
  ]),
  bad(
    "automation without marker on the digest",
    automated('"1.4.0"', ` ${marker("flux-system:shop:tag")}\n      digest: ${digest}`),
    "digest:",
    `${shop}.digest`,
    ["no marker", "flux-system:shop:digest"],
  ),
  bad("a marker of another tenant", automated('"1.4.0"', ` ${marker("flux-system:bank:tag")}`), "tag:", `${shop}.tag`, [
    "flux-system:bank:tag",
  ]),
  bad("a marker of another namespace", automated('"1.4.0"', ` ${marker("flux:shop:tag")}`), "tag:", `${shop}.tag`, [
    "Expected the marker",
  ]),
  bad(
    "a marker of another field",
    automated('"1.4.0"', ` ${marker("flux-system:shop:digest")}`),
    "tag:",
    `${shop}.tag`,
    ["Expected the marker"],
  ),
  bad("a marker of no field", automated('"1.4.0"', ` ${marker("flux-system:shop")}`), "tag:", `${shop}.tag`, [
    "Expected the marker",
  ]),
  bad(
    "a marker that cannot be read",
    automated('"1.4.0"', ' # {"$imagepolicy": flux-system:shop:tag}'),
    "tag:",
    `${shop}.tag`,
    ["Expected the marker"],
  ),
  bad(
    "a marker where people move the version",
    replaced('"1.4.0"', `"1.4.0" ${marker("flux-system:shop:tag")}`),
    "tag:",
    `${shop}.tag`,
    ["`manual`"],
  ),
  bad(
    "a marker on a pinned tenant",
    automated('"1.4.0"', ` ${marker("flux-system:shop:tag")}`).replace(
      "automation: auto",
      "automation: auto, pin: { reason: r, by: b }",
    ),
    "tag:",
    `${shop}.tag`,
    ["is pinned", "Remove the marker"],
  ),
  bad(
    "a marker at another key",
    replaced("image: registry.example.com/shop", `image: registry.example.com/shop ${marker("flux-system:shop:name")}`),
    "image:",
    undefined,
    ["must not write"],
  ),
  bad(
    "a marker on a line of its own",
    replaced('      tag: "1.4.0"', `      ${marker("flux-system:shop:tag")}\n      tag: "1.4.0"`),
    "imagepolicy",
    undefined,
    ["must not write"],
  ),
  bad("an OCI chart where a branch is followed", ociBranchStack, "chart:", `${shop}.chart`, [
    "follows a branch",
    "`branchChart: { pattern:",
  ]),
  ...[
    { key: "range", entry: "{ range: '>>1', pattern: '^a$' }", words: ["not a range that Flux accepts"] },
    { key: "pattern", entry: "{ pattern: 'master.*' }", words: ["from `^` to `$`", '"master.*"'] },
    { key: "pattern", entry: "{ range: '*' }", words: ["is missing", "a pattern of chart tags"] },
    { key: "patterns", entry: "{ patterns: '^a$' }", words: ["unknown", "Did you mean `pattern`"] },
  ].map(({ key, entry, words }) =>
    bad(
      `branchChart: ${entry}`,
      `${ociBranchStack}      branchChart: ${entry}\n`,
      "branchChart:",
      `${shop}.branchChart.${key}`,
      words,
    ),
  ),
  bad(
    "a hold of a tenant that follows the charts of a registry",
    `${ociBranchStack}      branchChart: { pattern: '^a$' }\n      policy: { hold: { reason: r, by: b } }\n`,
    "hold:",
    `${shop}.policy.hold`,
    ["newest chart of a registry", "suspended OCIRepository"],
  ),
  bad(
    "charts of commits for a chart in Git",
    `${branchStack}      branchChart: { pattern: '^a$' }\n`,
    "branchChart:",
    `${shop}.branchChart`,
    ["is in Git"],
  ),
  bad(
    "images of commits for an OCI chart",
    `${ociBranchStack}      branchImage: ${branchImage}\n      tag: master-0a1b2c3-1\n`,
    "branchImage:",
    `${shop}.branchImage`,
    ["OCI artifact", "expected `branchChart`"],
  ),
  ...["branchImage", "branchChart"].map((key) =>
    bad(
      `${key} where tags are followed`,
      inTenant(`${key}: ${key === "branchImage" ? branchImage : "{ pattern: '^a$' }"}`),
      `${key}:`,
      `${shop}.${key}`,
      ["follows tags", "not a release"],
    ),
  ),
  ...[
    { pattern: "^master-(?P<ts>[0-9]+)$", words: ["a group `sha` of hexadecimal digits"] },
    { pattern: "^master-(?P<sha>[0-9a-f]+)$", words: ["a group `ts` of digits only"] },
    { pattern: "^master-(?P<sha>[0-9a-f]+)-(?P<ts>.*)$", words: ["a group `ts` of digits only"] },
    { pattern: "^master-(?=a)(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", words: ["a regular expression from", "not `?=a)"] },
    { pattern: "^master-((?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", words: ["a regular expression from"] },
  ].map(({ pattern, words }) =>
    bad(
      `branchImage with the pattern ${pattern}`,
      `${branchStack}      branchImage: { pattern: '${pattern}', value: image.tag }\n      tag: master-0a1b2c3-1\n`,
      "branchImage:",
      `${shop}.branchImage.pattern`,
      words,
    ),
  ),
  bad(
    "branchImage without a path in the values",
    `${branchStack}      branchImage: { pattern: '${commitPattern}' }\n      tag: master-0a1b2c3-1\n`,
    "branchImage:",
    `${shop}.branchImage.value`,
    ["is missing", "a path in the chart's values"],
  ),
  bad(
    "branchImage with a path into a list",
    `${branchStack}      branchImage: { pattern: '${commitPattern}', value: "images[0].tag" }\n      tag: master-0a1b2c3-1\n`,
    "branchImage:",
    `${shop}.branchImage.value`,
    ["a path in the chart's values", '"images[0].tag"'],
  ),
  bad("branchImage without a tag", `${branchStack}      branchImage: ${branchImage}\n`, "shop:", `${shop}.tag`, [
    "has `branchImage`, but no `tag`",
  ]),
  bad(
    "a release's tag with branchImage",
    `${branchStack}      branchImage: ${branchImage}\n      tag: "1.4.0"\n`,
    'tag: "1.4.0"',
    `${shop}.tag`,
    ["a tag that `branchImage.pattern` lets through", '"1.4.0"'],
  ),
  bad(
    "automation of a commit's image without a marker",
    `${automatedBranchStack}      tag: master-0a1b2c3-1\n`,
    "tag: master",
    `${shop}.tag`,
    ["carries no marker", "flux-system:shop:tag"],
  ),
  bad(
    "a pinned image of a commit with a marker",
    `${automatedBranchStack.replace("auto }", "auto, pin: { reason: r, by: b } }")}      tag: master-0a1b2c3-1 # {"$imagepolicy": "flux-system:shop:tag"}\n`,
    "tag: master",
    `${shop}.tag`,
    ["is pinned, but carries Flux's marker"],
  ),
  bad(
    "automation of a commit's image without a place to commit",
    `${automatedBranchStack.replace(configRepository, "")}      tag: master-0a1b2c3-1 # {"$imagepolicy": "flux-system:shop:tag"}\n`,
    "config:",
    "shared-authority:configRepository",
    ["automation of the tenant shop is `auto`", "is missing"],
  ),
  bad("a tag where a branch is followed", `${branchStack}      tag: "1.4.0"\n`, "tag:", `${shop}.tag`, [
    "follows a branch",
  ]),
  bad("a digest where a branch is followed", `${branchStack}      digest: ${digest}\n`, "digest:", `${shop}.digest`, [
    "follows a branch",
  ]),
  bad(
    "automation where a branch is followed",
    `${branchStack}      policy: { automation: auto }\n`,
    "automation",
    `${shop}.policy.automation`,
    ["no version to move"],
  ),
  bad(
    "a rollback where a branch is followed",
    `${branchStack}      policy: { onFailure: rollback }\n`,
    "onFailure",
    `${shop}.policy.onFailure`,
    ["follows a branch", "no version to go back to"],
  ),
  bad(
    "a pin where a branch is followed",
    `${branchStack}      policy: { pin: { reason: r, by: b } }\n`,
    "pin",
    `${shop}.policy.pin`,
    ["follows a branch"],
  ),
];

const values: BadInput[] = [
  ...["../../etc/passwd", "/etc/passwd", "..\\\\secret.yaml", "C:/values.yaml", "a/../../b.yaml"].map((name) =>
    bad(`values at ${name}`, inTenant(`values: ["${name}"]`), "values:", `${shop}.values[0]`, ["below `tenants/`"]),
  ),
  bad(
    "values from the project's top",
    inTenant('values: ["tenants/../Pulumi.prod.yaml"]'),
    "values:",
    `${shop}.values[0]`,
    ["below `tenants/`"],
  ),
  badKey("values that do not exist", "values: [nothing.yaml]", ["no file `tenants/shop/nothing.yaml`"], "values[0]"),
  badKey("values with an empty name", 'values: [""]', ["below `tenants/`"], "values[0]"),
  bad("values twice", inTenant("values: [a.yaml, ./a.yaml]"), "values:", `${shop}.values[1]`, ["twice"], {
    files: { [file]: inTenant("values: [a.yaml, ./a.yaml]"), "tenants/shop/a.yaml": "a: 1\n" },
  }),
  bad(
    "values with a name that is not a key",
    inTenant('values: ["a b.yaml"]'),
    "values:",
    `${shop}.values[0]`,
    ["key of a ConfigMap"],
    {
      files: { [file]: inTenant('values: ["a b.yaml"]'), "tenants/shop/a b.yaml": "a: 1\n" },
    },
  ),
  badKeys("a folder's name runs into a file's", ["eu/values.yaml", "eu__values.yaml"], "values[1]", [
    "key `eu__values.yaml`",
    "tenants/shop/eu/values.yaml",
    "Rename",
  ]),
  badKeys("a shared file's name runs into an own file's", ["tenants/all/a.yaml", "tenants__all__a.yaml"], "values[1]", [
    "key `tenants__all__a.yaml`",
    "tenants/all/a.yaml",
  ]),
  badKeys("the program's own key", ["pinned-image.yaml"], "values[0]", ["key `pinned-image.yaml`", "pins the image"]),
  badKeys("a name of digits", ["a.yaml", "10"], "values[1]", ["ends in `.yaml`", "`tenants/shop/10`", "Rename"]),
  badKeys("a name that Kubernetes refuses", ["..values.yaml"], "values[0]", ["`..values.yaml`", "two points"]),
  badKeys("a path that is too long for a key", [`${"a".repeat(200)}/${"b".repeat(60)}.yaml`], "values[0]", [
    "at most 253 characters",
    "267",
  ]),
  {
    title: "values linked from outside",
    stack: "prod",
    files: { [file]: goodStack },
    links: { "tenants/shop/values.yaml": "/etc/passwd" },
    expect: { file: "tenants/shop/values.yaml", words: ["symbolic link"] },
  },
  {
    title: "a folder of values linked from outside",
    stack: "prod",
    files: { [file]: inTenant("values: [package.json]") },
    links: { "tenants/shop": resolve(".") },
    expect: { file: "tenants/shop/package.json", words: ["symbolic link"] },
  },
  {
    title: "values linked to another file of the project, of which the commit says nothing",
    stack: "prod",
    files: { [file]: goodStack, "kubeconfig.yaml": "users: []\n" },
    links: { "tenants/shop/values.yaml": "../../kubeconfig.yaml" },
    expect: { file: "tenants/shop/values.yaml", words: ["symbolic link", "name it under `values`"] },
  },
  {
    title: "values linked to nowhere",
    stack: "prod",
    files: { [file]: goodStack },
    links: { "tenants/shop/values.yaml": "gone.yaml" },
    expect: { file: "tenants/shop/values.yaml", words: ["cannot be read"] },
  },
  {
    title: "values linked in a circle",
    stack: "prod",
    files: { [file]: goodStack },
    links: { "tenants/shop/values.yaml": "values.yaml" },
    expect: { file: "tenants/shop/values.yaml", words: ["cannot be read"] },
  },
  {
    title: "values that are a folder",
    stack: "prod",
    files: { [file]: goodStack, "tenants/shop/values.yaml/x": "" },
    expect: { file: "tenants/shop/values.yaml", words: ["not a regular file"] },
  },
  badValues("a list", "- a\n", 1, ["Expected a mapping"]),
  badValues(
    "encrypted by SOPS",
    "password: ENC[AES256_GCM,data:aGk=,type:str]\nsops:\n  mac: ENC[AES256_GCM,data:eA==,type:str]\n",
    3,
    ["encrypted by SOPS", "name it under `secrets`"],
    "sops",
  ),
  badValues("a text", "hello\n", 1, ["Expected a mapping"]),
  badValues("no YAML", "a: [\n", 2, ["not valid YAML"]),
  badValues("a directive", "# v1.2\n%YAML 1.2\n---\na: 1\n", 2, ["`%YAML 1.2`", "Remove the line"]),
  badValues("two documents", "a: 1\n---\nb: 2\n", 2, ["more than one YAML document"]),
  ...(["\r", "\u0085", "\u2028", "\u2029"] as const).map((end, index) =>
    badValues(`line end ${index} of other readers`, `a: 1\n# x${end}b: 2\n`, 2, ["line end", "double quotes"]),
  ),
  badValues("not UTF-8", Uint8Array.of(0x61, 0x3a, 0x20, 0xff), undefined, ["not UTF-8"]),
  badValues("larger than a ConfigMap", `a: ${"x".repeat(1024 * 1024)}\n`, undefined, ["bytes", "at most 1048576"]),
  badValues("a bomb of aliases", `${bomb}\n`, undefined, ["expand to more than 1000 values"]),
  badValues("an alias of nothing", "a: *nothing\n", undefined, ["cannot be resolved"]),
  badValues("a key twice", "a: 1\nb: 2\na: 3\n", 3, ["twice", "line 1"], "a"),
  badValues("an unknown tag", "a: !vault x\n", 1, ["Unresolved tag"]),
  ...(
    [
      ["a password that is taken for a tag", "!Tr0ub4dor&3", "Unresolved tag"],
      ["a password that is taken for a block", "|hunter2", "Block scalar header"],
      ["a password with an escape that is none", '"\\qhunter2"', "Invalid escape sequence"],
      ["a password behind an indicator", "@hunter2", "Plain value cannot start"],
    ] as const
  ).map(([title, text, word]): BadInput => {
    const input = badValues(title, `password: ${text}\n`, 1, [word]);
    return { ...input, expect: { ...input.expect, hidden: text.replace(/^["|@\\]+/, "") } };
  }),
  badValues("the name __proto__", "__proto__: { a: 1 }\n", 1, ["refused"]),
];

const projectFile = "Pulumi.yaml";

/** What the good stack's tenant states, as an application in `Pulumi.yaml`. */
const goodProject = `name: fleet
runtime: nodejs
config:
  shared-authority:applications:
    value:
      shop:
        repository: https://git.example.com/shop.git
        chart: ./charts/shop
        image: registry.example.com/shop
  shared-authority:defaults:
    value:
      releasedFrom: [main]
`;

/** A stack whose tenant inherits all it can. */
const shortStack = `config:
  shared-authority:follow: tags
  shared-authority:tenants:
    shop: { tag: "1.4.0", policy: { range: ">=1.0.0 <2.0.0" } }
`;

/** A problem of `Pulumi.yaml`. */
function badProject(
  title: string,
  text: string,
  at: string,
  path: string | undefined,
  words: readonly string[],
  stack = shortStack,
): BadInput {
  const line = text.split("\n").findIndex((one) => one.includes(at)) + 1;
  assert.notEqual(line, 0, `${title}: no line has ${at}`);
  const files = { [projectFile]: text, [file]: stack };
  return {
    title: `project: ${title}`,
    stack: "prod",
    files,
    expect: { file: projectFile, line, path, words, alone: true },
  };
}

/** The good project with one text in it replaced. */
function inProject(old: string, by: string): string {
  assert.ok(goodProject.includes(old), old);
  return goodProject.replace(old, () => by);
}

/** A problem of a stack whose project declares the application `shop`. */
function badShort(
  title: string,
  old: string,
  by: string,
  path: string,
  words: readonly string[],
  at = by.trim(),
): BadInput {
  assert.ok(shortStack.includes(old), old);
  const text = shortStack.replace(old, () => by);
  return bad(`short stack: ${title}`, text, at, `shared-authority:${path}`, words, {
    files: { [projectFile]: goodProject, [file]: text },
    alone: true,
  });
}

const applications = "shared-authority:applications";

const projects: BadInput[] = [
  bad(
    "a name that Pulumi reads as another number",
    replaced("    shop:", "    01:"),
    "01:",
    "shared-authority:tenants.01",
    ["means one thing to Pulumi"],
  ),
  bad("brackets nested too deeply", inConfig(`other:x: ${"[".repeat(9000)}${"]".repeat(9000)}`), "other:x", undefined, [
    "nested too deeply",
  ]),
  badProject("a list at the top", "- a\n", "- a", undefined, ["not a mapping"]),
  badProject("config misspelt", inProject("config:", "confg:"), "confg", "confg", ["unknown", "`config`"]),
  ...["plugins: { analyzers: [{ name: policy, path: ./yes }] }", "stackConfigDir: other", "? [a]\n: b"].map((entry) => {
    const [key = ""] = entry.split(":");
    const path = key.startsWith("?") ? "" : key;
    return badProject(`${key} at the top`, `${entry}\n${goodProject}`, key.split("\n")[0]!, path, [
      "refused",
      "Remove it",
    ]);
  }),
  ...["./mine", "mine/kubernetes", "../mine", "/mine", "{ source: ./mine }", "[]", elsewhere].map((source) =>
    badProject(
      `the package ${source}`,
      `requiredPulumiVersion: ">=3.200.0"\npackages:\n  aws: aws@7.0.0\n  random: { source: terraform-provider, version: 1.0.0, parameters: [hashicorp/random] }\n  kubernetes: ${source}\n${goodProject}`,
      "  kubernetes:",
      "packages.kubernetes",
      ["Expected a published package"],
    ),
  ),
  {
    ...badProject("another project file", goodProject, "name", undefined, []),
    files: { [projectFile]: goodProject, [file]: shortStack, "Pulumi.json": "{}" },
    expect: { file: "Pulumi.json", words: ["in place of `Pulumi.yaml`", "Remove it"], alone: true },
  },
  badProject(
    "applications without `value:`",
    inProject("    value:\n      shop:", "      shop:"),
    "applications",
    applications,
    ["no `value:`", "`shared-authority:applications: { value: { ... } }`"],
  ),
  badProject(
    "defaults without `value:`",
    inProject("    value:\n      releasedFrom", "      releasedFrom"),
    "defaults",
    "shared-authority:defaults",
    ["no `value:`"],
  ),
  badProject(
    "an empty `value:`",
    inProject("      releasedFrom: [main]\n", ""),
    "defaults",
    "shared-authority:defaults",
    ["got nothing"],
  ),
  badProject(
    "`value:` and `default:`",
    inProject("    value:\n      shop:", "    default: {}\n    value:\n      shop:"),
    "applications",
    applications,
    ["both `value:` and `default:`", "Remove `default:`"],
  ),
  badProject("`value:` twice", `${goodProject}    value: {}\n`, "value: {}", "shared-authority:defaults", [
    "appears twice",
  ]),
  badProject("a number as a key", inProject("      shop:", "      1:"), "1:", `${applications}.1`, [
    "not a text",
    'Quote it: `"1"`',
  ]),
  badProject(
    "a merge key in the config",
    `${goodProject}  <<: { "shared-authority:defaults": { value: {} } }\n`,
    "<<",
    "config.<<",
    ["Merge keys", "refused"],
  ),
  badProject("a merge key at the top", `${goodProject}<<: { config: {} }\n`, "<<", "<<", ["Merge keys", "refused"]),
  ...["follow: { value: tags }", "tenants: { value: {} }", "branch: main"].map((line) =>
    badProject(
      `a key of a stack: ${line}`,
      `${goodProject}  shared-authority:${line}\n`,
      line,
      `shared-authority:${line.split(":")[0] ?? ""}`,
      ["only `applications` and `defaults`", "Move it to the stack file"],
    ),
  ),
  badProject(
    "an unknown key of ours",
    `${goodProject}  shared-authority:aplications: { value: {} }\n`,
    "aplications",
    "shared-authority:aplications",
    ["only `applications` and `defaults`", "Did you mean `applications`?"],
  ),
  badProject(
    "a key without prefix in a project of our name",
    `${goodProject.replace("fleet", "shared-authority")}  follow: { value: tags }\n`,
    "follow",
    "shared-authority:follow",
    ["Move it to the stack file"],
  ),
  badProject(
    "applications misspelt",
    inProject("applications", "applicatons"),
    "applicatons",
    "shared-authority:applicatons",
    ["only `applications` and `defaults`", "Did you mean `applications`?"],
  ),
  badProject(
    "the prefix of the applications misspelt",
    inProject("authority:applications", "authorty:applications"),
    "authorty",
    undefined,
    ["Did you mean `shared-authority:applications`?"],
  ),
  badProject(
    "an application twice",
    inProject("  shared-authority:defaults", "      shop: { branch: main }\n  shared-authority:defaults"),
    "shop: {",
    `${applications}.shop`,
    ["`shop` appears twice"],
  ),
  ...["chart", "image", "repository"].map((key) =>
    badProject(
      `an application without ${key}`,
      goodProject.replace(new RegExp(` {8}${key}:.*\n`), ""),
      "shop:",
      `${applications}.shop.${key}`,
      ["missing"],
      `${shortStack}    two: { application: shop, tag: "1.4.0", policy: { range: 1.x } }\n`,
    ),
  ),
  badProject("a prefix misspelt", inProject("authority:defaults", "authorty:defaults"), "authorty", undefined, [
    "Did you mean `shared-authority:defaults`?",
  ]),
  badProject(
    "applications twice",
    `${goodProject}  shared-authority:applications: { value: {} }\n`,
    "applications: {",
    applications,
    ["appears twice", "line 4"],
  ),
  badProject("an alias", inProject("./charts/shop", "*chart"), "*chart", `${applications}.shop.chart`, ["alias"]),
  badProject(
    "an encrypted value",
    inProject("./charts/shop", "{ secure: x }"),
    "secure",
    `${applications}.shop.chart`,
    ["Encrypted values"],
  ),
  badProject("applications as a list", inProject("      shop:", "      - shop:"), "- shop", applications, [
    "never a list",
  ]),
  badProject("an application in upper case", inProject("      shop:", "      Shop:"), "Shop:", `${applications}.Shop`, [
    "name of an application",
    "Call it `shop`",
  ]),
  ...["tag: '1.0.0'", "namespace: shop", "policy: {}", "quota: {}"].map((line) =>
    badProject(
      `a key of a tenant in an application: ${line}`,
      inProject("        chart:", `        ${line}\n        chart:`),
      line,
      `${applications}.shop.${line.split(":")[0] ?? ""}`,
      ["is unknown"],
    ),
  ),
  ...["range: 1.x", "deny: []", "pin: {}"].map((line) =>
    badProject(
      `a decision among the defaults: ${line}`,
      inProject("releasedFrom: [main]", `policy: { ${line} }`),
      line,
      `shared-authority:defaults.policy.${line.split(":")[0] ?? ""}`,
      ["is not allowed in `defaults`", "Set it in each tenant."],
    ),
  ),
  badProject(
    "a key of a tenant among the defaults",
    inProject("releasedFrom: [main]", "tag: x"),
    "tag: x",
    "shared-authority:defaults.tag",
    ["`tag` is not allowed in `defaults`", "Set it in each tenant."],
  ),
  badProject(
    "a key of an application among the defaults",
    inProject("releasedFrom: [main]", "chart: ./x"),
    "chart: ./x",
    "shared-authority:defaults.chart",
    ["`chart` is not allowed in `defaults`", "Set it in each tenant, or in the application."],
  ),
  badProject(
    "a bad value that a tenant inherits",
    inProject("./charts/shop", "../x"),
    "../x",
    `${applications}.shop.chart`,
    ["without `..`"],
  ),
  badProject(
    "an application that no tenant runs",
    inProject("      shop:\n", "      bank: { image: bank }\n      shop:\n"),
    "bank:",
    `${applications}.bank.image`,
    ["with its registry"],
  ),
  badProject(
    "a rule broken by what a tenant inherits from its application",
    inProject("image: registry.example.com/shop", "image: [a.example.com/x, a.example.com/x]"),
    "image:",
    `${applications}.shop.image[1]`,
    ["appears twice"],
  ),
  badProject(
    "a rule broken by what a tenant inherits from the defaults",
    inProject("releasedFrom: [main]", "limits: { max: { cpu: 100m } }"),
    "limits",
    "shared-authority:defaults.limits.max.cpu",
    ["`default` (500m)", "(100m)"],
  ),
  badProject(
    "another tenant's Secret in an application",
    inProject("        chart:", "        registrySecret: bank-registry\n        chart:"),
    "registrySecret",
    `${applications}.shop.registrySecret`,
    ["belongs to the tenant bank"],
    `${shortStack}    bank: { application: shop, tag: "1.4.0", policy: { range: 1.x } }\n`,
  ),
  badProject(
    "an OCI chart without `branchChart`, where a stack follows a branch",
    inProject("./charts/shop", "oci://registry.example.com/charts/shop"),
    "chart:",
    `${applications}.shop.chart`,
    ["follows a branch"],
    "config:\n  shared-authority:follow: branch\n  shared-authority:tenants: { shop: {} }\n",
  ),
  badShort("an unknown application", "{ tag", "{ application: shopp, tag", "tenants.shop.application", [
    "tenants.shop.application: `Pulumi.yaml` declares no application `shopp`",
    "Did you mean `shop`? Declare `shopp` under `shared-authority:applications`, or write `chart` and `image` here",
  ]),
  badShort("an application whose name is a number", "{ tag", "{ application: 7, tag", "tenants.shop.application", [
    "the name of an application",
  ]),
  badShort("a tenant whose name is not an application", "    shop:", "    shops:", "tenants.shops", [
    "tenants.shops: `Pulumi.yaml` declares no application `shops`",
    "Did you mean `shop`? Declare `shops` under `shared-authority:applications`, name one with `application:`, or write `chart` and `image` here.",
  ]),
  badShort("a tenant of an unknown name with a chart", "    shop: {", "    shops: { chart: ./x,", "tenants.shops", [
    "declares no application `shops`",
  ]),
  badShort(
    "a tenant that inherits everything but the tag",
    'tag: "1.4.0", ',
    "",
    "tenants.shop.tag",
    ["no `tag`"],
    "shop:",
  ),
  badShort(
    "automation by default, without marker",
    "config:\n",
    `config:\n${configRepository}  shared-authority:defaults: { policy: { automation: auto } }\n`,
    "tenants.shop.tag",
    ["carries no marker"],
    "tag:",
  ),
  badShort(
    "applications in a stack file",
    "config:\n",
    "config:\n  shared-authority:applications: { value: {} }\n",
    "applications",
    ["expected none in a stack file", "Move the key to `Pulumi.yaml`"],
    "applications: {",
  ),
  badShort(
    "bad defaults in a stack file",
    "config:\n",
    "config:\n  shared-authority:defaults: { podSecurity: open }\n",
    "defaults.podSecurity",
    ["`restricted`"],
    "podSecurity",
  ),
  {
    title: "a stack file that is a link",
    stack: "prod",
    files: { "stack.yaml": goodStack },
    links: { [file]: "stack.yaml" },
    expect: { file, words: ["symbolic link"] },
  },
  {
    title: "a project file that is a link",
    stack: "prod",
    files: { [file]: goodStack, "project.yaml": goodProject },
    links: { [projectFile]: "project.yaml" },
    expect: { file: projectFile, words: ["symbolic link"] },
  },
];

/** Tenants that are renamed or removed. */
const leaving: readonly BadInput[] = [
  {
    title: "a removal of what runs",
    stack: "prod",
    files: { [file]: inConfig("shared-authority:removed: { cart: { namespace: shop, by: Ada, reason: unused } }") },
    expect: {
      file,
      line: 10,
      path: "shared-authority:removed.cart.namespace",
      words: ["that of the tenant shop"],
      alone: true,
    },
  },
  {
    title: "a removal of a namespace of the cluster",
    stack: "prod",
    files: {
      [file]: inConfig("shared-authority:removed: { cart: { namespace: kube-system, by: Ada, reason: unused } }"),
    },
    expect: {
      file,
      line: 10,
      path: "shared-authority:removed.cart.namespace",
      words: ["belongs to no tenant"],
      alone: true,
    },
  },
  {
    title: "a removal without a reason, as the program prints it",
    stack: "prod",
    files: { [file]: inConfig('shared-authority:removed: { cart: { namespace: cart, by: "...", reason: "..." } }') },
    expect: { file, line: 10, path: "shared-authority:removed.cart.by", words: ["who decided"] },
  },
  {
    title: "the name that a tenant has as its former one",
    stack: "prod",
    files: { [file]: inTenant("formerly: shop") },
    expect: { file, line: 10, path: `${shop}.formerly`, words: ["has now", "Remove the key"], alone: true },
  },
  {
    title: "a rename that leaves the values files behind",
    stack: "prod",
    files: {
      [file]: inTenant("formerly: cart", "namespace: shop"),
      "tenants/cart/values.yaml": "replicaCount: 2\n",
      "tenants/cart/values.dev.yaml": "replicaCount: 3\n",
    },
    expect: {
      file,
      line: 10,
      path: `${shop}.formerly`,
      words: ["`tenants/cart/values.yaml`", "Move the file to `tenants/shop/values.yaml`", "empty file"],
      alone: true,
    },
  },
  {
    title: "the name of another tenant as a former one",
    stack: "prod",
    files: {
      [file]:
        inTenant("formerly: cart", "namespace: shop") +
        goodStack.slice(goodStack.indexOf("    shop:")).replace("shop:", "cart:"),
    },
    expect: { file, line: 10, path: `${shop}.formerly`, words: ["cart", "expected one of its own"] },
  },
  {
    title: "a former name of the platform",
    stack: "prod",
    files: { [file]: inTenant("formerly: helm-controller", "namespace: shop") },
    expect: { file, line: 10, path: `${shop}.formerly`, words: ["reserved for the platform"], alone: true },
  },
];

/** All of them. */
export const badInputs: readonly BadInput[] = [
  ...files,
  ...structure,
  ...stackLevel,
  ...notifications,
  ...tenantLevel,
  ...platformSecrets,
  ...namespaces,
  ...leaving,
  ...policies,
  ...values,
  ...projects,
];
