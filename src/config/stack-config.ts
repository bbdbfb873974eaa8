/**
 * The checked value of one stack: what the stack file and the tenants' values files say, with every default filled in.
 * Whoever holds a `StackConfig` may trust it; whatever was wrong with the files is in the list of problems instead.
 */

/** What a stack follows: the latest commit of a branch (dev), or releases only (production). */
export type Follow = "branch" | "tags";

/** Who moves a version: Flux to the main branch, Flux to a promotion branch, or people. */
export type Automation = "auto" | "pull-request" | "manual";

/** One stack, read and checked. */
export interface StackConfig {
  /** The stack's name, as in `Pulumi.<stack>.yaml`. */
  readonly stack: string;
  /** Absolute path of the folder that holds `Pulumi.yaml`. */
  readonly root: string;
  /** The stack file's path, relative to `root`. */
  readonly file: string;
  readonly follow: Follow;
  /** The namespace of the platform's Flux objects, in which a tenant has no rights. */
  readonly authorityNamespace: string;
  /** Where the automation commits. Absent when no tenant of the stack is automated. */
  readonly configRepository?: ConfigRepository;
  readonly delivery: Delivery;
  readonly cluster: Cluster;
  readonly intervals: Intervals;
  readonly timeouts: Timeouts;
  /** Sorted by name. */
  readonly tenants: readonly Tenant[];
}

/** The shared repository itself, as Flux's automation sees it. */
export interface ConfigRepository {
  readonly url: string;
  /** The main branch: `auto` commits here. */
  readonly branch: string;
  /** The branch that `pull-request` commits to. */
  readonly promotionBranch: string;
  /** The folder of this project in the repository, `.` at its top: the automation edits the stack file in it, and nothing else. */
  readonly path: string;
  /** A Secret in the authority namespace with the credentials to push. */
  readonly secretName?: string;
  /** Who the automation's commits are by. */
  readonly author: { readonly name: string; readonly email: string };
}

/** Where objects go: to a cluster, or as YAML into a folder that a root Kustomization deploys. */
export type Delivery = { readonly kind: "cluster" } | { readonly kind: "manifests"; readonly directory: string };

/** How the cluster is chosen when the delivery is `cluster`. */
export interface Cluster {
  /** A stack whose output is the kubeconfig, instead of `kubernetes:kubeconfig` or `kubernetes:context`. */
  readonly kubeconfigFrom?: { readonly stack: string; readonly output: string };
}

/** How often Flux looks, each a Go duration such as `1m0s`. */
export interface Intervals {
  readonly source: string;
  readonly image: string;
  readonly release: string;
  readonly automation: string;
}

/** How long Flux and the program wait, each a Go duration. */
export interface Timeouts {
  readonly source: string;
  readonly release: string;
}

