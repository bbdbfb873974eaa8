import * as pulumi from "@pulumi/pulumi";
import { printable } from "../config/printable";
import { label, labelOf } from "../manifests/annotation";
import { type CarriedOver, stackObjects } from "../manifests/stack-objects";
import type { ResolvedStack } from "../release/resolve";
import { lackingRights, type Right } from "./access-review";
import { adoptionProblems } from "./adoption-check";
import { type ClusterAccess, clusterError, openCluster, type OpenCluster, statusOf } from "./cluster-client";
import type { StackCluster } from "./cluster-provider";
import { valueOf } from "./output";
import { refusal } from "./refusal";

/**
 * Refuses an `up` for whose objects the cluster is not ready, before anything is written.
 *
 * @param cluster absent if the stack renders manifests
 * @throws pulumi.RunError with everything that is missing
 */
export async function refuseUnready(
  stack: ResolvedStack,
  carriedOver: CarriedOver,
  cluster: StackCluster | undefined,
): Promise<void> {
  if (cluster === undefined || pulumi.runtime.isDryRun()) return;
  const { kubeconfig, context } = cluster;
  const problems = await preflightProblems({ kubeconfig: await valueOf(kubeconfig), context }, stack, carriedOver);
  if (problems.length === 0) return;
  const { stack: name } = stack.config;
  throw refusal(
    [
      "The cluster is not ready for this stack. Nothing was changed:",
      ...problems.map((problem) => `  ${printable(problem)}`),
      `  Correct this, then run \`npx authority up --stack ${name}\` again.`,
    ].join("\n"),
  );
}

/** What the stack's objects need of a cluster. */
interface Needs {
  readonly stack: string;
  readonly authorityNamespace: string;
  /** Kinds by API version. */
  readonly kinds: ReadonlyMap<string, ReadonlySet<string>>;
  /** The namespaces that hold objects of a kind. */
  readonly places: ReadonlyMap<string, ReadonlySet<string>>;
  /** The namespaces that the stack creates. */
  readonly namespaces: readonly string[];
  /** Those of them that may exist, because their tenants take over what runs there. */
  readonly adopted: ReadonlySet<string>;
}

/** Everything that is missing in the cluster, one sentence or more for each. Nothing is changed. */
export async function preflightProblems(
  cluster: ClusterAccess,
  stack: ResolvedStack,
  carriedOver: CarriedOver = {},
): Promise<string[]> {
  const needs = needsOf(stack, carriedOver);
  try {
    const open = await openCluster(cluster);
    const versions = await servedVersions(open);
    const checks = [
      servedProblems(open, versions, needs),
      placeProblems(open, needs),
      controllerProblems(open, needs),
      adoptionProblems(open, stack, carriedOver),
    ];
    return (await Promise.all(checks)).flat();
  } catch (error) {
    return [unasked(error)];
  }
}

function needsOf(stack: ResolvedStack, carriedOver: CarriedOver): Needs {
  const { config } = stack;
  const kinds = new Map<string, Set<string>>();
  const places = new Map<string, Set<string>>();
  const namespaces: string[] = [];
  for (const { object, owner } of stackObjects(stack, carriedOver)) {
    // The stack can do without it, unless a tenant's admission is `deny`: `admissionToSet` decides.
    if (owner.component === "ImageAdmission") continue;
    const { apiVersion, kind, metadata } = object;
    kinds.set(apiVersion, (kinds.get(apiVersion) ?? new Set()).add(kind));
    if (metadata.namespace !== undefined) places.set(kind, (places.get(kind) ?? new Set()).add(metadata.namespace));
    if (kind === "Namespace") namespaces.push(metadata.name);
  }
  const adopted = config.tenants.flatMap(({ namespace, adopts }) => (adopts === undefined ? [] : [namespace]));
  const { stack: name, authorityNamespace } = config;
  return { stack: name, authorityNamespace, kinds, places, namespaces, adopted: new Set(adopted) };
}

