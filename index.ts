import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, stackCluster } from "./src/program/cluster-provider";
import { decide } from "./src/program/decision";
import { explainFailures } from "./src/program/explain-failure";
import { HelmReleaseWithValues, ReleasePolicy, Tenant, UpdateAutomation } from "./components/index";
import { endBy } from "./src/program/refusal";
import { releaseWait, sourceWait } from "./src/program/release-wait";
import { automationSpec, tenantSpecs } from "./src/manifests/stack-objects";

/** For each tenant of the stack: its place, the decision about its release, and the release. */
async function program(): Promise<pulumi.Inputs> {
  const { config, releases, skipped } = await decide(process.cwd(), pulumi.getStack());
  const cluster = stackCluster(config);
  if (cluster !== undefined) explainFailures(cluster);
  const provider = clusterProvider(config, cluster);
  const automation = automationSpec(config);
  if (automation !== undefined) new UpdateAutomation(config.stack, automation, { provider });

  const tenants: Record<string, pulumi.Inputs> = {};
  for (const { name, last, images } of skipped) {
    if (images !== undefined) new ReleasePolicy(name, { images }, { provider });
    tenants[name] = last;
  }
  for (const { tenant, resolved, previous, last, newestAllowed } of releases) {
    const { tenant: place, source, imagePolicy: images, values, release } = tenantSpecs(config, tenant, resolved);
    const home = new Tenant(tenant.name, place, { provider });
    const policy = new ReleasePolicy(
      tenant.name,
      { source, previous, images, waitFor: sourceWait(config) },
      { provider },
    );
    const { release: running } = new HelmReleaseWithValues(
      tenant.name,
      { ...release, ...values, waitFor: releaseWait(config) },
      { provider, dependsOn: [home, policy] },
    );
    const output = {
      version:
        resolved.kind === "tags" ? resolved.evidence.version : (tenant.tag ?? `latest of ${resolved.evidence.branch}`),
      source: policy.sourceName,
      evidence: resolved.evidence,
      previous,
      pinned: tenant.policy.pin !== undefined,
      newestAllowed,
    };
    // Where the deploy fails, the release that ran before is still the one that ran before.
    tenants[tenant.name] = pulumi.recover(
      running.id.apply((): pulumi.Inputs => output),
      () => last ?? output,
    );
  }
  return { follow: config.follow, tenants };
}

export = () => program().catch(endBy);
