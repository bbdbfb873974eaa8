/** Rules that involve more than one key. They run on typed tenants, with everything that these inherit. */
import { policyError, parseRange } from "../version/range";
import { commitOfTag } from "../version/tag-pattern";
import { parseVersion, versionOfTag } from "../version/version";
import { defaultAuthorityNamespace, defaultPromotionBranch } from "./built-in-defaults";
import { isAuthorityNamespace, isClusterNamespace, isPlatformName, isPlatformSecret } from "./kubernetes-name";
import { type MergedTenant, type TenantSettings, writtenAt } from "./merge-tenant";
import { objectName, objectNamesOf } from "./object-name";
import { type OtherStack, platformSecretsOf } from "./other-stacks";
import { parseQuantity } from "./quantity";
import { type ConfigPath, quoteShown, type Report, valueAt } from "./report";
import type { StackSettings } from "./schema";
import type { ParsedConfig } from "./parse-config";

/** A container registry accepts no longer tag. */
const longestTag = 128;

/**
 * Checks everything that more than one key decides.
 *
 * @param readOthers the project's other stacks; called only when a tenant names a Secret
 */
export function checkRules(report: Report, checked: ParsedConfig, readOthers: () => readonly OtherStack[]): void {
  let others: readonly OtherStack[] | undefined;
  const neighbours = () => (others ??= neighboursOf(checked, readOthers()));
  let names: ReadonlySet<string> | undefined;
  const ownNames = () => (names ??= objectNamesOf(report.settings.tenants));
  for (const tenant of checked.tenants) {
    const rules = new TenantRules(report, checked, tenant, neighbours, ownNames);
    rules.checkRepository();
    rules.checkImages();
    if (checked.follow === "tags") rules.checkReleases();
    if (checked.follow === "branch") rules.checkBranch();
    rules.checkOnFailure();
    rules.checkRanges();
    rules.checkSecrets();
    rules.checkLimits();
    rules.checkName();
  }
  checkNamespaces(report, checked);
  checkObjectNames(report, checked);
  if (checked.settings !== undefined) checkRemoved(report, checked, checked.settings);
  if (checked.settings !== undefined) {
    checkAuthorityNamespace(report, checked.settings);
    checkConfigRepository(report, checked, checked.settings);
    checkDelivery(report, checked.settings);
  }
}

/** Whether Flux has a version to change: where the stack follows a branch, only the tag of a commit's image. */
export function isAutomated({ settings }: MergedTenant): boolean {
  return settings.policy.automation !== "manual";
}

class TenantRules {
  readonly #settings: TenantSettings;
  readonly #name: string;
  readonly #objectName: string;

  constructor(
    readonly report: Report,
    readonly checked: ParsedConfig,
    readonly tenant: MergedTenant,
    /** The other stacks with the same authority namespace. */
    readonly neighbours: () => readonly OtherStack[],
    /** The names of all tenants in the cluster, also of those with problems. */
    readonly objectNames: () => ReadonlySet<string>,
  ) {
    this.#settings = tenant.settings;
    this.#name = tenant.name;
    this.#objectName = objectName({ name: tenant.name, formerly: tenant.settings.formerly });
  }

