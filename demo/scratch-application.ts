import { join } from "node:path";
import { exampleChart, type ChartFiles } from "./example-chart";
import { git } from "./git";
import { pushImage } from "./push";

/** Options of an application. */
export interface ApplicationOptions {
  /** An existing folder for the bare repository `<name>.git`. */
  readonly directory: string;
  /** The name of the application, its chart and its objects. */
  readonly name: string;
  /** The registry for its images, such as `http://127.0.0.1:5000`. */
  readonly registry: string;
}

/** A commit of the application. */
export interface ApplicationCommit {
  /** `version` in `Chart.yaml`. */
  readonly version: string;
  /** `appVersion` in `Chart.yaml`. Default: the version. */
  readonly appVersion?: string;
  readonly message: string;
  /** Default: `master`. A new branch starts at the head of `master`. */
  readonly branch?: string;
  /** Text that is appended to files of the chart, by their paths in the chart. */
  readonly more?: ChartFiles;
}

/** A published release. */
export interface PublishedRelease {
  readonly commit: string;
  /** The image's digest. */
  readonly digest: string;
}

/** Creates the application's repository, without any commit. */
export async function createApplication(options: ApplicationOptions): Promise<ScratchApplication> {
  const { directory, name, registry } = options;
  const repository = join(directory, `${name}.git`);
  await git({ directory }, "init", "--quiet", "--bare", "--initial-branch=master", repository);
  return new ScratchApplication(name, repository, registry);
}

/**
 * The releases of an application team, for the demo and the tests: commits, Git tags and images. Authors and dates are
 * fixed, so the same calls create the same commits on every machine.
 */
export class ScratchApplication {
  /** The chart's folder in the repository. */
  readonly chartPath: string;
  /** The image repository as in an image reference: `127.0.0.1:5000/<name>`. */
  readonly image: string;
  /** The image repository without the registry: `<name>`. */
  readonly imageRepository: string;
  /** The date of the last commit or tag, in seconds. Each is one minute after the previous one. */
  private clock = Date.UTC(2026, 0, 1) / 1000;

  constructor(
    readonly name: string,
    /** The path of the bare repository. */
    readonly repository: string,
    private readonly registry: string,
  ) {
    this.chartPath = `./charts/${name}`;
    this.imageRepository = name;
    this.image = `${new URL(registry).host}/${name}`;
  }

  /** Commits the chart with these versions. @returns the commit */
  async commit(options: ApplicationCommit): Promise<string> {
    const { version, appVersion = version, message, branch = "master", more = {} } = options;
    // Not the real image: the registry's port would change every commit. Special config has the real one.
    const image = `registry.invalid/${this.name}`;
    const files = exampleChart({ name: this.name, version, appVersion, image });
    const appended = Object.entries(more).map(([path, text]) => [path, (files[path] ?? "") + text] as const);
    const tree = await this.writeTree({ ...files, ...Object.fromEntries(appended) });
    const parent = (await this.find(`refs/heads/${branch}`)) ?? (await this.find("refs/heads/master"));
    const parents = parent === undefined ? [] : ["-p", parent];
    const commit = await this.git(this.nextDate(), "commit-tree", tree, ...parents, "-m", message);
    await this.git({}, "update-ref", `refs/heads/${branch}`, commit);
    return commit;
  }

  /** Creates or moves an annotated Git tag. Default: at the head of `master`. */
  async tag(tag: string, commit = "refs/heads/master"): Promise<void> {
    await this.git(this.nextDate(), "tag", "--force", "--annotate", tag, "-m", `${this.name} ${tag}`, commit);
  }

  /** Pushes an image. Different `labels` give different digests. @returns the digest */
  pushImage(tag: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
    return pushImage(this.registry, this.imageRepository, tag, { labels });
  }

  /** Publishes a release: commit, Git tag and image. The version is the tag. */
  async publish(release: ApplicationCommit): Promise<PublishedRelease> {
    const commit = await this.commit(release);
    await this.tag(release.version, commit);
    const digest = await this.pushImage(release.version, { "org.opencontainers.image.revision": commit });
    return { commit, digest };
  }

  private async find(reference: string): Promise<string | undefined> {
    const found = await this.git({}, "for-each-ref", "--format=%(objectname)", reference);
    return found === "" ? undefined : found;
  }

  /** Writes a tree with the chart, without a work tree. */
  private async writeTree(files: ChartFiles): Promise<string> {
    const environment = { GIT_INDEX_FILE: join(this.repository, "lab-index") };
    await this.git({ environment }, "read-tree", "--empty");
    const entries: string[] = [];
    for (const [path, content] of Object.entries(files)) {
      const blob = await this.git({ input: content }, "hash-object", "-w", "--stdin");
      entries.push(`100644 blob ${blob}\tcharts/${this.name}/${path}\n`);
    }
    await this.git({ environment, input: entries.join("") }, "update-index", "--add", "--index-info");
    return this.git({ environment }, "write-tree");
  }

  private nextDate(): { environment: Readonly<Record<string, string>> } {
    this.clock += 60;
    const date = `${this.clock} +0000`;
    return { environment: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date } };
  }

  private git(options: Omit<Parameters<typeof git>[0], "directory">, ...parameters: string[]): Promise<string> {
    return git({ directory: this.repository, ...options }, ...parameters);
  }
}
