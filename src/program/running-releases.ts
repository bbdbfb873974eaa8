import * as pulumi from "@pulumi/pulumi";
import { millisecondsOf } from "../config/duration";
import type { StackConfig } from "../config/stack-config";
import { annotation } from "../manifests/annotation";
import type { StackCluster } from "./cluster-provider";
import { explainNotRunning } from "./explain-failure";
import { isDeployed } from "./failed-objects";
import { failedRelease, noteFailedRelease } from "./failed-releases";
import { runningText } from "./helm-release-state";
import { isKnown, valueOf } from "./output";
import { openHelmReleases, ReleaseWatch } from "./release-watch";

/** Whether the releases of an `up` run in the stack's cluster. */
export class RunningReleases {
  private constructor(
    readonly config: StackConfig,
    readonly context: string | undefined,
    readonly watch: ReleaseWatch,
  ) {}

  /** To be called before an object is registered. @returns `undefined` in a preview, which waits for nothing */
  static async open(config: StackConfig, cluster: StackCluster): Promise<RunningReleases | undefined> {
    const { kubeconfig, context } = cluster;
    if (pulumi.runtime.isDryRun() || (kubeconfig !== undefined && !(await isKnown(kubeconfig)))) return undefined;
    const client = await openHelmReleases(
      { kubeconfig: await valueOf(kubeconfig), context },
      config.authorityNamespace,
    );
    return new RunningReleases(config, context, await ReleaseWatch.start(client));
  }

  /** What ran of a tenant before this `up`, in a sentence; `undefined` if it is not known. */
  textOf(tenant: string): string | undefined {
    const before = this.watch.before && [...this.watch.before.values()];
    return before && runningText(before.find(({ metadata }) => metadata.annotations?.[annotation.tenant] === tenant));
  }

  /**
   * Whether a release runs. If it does not, the reason is logged: as an error, or as a warning about the branch that a
   * stack follows, whose commits this `up` does not decide.
   */
  async runs(tenant: string, release: pulumi.CustomResource): Promise<boolean> {
    if (!(await isDeployed(release))) return false;
    const { follow, timeouts } = this.config;
    // The ID is `<namespace>/<name>`.
    const [namespace = "", name = ""] = ((await valueOf(release.id)) ?? "").split("/");
    // An upgrade, the rollback of a failed one, and a minute for Flux to report.
    const timeoutMs = 2 * millisecondsOf(timeouts.release) + 60_000;
    const notRunning = await this.watch.untilRuns(name, timeoutMs);
    if (notRunning === undefined) return true;
    noteFailedRelease(failedRelease(tenant, notRunning, this.watch.before !== undefined));
    const text = explainNotRunning(tenant, { name, namespace }, this.context, notRunning);
    const isDecided = follow === "tags" || notRunning.isChanged;
    await (isDecided ? pulumi.log.error(text, release) : pulumi.log.warn(text, release));
    return !isDecided;
  }
}
