/**
 * Rules that hold between keys, beyond what the schema says of each. They read the settings as they stand in the file,
 * not as they come out of the schema, so that one bad key hides no other problem: what has the wrong type is passed
 * over here, since the schema has reported it.
 */
import { policyError, parseRange } from "../version/range";
import { commitOfTag } from "../version/tag-pattern";
import { parseVersion, versionOfTag } from "../version/version";
import { isClusterNamespace, isPlatformName } from "./kubernetes-name";
import { checkMarkers } from "./marker-rules";
import { parseQuantity } from "./quantity";
import { quoteShown, type Report } from "./report";
import { defaultLimits } from "./tenant-schema";
import type { ConfigPath } from "./stack-file";

type Mapping = Readonly<Record<string, unknown>>;

/** A container registry takes no longer tag. */
const longestTag = 128;

/** Checks everything that more than one key decides. */
export function checkRules(report: Report, settings: Mapping): void {
  const stack = new StackRules(report, settings);
  for (const name of stack.tenantNames) stack.checkTenant(name);
  stack.checkNamespacesAreOwn();
  stack.checkNamesAreOwn();
  stack.checkConfigRepository();
  stack.checkDelivery();
  checkMarkers(report, stack.authorityNamespace, stack.markedTenants());
}

class StackRules {
  readonly #tenants: Mapping;
  readonly #follow: unknown;
  readonly authorityNamespace: string;
  readonly tenantNames: readonly string[];

  constructor(
    readonly report: Report,
    readonly settings: Mapping,
  ) {
    this.#tenants = mapping(settings.tenants);
    this.#follow = settings.follow;
    this.authorityNamespace = string(settings.authorityNamespace) ?? "flux-system";
    this.tenantNames = Object.keys(this.#tenants);
  }

  checkTenant(name: string): void {
    const entry = this.#entry(name);
    const at = (...path: ConfigPath): ConfigPath => ["tenants", name, ...path];
    if (this.report.has(at())) return;
    this.#checkChart(entry, at);
    this.#checkImages(entry, at);
    this.#checkBranchForms(entry, at);
    this.#checkTag(entry, at);
    this.#checkPolicy(entry, at);
    this.#checkSecrets(name, entry, at);
    this.#checkLimits(entry, at);
  }

  #entry(name: string): Mapping {
    return mapping(this.#tenants[name]);
  }

  #checkChart(entry: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    const chart = string(entry.chart);
    if (chart !== undefined && !chart.includes("://") && entry.repository === undefined) {
      this.report.add(
        at("repository"),
        `The chart ${quoteShown(chart)} is a path in a Git repository, but \`repository\` is missing.`,
        "Name the application's Git repository, or an OCI chart (`oci://...`).",
      );
    }
  }

