import { unknownCheckingProxy } from "@pulumi/policy";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import type { KubernetesObject } from "../../src/manifests/object";
import { stackObjects as allObjects } from "../../src/manifests/stack-objects";
import type { Policy } from "../../src/policy-pack/define-policy";
import { judgeObjects, type PackConfig, type Violation } from "../../src/policy-pack/judge";
import { policies } from "../../src/policy-pack/policies";
import type { BranchEvidence, Evidence } from "../../src/release/evidence";
import { exampleBranch, exampleStack, exampleTenant } from "../manifests/example-stack";

const digest = `sha256:${"ab".repeat(32)}`;
const commit = "c1".repeat(20);

/** podinfo at 6.14.1, as a stack that follows tags holds it. */
export const podinfo: Tenant = {
  ...exampleTenant,
  digest,
  policy: { range: ">=6.0.0 <7.0.0", automation: "auto", deny: ["6.13.5"] },
  values: [{ path: "tenants/podinfo/values.yaml", content: "replicaCount: 2\n" }],
  team: ["podinfo-developers"],
  quota: { "requests.cpu": "2" },
};

export const config: StackConfig = { ...exampleStack, tenants: [podinfo] };

/** The evidence of a tenant's release, every fact as the promise has it. */
export function evidenceOf(tenant: Tenant, facts: Partial<Evidence> = {}): Evidence {
  const version = (tenant.tag ?? "").slice(tenant.prefix.image.length);
  const isOci = tenant.chart.kind === "oci";
  return {
    version,
    repository: tenant.repository,
    gitTag: tenant.prefix.git + version,
    commit,
    branch: "master",
    chart: tenant.chart.kind === "git" ? tenant.chart.path : tenant.chart.url,
    chartDigest: isOci ? digest : undefined,
    chartVersion: tenant.prefix.chart + version,
    appVersion: tenant.tag,
    images: tenant.images.map((image) => ({ reference: `${image}:${String(tenant.tag)}`, digest })),
    ...facts,
  };
}

export const headOfMaster: BranchEvidence = { ...exampleBranch, commit };

const commitTag = `master-${commit.slice(0, 8)}-1732386000`;

/** A stack that follows a branch whose commits have images, and the evidence of the one that runs. */
export const commitImages = {
  stack: (): StackConfig =>
    stackConfigOf(
      {
        tag: commitTag,
        branchImage: { pattern: "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", value: { tag: "image.tag" } },
      },
      { stack: "dev", follow: "branch" },
    ),
  evidence: {
    ...headOfMaster,
    images: [{ reference: `ghcr.io/stefanprodan/podinfo:${commitTag}`, digest }],
  } satisfies BranchEvidence,
};

const branchCharts = "oci://ghcr.io/stefanprodan/charts/podinfo";

/** A stack that follows a branch whose commits have charts, and the evidence of the newest. */
export const commitCharts = {
  stack: (): StackConfig =>
    stackConfigOf(
      {
        chart: { kind: "oci", url: branchCharts },
        tag: undefined,
        digest: undefined,
        branchChart: { range: ">=0.0.0-0", pattern: "^0\\.0\\.0-master\\.[0-9]+$" },
        policy: { range: "*", automation: "manual", deny: [] },
      },
      { stack: "dev", follow: "branch" },
    ),
  evidence: {
    repository: headOfMaster.repository,
    branch: "master",
    chart: branchCharts,
    chartVersion: "0.0.0-master.7",
    appVersion: "0.0.0-master.7",
  } satisfies BranchEvidence,
};

/** A tenant's objects, as the program registers them. */
export function objectsOf(
  tenant: Tenant = podinfo,
  evidence: Evidence | BranchEvidence = evidenceOf(tenant),
  stack: StackConfig = config,
): KubernetesObject[] {
  const tenants = [{ tenant, source: "lock" as const, evidence, reasons: [] }];
  const config = { ...stack, configRepository: undefined };
  return Array.from(allObjects({ config, tenants }), ({ object }) => object);
}

export function stackObjects(stack: StackConfig = config): KubernetesObject[] {
  return Array.from(allObjects({ config: stack, tenants: [] }), ({ object }) => object);
}