  #add(path: ConfigPath, message: string, fix?: string, part?: "key" | "value"): void {
    this.report.add(writtenAt(this.report, this.tenant, path), message, fix, part);
  }

  #isWritten(...path: ConfigPath): boolean {
    return valueAt(this.report.settings, writtenAt(this.report, this.tenant, path)) !== undefined;
  }

  checkRepository(): void {
    const { chart, repository } = this.#settings;
    if (chart.includes("://") || repository !== undefined) return;
    this.report.add(
      [...writtenAt(this.report, this.tenant, ["chart"]).slice(0, -1), "repository"],
      `The chart ${quoteShown(chart)} is a path in a Git repository, but \`repository\` is missing.`,
      "Name the application's Git repository, or an OCI chart (`oci://...`).",
    );
  }

  checkImages(): void {
    const { image } = this.#settings;
    for (const [index, one] of image.entries()) {
      if (image.indexOf(one) === index) continue;
      this.#add(["image", index], `The image ${quoteShown(one)} appears twice.`, "Remove one of the two.");
    }
  }

  checkReleases(): void {
    const { tag, policy, prefix } = this.#settings;
    for (const key of ["branchImage", "branchChart"] as const) {
      if (this.#settings[key] === undefined) continue;
      this.#add(
        [key],
        `The stack follows tags, but the tenant has \`${key}\`; expected none: what is built for a commit is not a release.`,
        "Remove it, or set `shared-authority:follow` to `branch`.",
        "key",
      );
    }
    if (policy.range === undefined) {
      this.#add(
        ["policy", "range"],
        "The stack follows tags, but the tenant has no `policy.range`.",
        'Write which versions may run, such as `policy: { range: ">=6.0.0 <7.0.0" }`.',
      );
    }
    if (tag === undefined) {
      this.#add(
        ["tag"],
        "The stack follows tags, but the tenant has no `tag`.",
        'Name the release to run, such as `tag: "6.15.0"`.',
      );
      return;
    }
    const version = versionOfTag(tag, prefix.image);
    if (version === undefined) {
      this.#add(
        ["tag"],
        `Expected the image prefix ${JSON.stringify(prefix.image)} and a SemVer version, got ${quoteShown(tag)}.`,
        prefixHint(tag, prefix.image),
      );
    } else if ((parseVersion(version)?.build.length ?? 0) > 0) {
      this.#add(
        ["tag"],
        `Expected a version without build metadata, got ${quoteShown(tag)}: an image tag cannot contain a \`+\`.`,
        "Leave out everything from the `+` on.",
      );
    } else this.#checkLength(tag);
  }

  #checkLength(tag: string): void {
    if (tag.length <= longestTag) return;
    this.#add(["tag"], `Expected an image tag of at most ${longestTag} characters, got one of ${tag.length}.`);
  }

  checkBranch(): void {
    const { chart, branchImage, branchChart, tag } = this.#settings;
    const isOci = chart.startsWith("oci://");
    if (isOci && branchImage !== undefined) {
      this.#add(
        ["branchImage"],
        "The chart is an OCI artifact, but the tenant has `branchImage`; expected `branchChart`: such a chart belongs to no commit.",
        "Remove it, and describe with `branchChart` which charts are followed.",
        "key",
      );
    }
    if (isOci && branchChart === undefined) {
      this.#add(
        ["chart"],
        "The stack follows a branch, but the chart is an OCI artifact, which is on no branch.",
        "Describe the charts that are built for commits, such as `branchChart: { pattern: '^0\\.0\\.0-master\\.[0-9]+$' }`, or name a chart in Git.",
      );
    }
    if (isOci && this.#settings.policy.hold !== undefined) {
      this.#add(
        ["policy", "hold"],
        "The tenant follows the newest chart of a registry, but has a hold; expected none: Flux takes no release from a suspended OCIRepository.",
        "Remove it, or describe with `branchChart.range` the one version that stays.",
        "key",
      );
    }
    if (!isOci && branchChart !== undefined) {
      this.#add(
        ["branchChart"],
        "The chart is in Git, but the tenant has `branchChart`; expected it only for an OCI chart.",
        "Remove it, or name an OCI chart (`oci://...`).",
        "key",
      );
    }
    if (branchImage === undefined) this.#checkUnversioned();
    else if (tag === undefined) {
      this.#add(
        ["tag"],
        "The tenant has `branchImage`, but no `tag`.",
        "Name the image to run. Once one is named, `authority status` shows the newest.",
      );
    } else if (commitOfTag(branchImage.pattern, tag) === undefined) {
      this.#add(["tag"], `Expected a tag that \`branchImage.pattern\` lets through, got ${quoteShown(tag)}.`);
    } else this.#checkLength(tag);
  }

  /** A branch without `branchImage`: no version can change, stay or be named. */
  #checkUnversioned(): void {
    const { policy } = this.#settings;
    for (const key of ["tag", "digest"] as const) {
      if (this.#settings[key] === undefined) continue;
      this.#add(
        [key],
        `The stack follows a branch, but the tenant has a \`${key}\` and no \`branchImage\`; expected none.`,
        "Remove it, or describe with `branchImage` how the images of commits are tagged, or set `shared-authority:follow` to `tags`.",
        "key",
      );
    }
    const fix = "Remove it, or set `shared-authority:follow` to `tags`.";
    if (policy.automation !== "manual") {
      const message = `The stack follows a branch, but the automation is \`${policy.automation}\`; expected \`manual\` or nothing: without \`branchImage\` there is no version to move.`;
      this.#add(["policy", "automation"], message, fix);
    }
    if (policy.pin !== undefined) {
      const message =
        "The stack follows a branch, but the tenant has a pin; expected none: without `branchImage` there is no version to keep.";
      this.#add(["policy", "pin"], message, fix, "key");
    }
  }

  /** Only `authority up` of a stack that follows tags sees that a version fails, and has one to go back to. */
  checkOnFailure(): void {
    const { follow, settings } = this.checked;
    if (this.#settings.policy.onFailure !== "rollback") return;
    const [is, why] =
      follow === "branch"
        ? ["The stack follows a branch", "a branch has no version to go back to"]
        : settings !== undefined && settings.delivery !== "cluster"
          ? [
              "The stack delivers manifests",
              "no `authority up` waits until the release runs, so nothing sees that it fails",
            ]
          : [];
    if (is === undefined) return;
    const message = `${is}, but the tenant has \`onFailure: rollback\`; expected \`none\` or nothing: ${String(why)}.`;
    this.#add(["policy", "onFailure"], message, "Remove it. `authority rollback` makes the commit of a rollback.");
  }

  checkRanges(): void {
    const { policy, branchChart } = this.#settings;
    const { range, deny } = policy;
    for (const [index, version] of deny.entries()) {
      if (deny.indexOf(version) === index) continue;
      const message = `The version ${quoteShown(version)} is denied twice.`;
      this.#add(["policy", "deny", index], message, "Remove one of the two.");
    }
    const ranges = [
      [["policy", "range"], range, deny],
      [["branchChart", "range"], branchChart?.range, []],
    ] as const;
    for (const [path, text, denied] of ranges) {
      if (text === undefined) continue;
      const parsed = parseRange(text);
      const whole = "error" in parsed ? undefined : policyError(text, denied);
      if ("error" in parsed) this.#add(path, `This is not a range that Flux accepts: ${parsed.error}.`);
      else if (whole !== undefined) {
        this.#add(path, `Without the denied versions, this is not a range that Flux accepts: ${whole}.`);
      }
    }
  }

  /** Values come from a tenant's own Secrets only. Credentials may be the platform's, but no other tenant's. */
  checkSecrets(): void {
    for (const key of ["repositorySecret", "registrySecret"] as const) {
      const secret = this.#settings[key];
      if (secret !== undefined) this.#checkOwner(secret, [key]);
    }
    for (const [index, { name }] of this.#settings.secrets.entries()) {
      const own = this.#objectName;
      if (belongsTo(name, own)) this.#checkOwner(name, ["secrets", index]);
      else {
        this.#add(
          ["secrets", index],
          `The Secret is not the tenant's own; expected a name that is \`${own}\` or begins with \`${own}-\`.`,
          "Give the Secret such a name, so that no tenant reads another's.",
        );
      }
    }
  }

  #checkOwner(secret: string, path: ConfigPath): void {
    const use = this.#platformUse(secret);
    const own = this.#objectName;
    if (use !== undefined || (isPlatformSecret(secret) && !belongsTo(secret, own))) {
      const is = use ?? "This is a Secret of the platform, such as the one of `flux bootstrap`";
      const fix = "Name a Secret of its own here, which may read this one repository or registry.";
      this.#add(path, `${is}: the tenant's host would receive it.`, fix);
      return;
    }
    const owner = this.#ownerOf(secret);
    if (owner === undefined || owner.name === own) return;
    const stack = owner.stack === undefined ? "" : ` of the stack ${owner.stack}`;
    this.#add(
      path,
      `By its name the Secret belongs to the tenant ${owner.name}${stack}.`,
      belongsTo(owner.name, own)
        ? `Choose a name that does not begin with \`${owner.name}\`.`
        : `Choose a name that is \`${own}\` or begins with \`${own}-\`, or for a Secret of the platform one that begins with no tenant's name.`,
    );
  }

  /** What this stack or a neighbour uses the Secret for. */
  #platformUse(secret: string): string | undefined {
    const own = platformSecretsOf(this.report.settings).get(secret);
    if (own !== undefined) return `${useOf(own)})`;
    const other = this.neighbours().find(({ platformSecrets }) => platformSecrets.has(secret));
    return other && `${useOf(other.platformSecrets.get(secret) ?? "")} of the stack ${other.stack})`;
  }

  /** A Secret belongs to a tenant by its name. Where two tenants' names fit, it belongs to the longer one. */
  #ownerOf(secret: string): { readonly name: string; readonly stack?: string } | undefined {
    for (let end = secret.length; end > 0; end = secret.lastIndexOf("-", end - 1)) {
      const name = secret.slice(0, end);
      if (this.objectNames().has(name)) return { name };
      const other = this.neighbours().find(({ tenants }) => tenants.has(name));
      if (other !== undefined) return { name, stack: other.stack };
    }
    return undefined;
  }

  /** Kubernetes refuses a LimitRange whose request is above its limit, or its limit above the maximum. */
  checkLimits(): void {
    const { limits } = this.#settings;
    const pairs = [
      ["defaultRequest", "default"],
      ["default", "max"],
      ["defaultRequest", "max"],
    ] as const;
    for (const [lower, upper] of pairs) {
      for (const [resource, low] of Object.entries(limits[lower])) {
        const high = limits[upper]?.[resource];
        if (high === undefined || (parseQuantity(low) ?? 0) <= (parseQuantity(high) ?? Infinity)) continue;
        this.#add(
          ["limits", this.#isWritten("limits", upper) ? upper : lower, resource],
          `The ${resource} of \`${lower}\` (${low}) is more than that of \`${upper}\` (${high}); expected at most that.`,
        );
      }
    }
  }

  checkName(): void {
    const name = this.#objectName;
    if (!isPlatformName(name)) return;
    this.report.add(
      ["tenants", this.#name, ...(name === this.#name ? [] : ["formerly"])],
      `The name \`${name}\` is reserved for the platform: an account or an object of Flux or of Kubernetes has it.`,
      "Choose another name for the tenant: its account and its release have it in the authority namespace.",
      "key",
    );
  }
}

