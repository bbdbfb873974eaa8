import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, stackCluster } from "./components/cluster-provider";
import { decide } from "./components/decision";
import { explainFailures } from "./components/explain-failure";
import { HelmReleaseWithValues, ReleasePolicy, Tenant, UpdateAutomation } from "./components/index";
import { endBy } from "./components/refusal";
import { releaseWait, sourceWait } from "./components/release-wait";
import { automationSpec, tenantSpecs } from "./manifests/fleet-manifests";

/** For each tenant of the stack: its place, the decision about its release, and the release. */
async function program(): Promise<pulumi.Inputs> {
  const { fleet, releases, held } = await decide(process.cwd(), pulumi.getStack());
  const cluster = stackCluster(fleet);
  if (cluster !== undefined) explainFailures(cluster);
  const provider = clusterProvider(fleet, cluster);
  const automation = automationSpec(fleet);
  if (automation !== undefined) new UpdateAutomation(fleet.stack, automation, { provider });

  const tenants: Record<string, pulumi.Inputs> = {};
  for (const { name, last, images } of held) {
    if (images !== undefined) new ReleasePolicy(name, { images }, { provider });
    tenants[name] = last;
  }
  for (const { tenant, follows, kept, last, newestAllowed } of releases) {
    const { tenant: place, source, imagePolicy: images, values, release } = tenantSpecs(fleet, tenant, follows);
    const home = new Tenant(tenant.name, place, { provider });
    const policy = new ReleasePolicy(tenant.name, { source, kept, images, waitFor: sourceWait(fleet) }, { provider });
    const { release: running } = new HelmReleaseWithValues(
      tenant.name,
      { ...release, ...values, waitFor: releaseWait(fleet) },
      { provider, dependsOn: [home, policy] },
    );
    const output = {
      version:
        follows.kind === "tags" ? follows.evidence.version : (tenant.tag ?? `latest of ${follows.evidence.branch}`),
      source: policy.sourceName,
      evidence: follows.evidence,
      kept,
      pinned: tenant.policy.pin !== undefined,
      newestAllowed,
    };
    // Where the deploy fails, the release that ran before is still the one that ran before.
    tenants[tenant.name] = pulumi.recover(
      running.id.apply((): pulumi.Inputs => output),
      () => last ?? output,
    );
  }
  return { follow: fleet.follow, tenants };
}

export = () => program().catch(endBy);