function unasked(error: unknown): string {
  const status = statusOf(error) ?? 0;
  const settings = "`kubernetes:kubeconfig` and `kubernetes:context`";
  const check = `Check that it runs, and that ${settings} name the right file, context and credentials.`;
  if (status === 401) return `The API server does not accept the credentials (401). ${check}`;
  if (status === 403) {
    return `These credentials may not read what the API server serves (403). Use the platform team's credentials (${settings}).`;
  }
  if (status === 429 || status >= 500) {
    return `The API server answered ${status}: it fails or is overloaded. Wait until \`kubectl get --raw /readyz\` prints \`ok\`.`;
  }
  return `The cluster cannot be asked: ${clusterError(error).message}. ${check}`;
}

/** The versions that the API server has of each group. */
async function servedVersions({ client, configuration }: OpenCluster): Promise<ReadonlyMap<string, readonly string[]>> {
  const { groups } = await new client.ApisApi(configuration).getAPIVersions();
  return new Map(groups.map(({ name, versions }) => [name, versions.map(({ version }) => version)]));
}

const install = "`flux install --components-extra=image-reflector-controller,image-automation-controller`";

/** Kinds that the cluster lacks, and rights that the credentials lack for the others. */
async function servedProblems(
  open: OpenCluster,
  versions: ReadonlyMap<string, readonly string[]>,
  needs: Needs,
): Promise<string[]> {
  const problems: string[] = [];
  const rights: NeededRight[] = [];
  for (const [apiVersion, kinds] of needs.kinds) {
    const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
    const resources = await servedResources(open, group, version);
    const missing = [...kinds].filter((kind) => !resources.some((resource) => resource.kind === kind));
    if (missing.length > 0) {
      const others = versions.get(group) ?? [];
      const found = others.length === 0 ? "" : ` (it has ${others.join(", ")} of ${group})`;
      const fix = group.endsWith("toolkit.fluxcd.io") ? `Install or update Flux: ${install}.` : "Update the cluster.";
      problems.push(`The cluster has no ${missing.join(", ")} of ${apiVersion}${found}. ${fix}`);
    }
    for (const { kind, name } of resources) {
      if (kinds.has(kind)) rights.push(...verbs.map((verb) => ({ group, resource: name, verb, kind })));
    }
  }
  const helmReleases = { group: "helm.toolkit.fluxcd.io", resource: "helmreleases", kind: "HelmRelease" };
  rights.push({ ...helmReleases, verb: "list" });
  return [...problems, ...(await rightProblems(open, needs, rights))];
}

interface NeededRight extends Right {
  readonly kind: string;
}

/** What the engine does with an object. */
const verbs = ["get", "create", "patch", "delete"];

async function servedResources({ client, configuration }: OpenCluster, group: string, version: string) {
  const answer =
    group === ""
      ? new client.CoreV1Api(configuration).getAPIResources()
      : new client.CustomObjectsApi(configuration).getAPIResources({ group, version });
  const { resources } = await answer.catch((error: unknown) => {
    if (statusOf(error) === 404) return { resources: [] };
    throw error;
  });
  return resources.filter(({ name }) => !name.includes("/"));
}

/** A right in the whole cluster covers all namespaces; only where it is missing, each namespace is asked for. */
async function rightProblems(open: OpenCluster, { places }: Needs, rights: readonly NeededRight[]): Promise<string[]> {
  const everywhere = await lackingRights(open, rights);
  const lacking = await lackingRights(
    open,
    everywhere.flatMap((right) =>
      Array.from(places.get(right.kind) ?? [undefined], (namespace) => ({ ...right, namespace })),
    ),
  );
  const byPlace = new Map<string, Map<string, Set<string>>>();
  for (const { resource, verb, namespace } of lacking) {
    const place = namespace === undefined ? "" : ` in the namespace ${namespace}`;
    const resources = byPlace.get(place) ?? new Map<string, Set<string>>();
    byPlace.set(place, resources.set(verb, (resources.get(verb) ?? new Set()).add(resource)));
  }
  return Array.from(byPlace, ([place, resources]) => {
    const what = Array.from(resources, ([verb, names]) => `${verb} ${[...names].sort().join(", ")}`).join("; ");
    return (
      `These credentials may not${place}: ${what}. Use the platform team's credentials (\`kubernetes:kubeconfig\`, ` +
      "`kubernetes:context`), or grant their user this."
    );
  });
}

