import { firstOf } from "../config/count";
import type { StackConfig, Tenant } from "../config/stack-config";

/** A way by which something else than a commit of people can change what a tenant runs. */
export interface HoldPath {
  /** `closed`: by the hold, or already. `open`: no hold can close it; the text says what can. */
  readonly state: "closed" | "open";
  readonly text: string;
}

/** A tenant with its paths. */
export interface TenantPaths {
  readonly tenant: Tenant;
  readonly paths: readonly HoldPath[];
}

/** Every way that a tenant's config leaves. */
export function holdPaths(config: StackConfig, tenant: Tenant): HoldPath[] {
  return [automationPath(tenant), sourcePath(config, tenant), ...imagePaths(config, tenant), ...secretPaths(tenant)];
}

/** What a hold of the tenant leaves open. */
export function openPaths(config: StackConfig, tenant: Tenant): string[] {
  return holdPaths(config, tenant).flatMap(({ state, text }) => (state === "open" ? [text] : []));
}

/** One sentence for each path in this state, with the tenants that have it. */
export function describePaths(all: readonly TenantPaths[], state: HoldPath["state"]): string[] {
  const names = new Map<string, string[]>();
  for (const { tenant, paths } of all) {
    for (const path of paths) {
      if (path.state === state) names.set(path.text, [...(names.get(path.text) ?? []), tenant.name]);
    }
  }
  return [...names].map(([text, tenants]) => `${firstOf(tenants)}: ${text}`);
}

function automationPath({ policy: { automation, pin } }: Tenant): HoldPath {
  const text =
    automation === "manual"
      ? "closed: no automation, people write the version"
      : `closed: automation ${automation}, ${pin === undefined ? "Flux's markers go" : "the pin has taken Flux's markers out"}`;
  return { state: "closed", text };
}

function sourcePath({ follow }: StackConfig, { chart, branch, branchImage }: Tenant): HoldPath {
  if (follow === "tags") return { state: "closed", text: "closed: the chart, fixed by commit or digest" };
  if (branchImage !== undefined)
    return { state: "closed", text: "closed: the chart, fixed by the commit of the image" };
  if (chart.kind === "git") {
    return {
      state: "closed",
      text: `closed: the branch ${branch} and its chart's dependencies, the source is suspended`,
    };
  }
  return {
    state: "open",
    text: `open: the newest chart of ${chart.url}: Flux takes no release from a suspended OCIRepository. Set \`branchChart.range\` to the one version that stays`,
  };
}

/** The kubelet pulls what the registry has. */
function imagePaths({ follow }: StackConfig, { pinDigest, branchImage }: Tenant): HoldPath[] {
  if (pinDigest !== undefined || branchImage !== undefined) {
    return [{ state: "closed", text: "closed: the image, fixed by digest" }];
  }
  const fix =
    follow === "tags"
      ? "Set `pinDigest: true` for the tenant or its application, which fixes the image"
      : "Where a stack follows a branch, only `branchImage` fixes the image";
  const text = `open: pods run what the registry has under the image tag when they start. ${fix}`;
  return [{ state: "open", text }];
}

function secretPaths({ secrets }: Tenant): HoldPath[] {
  return secrets.map(({ name }) => ({
    state: "open",
    text: `open: whoever changes the Secret ${name} changes the release. Move its values into a values file, or let nobody write it`,
  }));
}
