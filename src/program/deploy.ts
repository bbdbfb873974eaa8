import * as pulumi from "@pulumi/pulumi";
import {
  HelmReleaseWithValues,
  ImageAdmission,
  Notifications,
  ReleasePolicy,
  Tenant,
  UpdateAutomation,
} from "../components/index";
import { objectName } from "../config/object-name";
import { printable } from "../config/printable";
import { followed, standstillOf, type Tenant as TenantConfig } from "../config/stack-config";
import { keepsPreviousSources, resolvedSourceName } from "../manifests/source";
import { stackComponents } from "../manifests/stack-objects";
import { isRelease } from "../release/evidence";
import { type ResolvedStack, type ResolvedTenant, unlockedHint, unlockedReleases } from "../release/resolve";
import { admissionToSet } from "./admission-check";
import { clusterProvider, stackCluster } from "./cluster-provider";
import { type Decision, decide } from "./decision";
import { endWithEngine } from "./ended-engine";
import { explainFailures } from "./explain-failure";
import { isDeployed, watchObjects } from "./failed-objects";
import { refuseUnready } from "./preflight";
import { type LastOutput, type LastOutputs, readLastOutput } from "./previous-release";
import { endBy } from "./refusal";
import { RunningReleases } from "./running-releases";

/**
 * Deploys the stack that the engine runs the program for. `export = deploy;` is a complete program.
 *
 * @returns the stack's outputs: what the stack follows, its authority namespace, what each tenant runs, and the reason of
 *   an emergency
 */
export function deploy(): Promise<pulumi.Inputs> {
  // Pulumi's SDK formats a stack trace for every promise. ts-node looks each up in source maps: a tenth of the start-up.
  Reflect.deleteProperty(Error, "prepareStackTrace");
  endWithEngine();
  return program().catch(endBy);
}

async function program(): Promise<pulumi.Inputs> {
  const decision = await decide(process.cwd(), pulumi.getStack());
  const { config } = decision.stack;
  const cluster = stackCluster(config);
  await logDecisions(decision.stack, decision.last);
  const hint = unlockedHint(config.stack, unlockedReleases(decision.stack));
  if (hint !== undefined) await pulumi.log.info(hint);
  await refuseUnready(decision.stack, decision.carriedOver, cluster);
  const imageAdmission = await admissionToSet(config, cluster);
  const running = cluster && (await RunningReleases.open(config, cluster));
  if (cluster !== undefined) explainFailures(cluster, (tenant) => running?.textOf(tenant));
  const refuseFailures = watchObjects();
  const provider = clusterProvider(config, cluster);
  const releases = registerComponents(decision, provider, imageAdmission !== undefined);
  const runs = new Map(
    Array.from(
      releases,
      ([tenant, release]) => [tenant, running?.runs(tenant, release) ?? isDeployed(release)] as const,
    ),
  );
  // Not awaited: the outputs of the tenants that were deployed must be saved. The rejection ends the program with an error.
  void refuseFailures(runs.values());
  const { emergency } = decision;
  // The engine prints all outputs of all tenants if one of them changes. A preview records none, so it changes none.
  const tenants = pulumi.runtime.isDryRun()
    ? await readLastOutput(config, "tenants")
    : tenantOutputs(decision, releases, runs);
  return {
    follow: config.follow,
    authorityNamespace: config.authorityNamespace,
    ...(emergency !== undefined && { emergency }),
    ...(imageAdmission !== undefined && { imageAdmission }),
    ...(tenants !== undefined && { tenants }),
  };
}

/**
 * Each HelmRelease depends on everything that the policy pack must have judged before it: the objects of the whole stack,
 * and those of its tenant. So the first pods are not faster than the admission policy either.
 *
 * @param hasAdmission whether the stack's admission policy is registered. Only if it denies, the releases wait for it
 * @returns the HelmReleases by tenant
 */
function registerComponents(
  { stack, carriedOver }: Decision,
  provider: pulumi.ProviderResource,
  hasAdmission: boolean,
): Releases {
  const releases = new Map<string, pulumi.CustomResource>();
  const ofStack: pulumi.Resource[] = [];
  let ofTenant: pulumi.Resource[] = [];
  for (const { component, name, args } of stackComponents(stack, carriedOver)) {
    if (component === "UpdateAutomation") ofStack.push(new UpdateAutomation(name, args, { provider }));
    else if (component === "Notifications") ofStack.push(new Notifications(name, args, { provider }));
    else if (component === "ImageAdmission") {
      const admission = hasAdmission ? [new ImageAdmission(name, args, { provider })] : [];
      if (args.modes.includes("deny")) ofStack.push(...admission);
    } else if (component === "Tenant") ofTenant = [new Tenant(name, args, { provider })];
    else if (component === "ReleasePolicy") ofTenant.push(new ReleasePolicy(name, args, { provider }));
    else {
      const dependsOn = [...ofStack, ...ofTenant];
      releases.set(name, new HelmReleaseWithValues(name, args, { provider, dependsOn }).release);
    }
  }
  return releases;
}

/** What changes is what people look for, so it comes before all resources: one line for each tenant that changes. */
async function logDecisions({ tenants }: ResolvedStack, last: LastOutputs): Promise<void> {
  for (const resolved of tenants) {
    const { name } = resolved.tenant;
    const [before, now] = [last[objectName(resolved.tenant)]?.version, versionOf(resolved)];
    if (now === undefined || before === now) continue;
    await pulumi.log.info(printable(before === undefined ? `${name} ${now} (new)` : `${name} ${before} -> ${now}`));
  }
}

function versionOf({ tenant, evidence }: Pick<ResolvedTenant, "tenant" | "evidence">): string | undefined {
  if (evidence === undefined) return undefined;
  return isRelease(evidence) ? evidence.version : (tenant.tag ?? followed(tenant));
}

type Releases = ReadonlyMap<string, pulumi.CustomResource>;

/** What was deployed before. A release that failed in a new namespace may still run in the old one. */
function notDeployed({ formerly, namespace }: TenantConfig, last: LastOutput = {}): pulumi.Inputs {
  return { ...last, previous: undefined, formerly, namespace: last.namespace ?? namespace };
}

/** @param running whether each tenant's release runs */
function tenantOutputs(
  { stack, carriedOver, last, skipped }: Decision,
  releases: Releases,
  running: ReadonlyMap<string, Promise<boolean>>,
): pulumi.Inputs {
  const outputs: Record<string, pulumi.Inputs> = { ...skipped };
  const keeps = keepsPreviousSources(stack.config);
  for (const { tenant, evidence } of stack.tenants) {
    const { name, formerly, namespace, policy } = tenant;
    const objects = objectName(tenant);
    const [release, runs] = [releases.get(objects), running.get(objects)];
    if (evidence === undefined || release === undefined || runs === undefined) continue;
    const output = {
      version: versionOf({ tenant, evidence }),
      source: resolvedSourceName(objects, evidence),
      evidence,
      previous: carriedOver.previous?.get(name),
      formerly,
      namespace,
      pinned: standstillOf(policy) !== undefined,
    };
    // If the deploy fails, the next `up` must still know the release that ran before.
    outputs[name] = runs.then((isRunning) => (isRunning || !keeps ? output : notDeployed(tenant, last[objects])));
  }
  return outputs;
}