/** The authority namespace that is missing, and namespaces of tenants that are somebody else's. */
async function placeProblems({ client, configuration }: OpenCluster, needs: Needs): Promise<string[]> {
  const core = new client.CoreV1Api(configuration);
  const found = await core.listNamespace().catch((error: unknown) => {
    // Whoever may not list them learns from the API server what is missing.
    if (statusOf(error) === 403) return undefined;
    throw error;
  });
  if (found === undefined) return [];
  const all = new Map(found.items.map(({ metadata }) => [metadata?.name ?? "", metadata]));
  const { authorityNamespace } = needs;
  return [
    ...(all.has(authorityNamespace)
      ? []
      : [
          `There is no authority namespace ${authorityNamespace}. Create it with ` +
            `\`kubectl create namespace ${authorityNamespace}\`, or correct \`shared-authority:authorityNamespace\`.`,
        ]),
    ...needs.namespaces.flatMap((name) => {
      const metadata = all.get(name);
      const owner = metadata && ownerOf(metadata, needs.stack, needs.adopted.has(name));
      return owner === undefined
        ? []
        : [
            `The namespace ${name} belongs to ${owner}. Give the tenant another \`namespace\`; do not take this one over.`,
          ];
    }),
  ];
}

interface OwnedMetadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly { readonly manager?: string }[];
}

/** Whom a namespace belongs to, if not to this stack. */
function ownerOf(
  { labels = {}, managedFields = [] }: OwnedMetadata,
  stack: string,
  isAdopted: boolean,
): string | undefined {
  const other = labels[label.stack];
  if (other !== undefined && other !== labelOf(stack)) return `the stack ${other}`;
  const isOurs = isAdopted || labels[label.tenant] !== undefined;
  const isPulumis = managedFields.some(({ manager }) => manager?.startsWith("pulumi-kubernetes") === true);
  if (isOurs || isPulumis || process.env.PULUMI_K8S_UPSERT_EXISTING_OBJECTS === "true") return undefined;
  return "somebody else: this program has not created it";
}

/** The controllers that reconcile each kind. */
const controllers: Readonly<Record<string, string>> = {
  GitRepository: "source-controller",
  OCIRepository: "source-controller",
  HelmRelease: "helm-controller",
  ImageRepository: "image-reflector-controller",
  ImagePolicy: "image-reflector-controller",
  ImageUpdateAutomation: "image-automation-controller",
  Receiver: "notification-controller",
  Alert: "notification-controller",
};

/** Flux's controllers that do not run. Only Deployments with Flux's own labels can be found. */
async function controllerProblems({ client, configuration }: OpenCluster, { kinds }: Needs): Promise<string[]> {
  const apps = new client.AppsV1Api(configuration);
  const deployments = await apps
    .listDeploymentForAllNamespaces({ labelSelector: "app.kubernetes.io/part-of=flux" })
    .catch((error: unknown) => {
      if (statusOf(error) === 403) return undefined;
      throw error;
    });
  if (deployments === undefined || deployments.items.length === 0) return [];
  const needed = [...kinds.values()].flatMap((set) => [...set]).map((kind) => controllers[kind]);
  return [...new Set(needed)].sort().flatMap((name) => {
    if (name === undefined) return [];
    const found = deployments.items.filter(({ metadata }) => metadata?.name === name);
    if (found.some(({ status }) => (status?.availableReplicas ?? 0) > 0)) return [];
    if (found.length === 0) return [`Flux's ${name} is not installed. Install it: ${install}.`];
    const namespace = found[0]?.metadata?.namespace ?? "";
    return [
      `Flux's ${name} does not run: none of its pods is available. See ` +
        `\`kubectl describe deployment ${name} --namespace ${namespace}\`.`,
    ];
  });
}
