import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { firstOf } from "../config/count";
import { documentation } from "../config/documentation";
import type { StackConfig } from "../config/stack-config";
import { imageAdmissionObjects } from "../manifests/image-admission";
import { enforcedModes } from "../manifests/stack-objects";
import { lackingRights } from "./access-review";
import { type ClusterAccess, openCluster, statusOf } from "./cluster-client";
import type { StackCluster } from "./cluster-provider";
import { isKnown, valueOf } from "./output";
import { readLastOutput } from "./previous-release";
import { refusal } from "./refusal";

/**
 * The content of the stack's admission policy, as a hash, if the program registers it; it goes to the stack's outputs. If it cannot be written, `deny` refuses
 * before anything is written; `audit` warns and goes on without it. But a policy of an earlier `up` stays registered: the
 * engine would delete it, and it needs no rights to leave it alone.
 *
 * @param cluster absent if the stack renders manifests, which have no policy
 * @throws pulumi.RunError if a tenant's admission is `deny` and the policy cannot be written
 */
export async function admissionToSet(
  config: StackConfig,
  cluster: StackCluster | undefined,
): Promise<string | undefined> {
  const { authorityNamespace, stack } = config;
  const modes = enforcedModes(config);
  if (cluster === undefined || modes.length === 0) return undefined;
  const objects = imageAdmissionObjects(stack, { authorityNamespace, modes }).map(({ object }) => object);
  const wanted = createHash("sha256").update(JSON.stringify(objects)).digest("hex").slice(0, 16);
  const last = await readLastOutput(config, "imageAdmission");
  // Nothing is to be written, so the cluster is not asked: the client alone takes most of a second to load.
  if (last === wanted) return wanted;
  const { kubeconfig, context } = cluster;
  // In a preview the stack that exports the kubeconfig may not exist yet.
  if (kubeconfig !== undefined && !(await isKnown(kubeconfig))) return wanted;
  const obstacle = await admissionObstacle({ kubeconfig: await valueOf(kubeconfig), context });
  if (obstacle === undefined) return wanted;
  const { problem, fix } = obstacle;
  if (modes.includes("deny")) {
    const denying = config.tenants.filter(({ admission }) => admission === "deny").map(({ name }) => name);
    throw refusal(
      `${config.file}: \`images.admission\` of ${firstOf(denying)} is \`deny\`, but ${problem}. Nothing was changed. ` +
        `${fix}, or write \`audit\` or \`off\`.`,
    );
  }
  const isThere = typeof last === "string";
  const state = isThere ? "The admission policy cannot be changed" : "Images are not judged where they run";
  await pulumi.log.warn(
    `${state}: ${problem}. Everything else is deployed. ${fix}, or write ` +
      "`images: {admission: off}` under `shared-authority:defaults`.",
  );
  return isThere ? last : undefined;
}

/** Why the policy cannot be written, and what the platform team can do. */
export interface Obstacle {
  readonly problem: string;
  /** Without a full stop. */
  readonly fix: string;
}

const resources = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"] as const;

/** What the engine needs to create, read and change an object. */
const verbs = ["get", "create", "patch"] as const;

/**
 * Finds out whether the cluster has the API of admission policies, and whether these credentials may write them.
 *
 * @returns `undefined` if they may, and also if the cluster does not answer: the engine then reports that at its first
 *   object
 */
export async function admissionObstacle(cluster: ClusterAccess): Promise<Obstacle | undefined> {
  try {
    const open = await openCluster(cluster);
    const { client, configuration } = open;
    const served = await new client.AdmissionregistrationV1Api(configuration).getAPIResources().catch(ifMissing);
    if (!resources.every((name) => served?.resources.some((resource) => resource.name === name))) return missingApi;
    const group = "admissionregistration.k8s.io";
    const wanted = resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb })));
    const lacking = await lackingRights(open, wanted);
    return lacking.length === 0 ? undefined : missingRight(lacking);
  } catch {
    return undefined;
  }
}

function ifMissing(error: unknown): undefined {
  if (statusOf(error) !== 404) throw error;
}

const missingApi: Obstacle = {
  problem: "the cluster has no ValidatingAdmissionPolicy, which Kubernetes has since 1.30",
  fix: "Update the cluster",
};

function missingRight(lacking: readonly { readonly resource: string; readonly verb: string }[]): Obstacle {
  const list = (values: readonly string[]) => [...new Set(values)].join(" and ");
  const verbs = list(lacking.map(({ verb }) => verb));
  return {
    problem: `these credentials may not ${verbs} ${list(lacking.map(({ resource }) => resource))}`,
    fix: `Grant their user this right, which is for the whole cluster (${documentation("isolation.md")})`,
  };
}