/** One application team's place in the cluster. */
export interface Tenant {
  readonly name: string;
  /** The tenant's own namespace: where its workload runs. */
  readonly namespace: string;
  /** The application's Git repository. Always there for a chart in Git. */
  readonly repository?: string;
  /** A Secret in the authority namespace with the credentials of the Git repository. */
  readonly repositorySecret?: string;
  /** A Secret in the authority namespace with the credentials of the registry. */
  readonly registrySecret?: string;
  readonly chart: Chart;
  /** The branch that is followed where the stack follows one. */
  readonly branch: string;
  /** Image repositories without tag; each of them must carry the tag. The first one is the one that is scanned. */
  readonly images: readonly [string, ...string[]];
  /** Registries that speak plain HTTP, for labs: never in production. */
  readonly insecureRegistry: boolean;
  /** The image tag that runs. Always there where the stack follows tags, or the images of a branch's commits. */
  readonly tag?: string;
  /** The digest of the first image at `tag`, as Flux writes it. */
  readonly digest?: string;
  /** The images that the application publishes for each commit. Only where the stack follows a branch. */
  readonly branchImage?: BranchImage;
  /** The charts that it publishes for each commit. Always there for an OCI chart where the stack follows a branch. */
  readonly branchChart?: BranchChart;
  readonly prefix: Prefix;
  /** Branches, as glob patterns, on one of which a release's commit must lie. */
  readonly releasedFrom: readonly string[];
  readonly policy: Policy;
  /** Special config, in the order in which it is merged over the chart's defaults. */
  readonly values: readonly ValuesFile[];
  /** Kubernetes groups of the application team. */
  readonly team: readonly string[];
  /** `spec.hard` of the ResourceQuota. */
  readonly quota: Readonly<Record<string, string>>;
  /** The LimitRange for containers. */
  readonly limits: Limits;
  /** What the default-deny NetworkPolicy opens beyond the same namespace and DNS. */
  readonly network: Network;
  /** The Pod Security level that the namespace enforces. */
  readonly podSecurity: "restricted" | "baseline" | "privileged";
  /** Names of Secrets, and the key in each, that values are taken from. */
  readonly secrets: readonly SecretValues[];
  /** Where in the chart's values `<tag>@<digest>` goes, such as `image.tag`. */
  readonly pinDigest?: string;
  /** Where in the stack file the entry stands, for messages: 1-based. */
  readonly line: number;
}

/** The chart in the tenant's Git repository, or as an OCI artifact. */
export type Chart =
  | { readonly kind: "git"; /** Path in the repository, such as `./charts/podinfo`. */ readonly path: string }
  | {
      readonly kind: "oci";
      /** With scheme and without tag: `oci://ghcr.io/stefanprodan/charts/podinfo`. */ readonly url: string;
    };

/** How an application tags the image that it publishes for each commit, and where the chart takes it. */
export interface BranchImage {
  /** A regular expression over image tags: the group `sha` is the commit, the group `ts` a number that grows. */
  readonly pattern: string;
  /** The path in the chart's values that gets `<tag>@<digest>`, such as `image.tag`. */
  readonly value: string;
}

/** Which of the charts that an application publishes, one for each commit, is followed: the newest that both allow. */
export interface BranchChart {
  /** A SemVer range in Flux's own syntax. */
  readonly range: string;
  /** A regular expression over the chart's tags. */
  readonly pattern: string;
}

/** What stands before the version in each of the three places. Declared, never guessed. */
export interface Prefix {
  readonly git: string;
  readonly chart: string;
  readonly image: string;
}

/** Which release may run, and who moves it. */
export interface Policy {
  /** A SemVer range in Flux's own syntax. */
  readonly range: string;
  readonly automation: Automation;
  /** Versions, without prefix, that never run. */
  readonly deny: readonly string[];
  readonly pin?: Pin;
}

/** The decision that the version stays where it is. */
export interface Pin {
  readonly reason: string;
  readonly by: string;
  /** The day after which the pin is reported as expired, `YYYY-MM-DD`. */
  readonly until?: string;
}

/** One values file, whole. */
export interface ValuesFile {
  /** Relative to the project's folder: `tenants/podinfo/values.yaml`. */
  readonly path: string;
  readonly content: string;
}

/** A Secret that values are taken from, in the authority namespace. */
export interface SecretValues<Text = string> {
  readonly name: Text;
  readonly key: Text;
}

/** The LimitRange's numbers for containers. */
export interface Limits {
  readonly default: Readonly<Record<string, string>>;
  readonly defaultRequest: Readonly<Record<string, string>>;
  readonly max?: Readonly<Record<string, string>>;
}

/** Openings in the tenant's network. */
export interface Network {
  readonly ingress: readonly NetworkRule[];
  readonly egress: readonly NetworkRule[];
}

/** One opening: peers in other namespaces or address blocks, and the ports to them (none: all ports). */
export interface NetworkRule {
  readonly namespaces: readonly string[];
  readonly cidrs: readonly string[];
  readonly ports: readonly { readonly port: number; readonly protocol: "TCP" | "UDP" | "SCTP" }[];
}