/** Only Secrets in the same namespace can be taken for one another. */
function neighboursOf({ settings }: ParsedConfig, others: readonly OtherStack[]): readonly OtherStack[] {
  const own = settings?.authorityNamespace ?? defaultAuthorityNamespace;
  return others.filter(({ authorityNamespace = defaultAuthorityNamespace }) => authorityNamespace === own);
}

function checkAuthorityNamespace(report: Report, { authorityNamespace }: StackSettings): void {
  if (isAuthorityNamespace(authorityNamespace)) return;
  report.add(
    ["authorityNamespace"],
    `The namespace \`${authorityNamespace}\` belongs to the cluster; expected \`flux-system\`, or a namespace for Flux's objects alone: tenants' accounts are in it.`,
    "Create one, such as `flux-authority`, and name it here.",
  );
}

function checkNamespaces(report: Report, { tenants, settings }: ParsedConfig): void {
  const first = new Map<string, string>();
  for (const { name, settings: tenant } of tenants) {
    const namespace = namespaceOf({ name, settings: tenant });
    const other = first.get(namespace);
    first.set(namespace, other ?? name);
    const [message, fix = "Choose a namespace of the tenant's own."] =
      namespace === settings?.authorityNamespace
        ? [`The namespace \`${namespace}\` is the authority namespace, in which no tenant may be.`]
        : isClusterNamespace(namespace)
          ? [`The namespace \`${namespace}\` belongs to the cluster.`]
          : other === undefined
            ? []
            : [
                `The namespace \`${namespace}\` is that of the tenant ${other} as well; expected one of its own.`,
                "Give each tenant a `namespace` of its own.",
              ];
    if (message === undefined) continue;
    if (tenant.namespace === undefined) report.add(["tenants", name], message, fix, "key");
    else report.add(["tenants", name, "namespace"], message, fix);
  }
}

