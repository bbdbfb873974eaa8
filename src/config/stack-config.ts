/**
 * The validated config of one stack, with every default filled in. Problems in the files are reported separately. The
 * descriptions in `schema.ts` and `tenant-schema.ts` say what each setting means.
 */
import type { builtInDefaults } from "./built-in-defaults";
import type { StackSettings } from "./schema";
import type { TenantEntry } from "./tenant-schema";

/** As the schema has it, not to be changed. */
type Fixed<T> = T extends string | number | boolean | undefined ? T : { readonly [K in keyof T]: Fixed<T[K]> };

type Settings = Fixed<StackSettings>;
type Entry = Fixed<TenantEntry>;
type Complete = Required<Pick<Entry, keyof typeof builtInDefaults>>;

/** What a stack follows: the latest commit of a branch (dev), or releases only (production). */
export type Follow = Settings["follow"];

/** Who changes a version: Flux on the main branch, Flux on a promotion branch, or people. */
export type Automation = NonNullable<Policy["automation"]>;

/** What the cluster does with an image that a tenant does not declare: refuse it, warn, or nothing. */
export type Admission = NonNullable<Complete["images"]["admission"]>;

/** One stack. */
export interface StackConfig extends Pick<
  Settings,
  "follow" | "authorityNamespace" | "cluster" | "intervals" | "timeouts" | "removed"
> {
  /** The stack's name, as in `Pulumi.<stack>.yaml`. */
  readonly stack: string;
  /** Absolute path of the folder that holds `Pulumi.yaml`. */
  readonly root: string;
  /** The stack file's path, relative to `root`. */
  readonly file: string;
  /** Where the automation commits. Absent when no tenant of the stack is automated. */
  readonly configRepository?: ConfigRepository;
  /** The webhooks, by whom they are for. */
  readonly receivers?: Readonly<Partial<Record<keyof Receivers, Receiver>>>;
  /** Where Flux reports what fails. */
  readonly alerts?: Alerts;
  readonly delivery: Delivery;
  /** Sorted by name. */
  readonly tenants: readonly Tenant[];
}

/** The shared repository itself, as Flux's automation sees it. */
export interface ConfigRepository extends Omit<
  NonNullable<Settings["configRepository"]>,
  "secret" | "promotionBranch"
> {
  /** The branch that `pull-request` commits to. */
  readonly promotionBranch: string;
  /** A Secret in the authority namespace with the credentials to push. */
  readonly secretName?: string;
}

type Receivers = NonNullable<Settings["receivers"]>;

/** A webhook by which Flux looks at once. */
export interface Receiver extends Omit<NonNullable<Receivers["registry"]>, "secret"> {
  /** A Secret in the authority namespace with the token that the caller knows. */
  readonly secretName: string;
}

/** Where Flux reports what fails. */
export interface Alerts extends Omit<NonNullable<Settings["alerts"]>, "secret" | "certSecret"> {
  /** A Secret in the authority namespace with the address and its credentials. */
  readonly secretName: string;
  /** A Secret in the authority namespace with the certificate authority of the address. */
  readonly certSecretName?: string;
}

/** Where objects go: to a cluster, or as YAML into a folder that a root Kustomization deploys. */
export type Delivery = { readonly kind: "cluster" } | { readonly kind: "manifests"; readonly directory: string };

/** The decision to delete a tenant, or a namespace that it has left. */
export type Removed = NonNullable<Settings["removed"]>[string];

/** How the cluster is chosen when the delivery is `cluster`. */
export type Cluster = Settings["cluster"];

/** An application in one environment. */
export interface Tenant
  extends
    Pick<Entry, "repository" | "repositorySecret" | "registrySecret" | "tag" | "digest" | "pinDigest">,
    Pick<Entry, "branchImage" | "branchChart" | "credentialExceptions" | "formerly" | "adopts">,
    Omit<Complete, "policy" | "prefix" | "limits" | "network" | "secrets" | "images" | "driftDetection"> {
  readonly name: string;
  /** The tenant's own namespace: where its workload runs. */
  readonly namespace: string;
  readonly chart: Chart;
  /** Image repositories without tag; each of them must have the tag. Flux scans the first one. */
  readonly images: readonly [string, ...string[]];
  /** Further image repositories that may run in the namespace, with any tag. */
  readonly furtherImages: readonly string[];
  /** What the cluster does with an image of another repository in the namespace. */
  readonly admission: Admission;
  readonly prefix: Prefix;
  readonly policy: Policy;
  /** Special config, in the order in which it is merged over the chart's defaults. */
  readonly values: readonly ValuesFile[];
  readonly limits: Limits;
  readonly network: Network;
  readonly driftDetection: DriftDetection;
  /** Secrets that values are taken from. */
  readonly secrets: readonly SecretValues[];
  /** The line of the entry in the stack file, for messages: 1-based. */
  readonly line: number;
}

/** The chart in the tenant's Git repository (a path such as `./charts/podinfo`), or an OCI artifact (`oci://...`). */
export type Chart = { readonly kind: "git"; readonly path: string } | { readonly kind: "oci"; readonly url: string };

/** How an application tags the image that it publishes for each commit, and which of the chart's values gets it. */
export type BranchImage = NonNullable<Entry["branchImage"]>;

/** Which of the charts that an application publishes for its commits are followed: the newest that both allow. */
export type BranchChart = NonNullable<Entry["branchChart"]>;

/** The text before the version in each of the three places. It must be declared; it is never detected. */
export type Prefix = Required<Complete["prefix"]>;

/** Which release may run, and who changes it. */
export interface Policy extends Required<Pick<Complete["policy"], "range" | "automation" | "deny">> {
  readonly pin?: Pin;
  readonly hold?: Pin;
  /** What `authority up` does if a new version does not become ready. Absent: nothing more than to report it. */
  readonly onFailure?: Complete["policy"]["onFailure"];
}

/** The decision that the version stays as it is; `until` is the last day, `YYYY-MM-DD`. */
export type Pin = NonNullable<Complete["policy"]["pin"]>;

/** The pin or the hold of a tenant. While it has one, Flux does not write its version, even with automation. */
export function standstillOf({ pin, hold }: Pick<Policy, "pin" | "hold">): Pin | undefined {
  return pin ?? hold;
}

/** One values file, whole. */
export interface ValuesFile {
  /** Relative to the project's folder: `tenants/podinfo/values.yaml`. */
  readonly path: string;
  /** As Git stores it: without the CRLF that `core.autocrlf` adds to a work tree. */
  readonly content: string;
}

/** A Secret that values are taken from, in the authority namespace. */
export interface SecretValues<Text = string> {
  /** The name of the Secret. */
  readonly name: Text;
  /** The key whose content is YAML like that of a values file. */
  readonly key: Text;
}

/** The LimitRange's numbers for containers. */
export interface Limits extends Required<Pick<Complete["limits"], "default" | "defaultRequest">> {
  readonly max?: Readonly<Record<string, string>>;
}

/** The fields of the chart's objects that Flux does not restore. */
export type DriftDetection = Required<Complete["driftDetection"]>;

/** What the default-deny NetworkPolicy allows beyond the same namespace and DNS. */
export type Network = Required<Complete["network"]>;

/** One opening: peers in other namespaces or address blocks, and the ports to them (none: all ports). */
export type NetworkRule = Network["ingress"][number];

/** What a tenant follows that has no tag: the head of a branch, or the newest chart of a registry. */
export function followed({ branch, chart, branchChart }: Tenant): string {
  return branchChart !== undefined && chart.kind === "oci" ? `newest chart of ${chart.url}` : `latest of ${branch}`;
}
