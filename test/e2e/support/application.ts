import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../../lab/lab";
import type { ChartFiles } from "../../../demo/example-chart";
import { pushChart, pushImage, type PushImageOptions } from "../../../demo/push";
import { podinfoTags, type PodinfoTag } from "../../support/podinfo-repository";
import { freshName } from "./lab";
import { Repository } from "./repository";

/** An application with a Git repository that has podinfo's tags, and an image repository. */
export class Application {
  private constructor(
    private readonly lab: Lab,
    /** The unique name, also of the tenant. */
    readonly name: string,
    readonly repository: Repository,
  ) {}

  /** @param tags the tags that its repository has. Default: all of podinfo's. */
  static async create(lab: Lab, tags: readonly PodinfoTag[] = podinfoTags): Promise<Application> {
    const name = freshName("podinfo");
    return new Application(lab, name, await Repository.create(lab, name, tags));
  }

  /** The image repository, as the stack file names it. */
  get image(): string {
    return `${this.lab.registryHost}/${this.name}`;
  }

  /** Pushes an image, as CI does for a release. @returns the digest */
  async pushImage(tag: string, options: PushImageOptions = {}): Promise<string> {
    return pushImage(this.lab.registryUrl, this.name, tag, options);
  }

  /** The chart's repository in the registry, for teams that publish it there. */
  get chartPath(): string {
    return `charts/${this.name}`;
  }

  /** The chart in the registry, as the stack file names it. */
  get ociChart(): string {
    return `oci://${this.lab.registryHost}/${this.chartPath}`;
  }

  /**
   * Publishes the chart as an OCI artifact, as CI does for a release.
   *
   * @param revision the commit, branch or tag that it is packaged from. Default: the version.
   * @param change changes the files before the push. Default: no change.
   * @returns the digest
   */
  async pushChart(
    version: string,
    {
      revision = version,
      change = (files) => files,
    }: { revision?: string; change?: (files: ChartFiles) => ChartFiles } = {},
  ): Promise<string> {
    const files = await this.repository.chartFiles(revision, "charts/podinfo");
    return pushChart(this.lab.registryUrl, this.chartPath, version, change(files));
  }

  /**
   * Commits a new chart version to master and pushes it, without a tag.
   *
   * @param appVersion Default: the version.
   * @param files additional files of the commit
   * @returns the commit
   */
  async commitVersion(
    version: string,
    { appVersion = version, files = {} }: { appVersion?: string; files?: Readonly<Record<string, string>> } = {},
  ): Promise<string> {
    const [chart, values] = await Promise.all([this.chartFile("Chart.yaml"), this.chartFile("values.yaml")]);
    const commit = await this.repository.commit(`Release ${version}`, {
      "charts/podinfo/Chart.yaml": chart
        .replace(/^version: .*$/m, `version: ${version}`)
        .replace(/^appVersion: .*$/m, `appVersion: ${appVersion}`),
      "charts/podinfo/values.yaml": values.replace(/^( {2}tag: ).*$/m, `$1${version}`),
      ...files,
    });
    await this.repository.push("master");
    return commit;
  }

  /** Reads a file of the chart on master. */
  async chartFile(path: string): Promise<string> {
    return readFile(join(this.repository.path, "charts/podinfo", path), "utf8");
  }

  /** Creates or moves a Git tag and pushes it. */
  async tag(name: string, commit = "HEAD"): Promise<void> {
    await this.repository.git("tag", "--force", name, commit);
    await this.repository.push("--force", `refs/tags/${name}`);
  }
}