/** The objects of two tenants may not have the same name. */
function checkObjectNames(report: Report, { tenants }: ParsedConfig): void {
  const first = new Map<string, string>();
  // A tenant that keeps its name comes first: the name is its own.
  const byRename = [...tenants].sort((one, other) => Number(isRenamed(one)) - Number(isRenamed(other)));
  for (const { name, settings } of byRename) {
    const own = objectName({ name, formerly: settings.formerly });
    const other = first.get(own);
    first.set(own, other ?? name);
    const path = ["tenants", name, "formerly"];
    if (settings.formerly === name) report.add(path, "This is the name that the tenant has now.", "Remove the key.");
    else if (other !== undefined) {
      const message = `The objects of the tenant ${other} have the name \`${own}\` in the cluster as well; expected one of its own.`;
      report.add(path, message, `Remove the key, or the tenant ${other}.`);
    }
  }
}

function isRenamed({ settings }: MergedTenant): boolean {
  return settings.formerly !== undefined;
}

/** What runs is not deleted. */
function checkRemoved(report: Report, { tenants }: ParsedConfig, { removed = {}, authorityNamespace }: StackSettings) {
  for (const [name, { namespace }] of Object.entries(removed)) {
    const user = tenants.find((tenant) => namespaceOf(tenant) === namespace);
    const path = ["removed", name, "namespace"];
    if (user !== undefined) {
      report.add(
        path,
        `The namespace \`${namespace}\` is to be deleted, but it is that of the tenant ${user.name}.`,
        `Remove the entry \`${name}\` if this is decided, or else the tenant ${user.name}.`,
      );
    } else if (namespace === authorityNamespace || isClusterNamespace(namespace)) {
      report.add(path, `The namespace \`${namespace}\` belongs to no tenant.`, "Name the namespace of the tenant.");
    }
  }
}