  #checkImages(entry: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    if (!Array.isArray(entry.image)) return;
    const seen = new Set<unknown>();
    for (const [index, image] of entry.image.entries()) {
      if (seen.has(image) && typeof image === "string") {
        this.report.add(at("image", index), `The image ${quoteShown(image)} stands twice.`, "Remove one of the two.");
      }
      seen.add(image);
    }
  }

  /** What an application publishes for each commit: images for a chart in Git, or charts. */
  #checkBranchForms(entry: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    const { report } = this;
    const { chart, branchImage, branchChart } = entry;
    const isOci = string(chart)?.startsWith("oci://") ?? false;
    if (this.#follow === "tags") {
      for (const key of ["branchImage", "branchChart"] as const) {
        if (entry[key] === undefined) continue;
        report.add(
          at(key),
          `The stack follows tags, but the tenant has \`${key}\`; expected none: what is made for a commit is no release.`,
          "Remove it, or set `shared-authority:follow` to `branch`.",
          "key",
        );
      }
    }
    if (this.#follow !== "branch" || chart === undefined || report.has(at("chart"))) return;
    if (isOci && branchImage !== undefined) {
      report.add(
        at("branchImage"),
        "The chart is an OCI artifact, but the tenant has `branchImage`; expected `branchChart`: such a chart lies at no commit.",
        "Remove it, and say with `branchChart` which charts are followed.",
        "key",
      );
    }
    if (isOci && branchChart === undefined) {
      report.add(
        at("chart"),
        "The stack follows a branch, but the chart is an OCI artifact, which lies on none.",
        "Say which charts are made for a commit, such as `branchChart: { pattern: '^0\\.0\\.0-master\\.[0-9]+$' }`, or name a chart in Git.",
      );
    }
    if (!isOci && branchChart !== undefined) {
      report.add(
        at("branchChart"),
        "The chart lies in Git, but the tenant has `branchChart`; expected it for an OCI chart alone.",
        "Remove it, or name an OCI chart (`oci://...`).",
        "key",
      );
    }
    const range = string(mapping(branchChart).range);
    if (range === undefined || report.has(at("branchChart", "range"))) return;
    const parsed = parseRange(range);
    if ("error" in parsed) report.add(at("branchChart", "range"), `This is no range that Flux takes: ${parsed.error}.`);
  }

  #checkTag(entry: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    const { report } = this;
    if (this.#follow === "branch") {
      if (entry.branchImage !== undefined) {
        this.#checkCommitTag(entry, at);
        return;
      }
      for (const key of ["tag", "digest"]) {
        if (entry[key] === undefined) continue;
        report.add(
          at(key),
          `The stack follows a branch, but the tenant has a \`${key}\` and no \`branchImage\`; expected none.`,
          `Remove it, or say with \`branchImage\` how the images of commits are tagged, or set \`shared-authority:follow\` to \`tags\`.`,
          "key",
        );
      }
      return;
    }
    if (this.#follow === "tags" && entry.tag === undefined) {
      report.add(
        at("tag"),
        "The stack follows tags, but the tenant has no `tag`.",
        'Name the release that is to run, such as `tag: "6.15.0"`.',
      );
    }
    const tag = string(entry.tag);
    const prefix = entry.prefix === undefined ? "" : imagePrefix(entry.prefix);
    if (tag === undefined || prefix === undefined || report.has(at("tag"))) return;
    const version = versionOfTag(tag, prefix);
    if (version === undefined) {
      report.add(
        at("tag"),
        `Expected the image prefix ${JSON.stringify(prefix)} and a SemVer version, got ${quoteShown(tag)}.`,
        prefixHint(tag, prefix),
      );
    } else if ((parseVersion(version)?.build.length ?? 0) > 0) {
      report.add(
        at("tag"),
        `Expected a version without build metadata, got ${quoteShown(tag)}: an image tag cannot hold a \`+\`.`,
        `Leave out what begins with \`+\`.`,
      );
    } else if (tag.length > longestTag) {
      report.add(at("tag"), `Expected an image tag of at most ${longestTag} characters, got one of ${tag.length}.`);
    }
  }

  /** The tag of an image that was made for a commit. */
  #checkCommitTag({ tag, branchImage }: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    const { report } = this;
    if (tag === undefined) {
      report.add(
        at("tag"),
        "The tenant has `branchImage`, but no `tag`.",
        "Name the image that is to run, such as the newest that `authority plan` shows once any is named.",
      );
      return;
    }
    const pattern = string(mapping(branchImage).pattern);
    const text = string(tag);
    if (text === undefined || pattern === undefined || report.has(at("branchImage")) || report.has(at("tag"))) return;
    if (report.has(at("branchImage", "pattern"))) return;
    if (commitOfTag(pattern, text) === undefined) {
      report.add(at("tag"), `Expected a tag that \`branchImage.pattern\` lets through, got ${quoteShown(text)}.`);
    } else if (text.length > longestTag) {
      report.add(at("tag"), `Expected an image tag of at most ${longestTag} characters, got one of ${text.length}.`);
    }
  }

  #checkPolicy(entry: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    const { report } = this;
    const policy = mapping(entry.policy);
    if (this.#follow === "tags" && policy.range === undefined && !report.has(at("policy"))) {
      report.add(
        at("policy", "range"),
        "The stack follows tags, but the tenant has no `policy.range`.",
        'Say which versions may run, such as `policy: { range: ">=6.0.0 <7.0.0" }`.',
      );
    }
    if (this.#follow === "branch" && entry.branchImage === undefined) {
      if (policy.automation === "auto" || policy.automation === "pull-request") {
        report.add(
          at("policy", "automation"),
          `The stack follows a branch, but the automation is \`${policy.automation}\`; expected \`manual\` or nothing: without \`branchImage\` there is no version to move.`,
          "Remove it, or set `shared-authority:follow` to `tags`.",
        );
      }
      if (policy.pin !== undefined) {
        report.add(
          at("policy", "pin"),
          "The stack follows a branch, but the tenant has a pin; expected none: without `branchImage` there is no version that could stay.",
          "Remove it, or set `shared-authority:follow` to `tags`.",
          "key",
        );
      }
    }
    this.#checkRange(policy, at);
  }

  #checkRange(policy: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    const { report } = this;
    const range = string(policy.range);
    const denied = Array.isArray(policy.deny) ? policy.deny.map(string).filter((one) => one !== undefined) : [];
    for (const [index, version] of denied.entries()) {
      const first = denied.indexOf(version);
      if (first !== index)
        report.add(
          at("policy", "deny", index),
          `The version ${quoteShown(version)} is denied twice.`,
          "Remove one of the two.",
        );
    }
    if (range === undefined || report.has(at("policy", "range"))) return;
    const parsed = parseRange(range);
    if ("error" in parsed) {
      report.add(at("policy", "range"), `This is no range that Flux takes: ${parsed.error}.`);
      return;
    }
    const deniedAreVersions = denied.every((version) => parseVersion(version) !== undefined);
    const error = deniedAreVersions ? policyError(range, denied) : undefined;
    if (error !== undefined) {
      report.add(
        at("policy", "range"),
        `With the denied versions taken out, this is no range that Flux takes: ${error}.`,
      );
    }
  }

  /** Values are taken from a tenant's own Secrets only; credentials may be the platform's, but no other tenant's. */
  #checkSecrets(name: string, entry: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    for (const key of ["repositorySecret", "registrySecret"]) {
      this.#checkSecretOwner(name, string(entry[key]), at(key));
    }
    if (!Array.isArray(entry.secrets)) return;
    for (const [index, secret] of entry.secrets.entries()) {
      const secretName = string(secret) ?? string(mapping(secret).name);
      const path = typeof secret === "string" ? at("secrets", index) : at("secrets", index, "name");
      if (secretName === undefined || this.report.has(path)) continue;
      if (belongsTo(secretName, name)) this.#checkSecretOwner(name, secretName, path);
      else {
        this.report.add(
          path,
          `The Secret is not the tenant's own; expected a name that is \`${name}\` or begins with \`${name}-\`.`,
          "Give the Secret such a name, so that no tenant reads another's.",
        );
      }
    }
  }

  #checkSecretOwner(name: string, secret: string | undefined, path: ConfigPath): void {
    if (secret === undefined || this.report.has(path)) return;
    if (secret === string(mapping(this.settings.configRepository).secret)) {
      this.report.add(
        path,
        "The Secret is the one by which Flux pushes to the shared repository (`configRepository.secret`): the tenant's host would be sent it.",
        "Name a Secret of its own here, which may read this one repository or registry.",
      );
      return;
    }
    const owner = this.#ownerOf(secret);
    if (owner === undefined || owner === name) return;
    this.report.add(
      path,
      `By its name the Secret belongs to the tenant ${owner}.`,
      belongsTo(owner, name)
        ? `Choose a name that does not begin with \`${owner}\`.`
        : `Choose a name that is \`${name}\` or begins with \`${name}-\`, or for a Secret of the platform one that begins with no tenant's name.`,
    );
  }

  /** A Secret is a tenant's own by its name; of two tenants whose names begin alike, the longer name has it. */
  #ownerOf(secret: string): string | undefined {
    for (let end = secret.length; end > 0; end = secret.lastIndexOf("-", end - 1)) {
      const name = secret.slice(0, end);
      if (Object.hasOwn(this.#tenants, name)) return name;
    }
    return undefined;
  }

  /** Kubernetes refuses a LimitRange whose request is above its limit, or its limit above the maximum. */
  #checkLimits(entry: Mapping, at: (...path: ConfigPath) => ConfigPath): void {
    const limits = mapping(entry.limits);
    const filledIn: Mapping = defaultLimits;
    const pairs = [
      ["defaultRequest", "default"],
      ["default", "max"],
      ["defaultRequest", "max"],
    ] as const;
    for (const [lower, upper] of pairs) {
      const lowers = mapping(limits[lower] ?? filledIn[lower]);
      const uppers = mapping(limits[upper] ?? filledIn[upper]);
      for (const resource of Object.keys(lowers)) {
        const low = amount(lowers[resource]);
        const high = amount(uppers[resource]);
        if (low === undefined || high === undefined || low <= high) continue;
        const blamed = limits[upper] === undefined ? lower : upper;
        this.report.add(
          at("limits", blamed, resource),
          `The ${resource} of \`${lower}\` (${String(lowers[resource])}) is more than that of \`${upper}\` (${String(uppers[resource])}); expected at most that.`,
        );
      }
    }
  }

  checkNamespacesAreOwn(): void {
    const first = new Map<string, string>();
    for (const name of this.tenantNames) {
      const declared = this.#entry(name).namespace;
      const namespace = declared === undefined ? name : string(declared);
      const path: ConfigPath = declared === undefined ? ["tenants", name] : ["tenants", name, "namespace"];
      const part = declared === undefined ? "key" : "value";
      if (namespace === undefined || this.report.has(path)) continue;
      if (namespace === this.authorityNamespace) {
        this.report.add(
          path,
          `The namespace \`${namespace}\` is the authority namespace; a tenant has no place there.`,
          "Choose a namespace of the tenant's own.",
          part,
        );
        continue;
      }
      if (isClusterNamespace(namespace)) {
        this.report.add(
          path,
          `The namespace \`${namespace}\` belongs to the cluster.`,
          "Choose a namespace of the tenant's own.",
          part,
        );
        continue;
      }
      const other = first.get(namespace);
      if (other === undefined) first.set(namespace, name);
      else {
        this.report.add(
          path,
          `The namespace \`${namespace}\` is that of the tenant ${other} as well; expected one of its own.`,
          "Give each tenant a `namespace` of its own.",
          part,
        );
      }
    }
  }

  checkNamesAreOwn(): void {
    for (const name of this.tenantNames.filter(isPlatformName)) {
      if (this.report.has(["tenants", name])) continue;
      this.report.add(
        ["tenants", name],
        `The name \`${name}\` is kept for the platform: Flux's own accounts and objects bear it in the authority namespace.`,
        "Choose another name for the tenant: its account and its release bear it there.",
        "key",
      );
    }
  }

  checkConfigRepository(): void {
    const { report, settings } = this;
    const automated = this.tenantNames.find((name) => this.#isAutomated(name));
    if (settings.configRepository === undefined && automated !== undefined) {
      const automation = String(mapping(this.#entry(automated).policy).automation);
      report.add(
        ["configRepository"],
        `The automation of the tenant ${automated} is \`${automation}\`, but \`configRepository\` is missing: Flux must know where to commit.`,
        "Name this repository, such as `shared-authority:configRepository: { url: https://github.com/example/shared-authority.git }`.",
      );
    }
    const { branch, promotionBranch } = mapping(settings.configRepository);
    const main = branch === undefined ? "main" : string(branch);
    const promotion = promotionBranch === undefined ? `promotions/${report.file.stack}` : string(promotionBranch);
    if (main !== undefined && main === promotion) {
      report.add(
        ["configRepository", promotionBranch === undefined ? "branch" : "promotionBranch"],
        `The promotion branch and the main branch are both \`${main}\`; expected two: nobody could review what Flux commits.`,
      );
    }
  }

  checkDelivery(): void {
    const { report, settings } = this;
    const directory = string(mapping(settings.delivery).manifests);
    if (directory === undefined || report.has(["delivery", "manifests"])) return;
    const [first = "", ...rest] = directory.split("/").filter((part) => part !== "." && part !== "");
    if (
      first === "" ||
      first.startsWith(".") ||
      ownFolders.includes(first) ||
      (rest.length === 0 && /\.\w+$/.test(first))
    ) {
      report.expected(
        ["delivery", "manifests"],
        "a folder of its own below the project's folder, such as `rendered/prod`",
      );
    }
  }

  markedTenants() {
    return this.tenantNames.map((name) => ({
      name,
      automated: this.#isAutomated(name),
      pinned: mapping(this.#entry(name).policy).pin !== undefined,
    }));
  }

  /** Whether Flux has something to move: where a branch is followed, only the tags of its commits' images. */
  #isAutomated(name: string): boolean {
    const { policy, branchImage } = this.#entry(name);
    const { automation } = mapping(policy);
    if (this.#follow === "branch" && branchImage === undefined) return false;
    return automation === "auto" || automation === "pull-request";
  }
}

/** Folders of this project that hold what people write. */
const ownFolders: readonly string[] = [
  "tenants",
  "node_modules",
  "src",
  "components",
  "policy-pack",
  "demo",
  "test",
  "docs",
  "bin",
];

function belongsTo(secret: string, tenant: string): boolean {
  return secret === tenant || secret.startsWith(`${tenant}-`);
}

function prefixHint(tag: string, prefix: string): string | undefined {
  const found = /^(.*?)((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*).*)$/.exec(tag);
  const [, before, version] = found ?? [];
  if (before === undefined || version === undefined || before === prefix || parseVersion(version) === undefined)
    return undefined;
  return `If the team's tags have the prefix ${JSON.stringify(before)}, declare it: \`prefix: { image: "${before}" }\`.`;
}

function imagePrefix(prefix: unknown): string | undefined {
  const { image } = mapping(prefix);
  return image === undefined ? "" : string(image);
}

function amount(value: unknown): number | undefined {
  return typeof value === "string" || typeof value === "number" ? parseQuantity(String(value)) : undefined;
}

function mapping(value: unknown): Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Mapping) : {};
}

function string(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
