import type { StackConfig, Tenant } from "../../src/config/stack-config";
import type { KubernetesObject } from "../../src/manifests/object";
import { stackObjects } from "../../src/manifests/stack-objects";
import type { BranchEvidence, Evidence } from "../../src/release/evidence";

export const digest = `sha256:${"ec73780a".repeat(8)}`;

export const exampleTenant: Tenant = {
  name: "podinfo",
  namespace: "podinfo",
  repository: "https://github.com/stefanprodan/podinfo",
  chart: { kind: "git", path: "./charts/podinfo" },
  branch: "master",
  images: ["ghcr.io/stefanprodan/podinfo"],
  furtherImages: [],
  admission: "off",
  insecureRegistry: false,
  tag: "6.14.1",
  prefix: { git: "", chart: "", image: "" },
  releasedFrom: ["master"],
  policy: { range: ">=6.0.0 <7.0.0", automation: "manual", deny: [] },
  values: [],
  team: [],
  quota: { pods: "20" },
  limits: { default: { cpu: "500m" }, defaultRequest: { cpu: "50m" } },
  network: { ingress: [], egress: [] },
  podSecurity: "restricted",
  driftDetection: { ignore: [{ paths: ["/spec/replicas"] }] },
  secrets: [],
  line: 3,
};

export const exampleStack: StackConfig = {
  stack: "prod",
  root: "/nowhere",
  file: "Pulumi.prod.yaml",
  follow: "tags",
  authorityNamespace: "flux-system",
  configRepository: {
    url: "https://github.com/example/shared-authority",
    branch: "main",
    promotionBranch: "promotions/prod",
    path: ".",
    author: { name: "Shared Authority", email: "shared-authority@example.com" },
  },
  delivery: { kind: "cluster" },
  cluster: {},
  intervals: { source: "1m0s", image: "5m0s", release: "10m0s", automation: "5m0s" },
  timeouts: { source: "1m0s", release: "5m0s" },
  tenants: [exampleTenant],
};

export const exampleEvidence: Evidence = {
  version: "6.14.1",
  repository: "https://github.com/stefanprodan/podinfo",
  gitTag: "6.14.1",
  commit: "dd507173b7b75b2312a36cabe0de5f09c1ce69c8",
  chart: "./charts/podinfo",
  chartVersion: "6.14.1",
  appVersion: "6.14.1",
  images: [{ reference: "ghcr.io/stefanprodan/podinfo:6.14.1", digest }],
};

export const exampleBranch: BranchEvidence = {
  branch: "master",
  repository: "https://github.com/stefanprodan/podinfo",
  chart: "./charts/podinfo",
  commit: "dd507173b7b75b2312a36cabe0de5f09c1ce69c8",
  chartVersion: "6.14.1",
  appVersion: "6.14.1",
};

/** What the example tenant gets, with these differences. */
export function manifestsOf(
  changes: Partial<Tenant> = {},
  evidence: Evidence | BranchEvidence = exampleEvidence,
  stackChanges: Partial<StackConfig> = {},
): KubernetesObject[] {
  const tenant = { ...exampleTenant, ...changes };
  const follow = "version" in evidence ? "tags" : "branch";
  const config: StackConfig = { ...exampleStack, follow, tenants: [tenant], ...stackChanges };
  return objectsOf(config, tenant, evidence);
}

/** The objects of a stack of which one tenant has evidence. */
export function objectsOf(
  config: StackConfig,
  tenant: Tenant,
  evidence: Evidence | BranchEvidence,
): KubernetesObject[] {
  const tenants = [{ tenant, source: "lock" as const, evidence, reasons: [] }];
  return Array.from(stackObjects({ config, tenants }), ({ object }) => object);
}

/** The only object of a kind, as the loosely typed value that a test looks into. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into objects of every kind
export function only(objects: readonly KubernetesObject[], kind: string, name?: string): any {
  const found = objects.filter(
    (object) => object.kind === kind && (name ?? object.metadata.name) === object.metadata.name,
  );
  if (found.length !== 1) throw new Error(`There are ${found.length} objects ${kind} ${name ?? ""}, expected one.`);
  return found[0];
}