function namespaceOf({ name, settings }: Pick<MergedTenant, "name" | "settings">): string {
  return settings.namespace ?? objectName({ name, formerly: settings.formerly });
}

function checkConfigRepository(report: Report, { stack, tenants }: ParsedConfig, settings: StackSettings): void {
  const { configRepository } = settings;
  const automated = tenants.find(isAutomated);
  if (configRepository === undefined) {
    if (automated === undefined) return;
    report.add(
      ["configRepository"],
      `The automation of the tenant ${automated.name} is \`${automated.settings.policy.automation}\`, but \`configRepository\` is missing: Flux must know where to commit.`,
      "Name this repository, such as `shared-authority:configRepository: { url: https://github.com/example/shared-authority.git }`.",
    );
    return;
  }
  const { branch, promotionBranch } = configRepository;
  if (branch === (promotionBranch ?? defaultPromotionBranch(stack))) {
    report.add(
      ["configRepository", promotionBranch === undefined ? "branch" : "promotionBranch"],
      `The promotion branch and the main branch are both \`${branch}\`; expected two: nobody could review what Flux commits.`,
    );
  }
}

function checkDelivery(report: Report, { delivery }: StackSettings): void {
  if (delivery === "cluster") return;
  const [first = "", ...rest] = delivery.manifests.split("/").filter((part) => part !== "." && part !== "");
  const isFile = rest.length === 0 && /\.\w+$/.test(first);
  if (first === "" || first.startsWith(".") || ownFolders.includes(first) || isFile) {
    report.expected(
      ["delivery", "manifests"],
      "a folder of its own below the project's folder, such as `rendered/prod`",
    );
  }
}

/** Folders of a project that hold what people write. */
const ownFolders = [
  "tenants",
  "node_modules",
  "src",
  "components",
  "policy-pack",
  "demo",
  "test",
  "docs",
  "bin",
  "dist",
];

function belongsTo(secret: string, tenant: string): boolean {
  return secret === tenant || secret.startsWith(`${tenant}-`);
}

function useOf(key: string): string {
  const use = key.startsWith("configRepository") ? "by which Flux pushes to the shared repository" : "of the platform";
  return `This is the Secret ${use} (\`${key}\``;
}

function prefixHint(tag: string, prefix: string): string | undefined {
  const [, before, version = ""] = /^(.*?)((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*).*)$/.exec(tag) ?? [];
  if (before === undefined || before === prefix || parseVersion(version) === undefined) return undefined;
  return `If the team's tags have the prefix ${JSON.stringify(before)}, declare it: \`prefix: { image: "${before}" }\`.`;
}