/** The stack's config, as a stack file holds it. */
export function configOf(stack: StackConfig = config): Record<string, unknown> {
  const { follow, authorityNamespace, configRepository, delivery, receivers, alerts } = stack;
  const tenants = Object.fromEntries(stack.tenants.map((one) => [one.name, entryOf(one)]));
  return {
    "shared-authority:follow": follow,
    "shared-authority:authorityNamespace": authorityNamespace,
    ...(configRepository === undefined ? {} : { "shared-authority:configRepository": withSecret(configRepository) }),
    ...(delivery.kind === "cluster" ? {} : { "shared-authority:delivery": { manifests: delivery.directory } }),
    ...(receivers && {
      "shared-authority:receivers": Object.fromEntries(
        Object.entries(receivers).map(([who, receiver]) => [who, withSecret(receiver)]),
      ),
    }),
    ...(alerts && { "shared-authority:alerts": withSecret(alerts) }),
    "shared-authority:tenants": tenants,
  };
}

function withSecret({ secretName, ...entry }: { readonly secretName?: string }): unknown {
  return { ...entry, secret: secretName };
}

/** The entry that declares a tenant. */
function entryOf({ chart, images, admission, furtherImages, ...tenant }: Tenant): unknown {
  const hidden = { name: undefined, values: undefined, line: undefined };
  const may = { image: images, images: { admission, also: furtherImages } };
  return { ...tenant, chart: chart.kind === "git" ? chart.path : chart.url, ...may, ...hidden };
}

/** A copy of the objects in which one field of the one of a kind (and name) is another; `undefined` takes it away.
 * In the path `~` stands for the `/` of a key. */
export function withField(
  objects: readonly KubernetesObject[],
  kind: string,
  path: string,
  value: unknown,
  name?: string,
): KubernetesObject[] {
  const copy = structuredClone(objects) as KubernetesObject[];
  const object = copy.find((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  if (object === undefined) throw new Error(`there is no ${kind}`);
  const keys = path.split("/").map((key) => key.replaceAll("~", "/"));
  const last = keys.pop()!;
  let at = object as unknown as Record<string, unknown>;
  for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
  if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
  return copy;
}

/** Judges with one policy under the stack's config. */
export async function judge(
  policy: Policy,
  objects: readonly KubernetesObject[],
  stack: StackConfig = config,
  packConfig?: PackConfig,
): Promise<Violation[]> {
  return judgeObjects(objects, [policy], stack, packConfig);
}

/** What the whole pack says: `policy: message` for each violation. */
export async function verdict(
  objects: readonly KubernetesObject[],
  stack: StackConfig = config,
  packConfig?: PackConfig,
): Promise<string> {
  const violations = await judgeObjects(objects, policies, stack, packConfig);
  return violations.map(({ policy, message }) => `${policy}: ${message}`).join("\n");
}

/** All objects of a stack with one tenant, as the program registers them. */
export function allObjectsOf(
  stack: StackConfig = config,
  evidence: Evidence | BranchEvidence = evidenceOf(stack.tenants[0]!),
): KubernetesObject[] {
  const [tenant] = stack.tenants;
  const tenants = [{ tenant: tenant!, source: "lock" as const, evidence, reasons: [] }];
  return Array.from(allObjects({ config: stack, tenants }), ({ object }) => object);
}

/** A stack whose one tenant differs. */
export function stackConfigOf(tenant: Partial<Tenant>, stack: Partial<StackConfig> = {}): StackConfig {
  return { ...config, ...stack, tenants: [{ ...podinfo, ...tenant }] };
}

/** The package exports it and leaves its type out. */
const checked = unknownCheckingProxy as unknown as (object: KubernetesObject) => KubernetesObject;

/** What an Output is to a policy while the engine does not know it: this text, by which @pulumi/policy tells it. */
const notYetKnown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A copy of the objects in which one field is not known before the step, as the engine hands them to a policy. */
export function withUnknown(objects: readonly KubernetesObject[], kind: string, path: string): KubernetesObject[] {
  return withField(objects, kind, path, notYetKnown).map(checked);
}
