import * as pulumi from "@pulumi/pulumi";
import { HelmReleaseWithValues, ReleasePolicy, Tenant, UpdateAutomation } from "../../components/index";
import { resolvedSourceName } from "../manifests/source";
import { stackComponents } from "../manifests/stack-objects";
import { isRelease } from "../release/evidence";
import { createEvidenceReader } from "../release/evidence-reader";
import { newestAllowed } from "../release/resolve";
import { clusterProvider, stackCluster } from "./cluster-provider";
import { type Decision, decide } from "./decision";
import { explainFailures } from "./explain-failure";
import { isDeployed, watchObjects } from "./failed-objects";
import { endBy } from "./refusal";

/**
 * Deploys the stack that the engine runs the program for. `export = deploy;` is a complete program.
 *
 * @returns the stack's outputs: what the stack follows, and what each tenant runs
 */
export function deploy(): Promise<pulumi.Inputs> {
  return program().catch(endBy);
}

async function program(): Promise<pulumi.Inputs> {
  const decision = await decide(process.cwd(), pulumi.getStack());
  const { config } = decision.stack;
  const cluster = stackCluster(config);
  if (cluster !== undefined) explainFailures(cluster);
  const refuseFailures = watchObjects();
  const provider = clusterProvider(config, cluster);
  const releases = registerComponents(decision, provider);
  // Not awaited: the outputs of the tenants that were deployed must be saved. The rejection ends the program with an error.
  void refuseFailures();
  return { follow: config.follow, tenants: tenantOutputs(decision, releases) };
}

/** @returns the HelmReleases by tenant */
function registerComponents({ stack, carriedOver }: Decision, provider: pulumi.ProviderResource): Releases {
  const releases = new Map<string, pulumi.CustomResource>();
  let dependsOn: pulumi.Resource[] = [];
  for (const { component, name, args } of stackComponents(stack, carriedOver)) {
    if (component === "UpdateAutomation") new UpdateAutomation(name, args, { provider });
    else if (component === "Tenant") dependsOn = [new Tenant(name, args, { provider })];
    else if (component === "ReleasePolicy") dependsOn.push(new ReleasePolicy(name, args, { provider }));
    else releases.set(name, new HelmReleaseWithValues(name, args, { provider, dependsOn }).release);
  }
  return releases;
}

type Releases = ReadonlyMap<string, pulumi.CustomResource>;

/** How long the registry has to answer which version is the newest allowed. */
const newestAllowedMs = 10_000;

function tenantOutputs({ stack, carriedOver, last, skipped }: Decision, releases: Releases): pulumi.Inputs {
  const outputs: Record<string, pulumi.Inputs> = { ...skipped };
  // A pending request would keep the process alive, so it is aborted.
  const reader = createEvidenceReader({ registry: { signal: AbortSignal.timeout(newestAllowedMs) } });
  for (const { tenant, evidence } of stack.tenants) {
    const { name, tag, policy } = tenant;
    const release = releases.get(name);
    if (evidence === undefined || release === undefined) continue;
    const output = {
      version: isRelease(evidence) ? evidence.version : (tag ?? `latest of ${evidence.branch}`),
      source: resolvedSourceName(name, evidence),
      evidence,
      previous: carriedOver.previous?.get(name),
      pinned: policy.pin !== undefined,
      newestAllowed: newestAllowed(tenant, reader),
    };
    // If the deploy fails, the next `up` must still know the release that ran before.
    outputs[name] = pulumi.runtime.isDryRun()
      ? release.id.apply((): pulumi.Inputs => output)
      : isDeployed(release).then((deployed) =>
          deployed || last === undefined ? output : { evidence: last[name]?.evidence },
        );
  }
  return outputs;
}
