import { join } from "node:path";
import { exampleChart, type ChartFiles } from "./example-chart";
import { git } from "./git";
import { pushImage } from "./push";

/** Where the application is made, and what it is called. */
export interface ApplicationOptions {
  /** An existing folder; the bare repository `<name>.git` is made in it. */
  readonly directory: string;
  /** The application's name, which its chart and its objects carry too. */
  readonly name: string;
  /** Address of the registry that its images are pushed to, such as `http://127.0.0.1:5000`. */
  readonly registry: string;
}

/** What one commit of the application says about itself. */
export interface ApplicationCommit {
  /** `version` in `Chart.yaml`. */
  readonly version: string;
  /** `appVersion` in `Chart.yaml`. Default: the version. */
  readonly appVersion?: string;
  readonly message: string;
  /** The branch to commit to. Default: `master`. A new branch begins at the head of `master`. */
  readonly branch?: string;
  /** Further text of the chart's files, behind what they hold anyway, by their paths in the chart. */
  readonly more?: ChartFiles;
}

/**
 * An application team's side of a release, for the story and the tests: commits, Git tags and images. Authors and
 * dates are fixed, so the same calls give the same commits on every machine.
 */
export interface ScratchApplication {
  readonly name: string;
  /** The bare repository. */
  readonly repository: string;
  /** The image's repository without registry: `<name>`. */
  readonly imageRepository: string;
  /** The image's repository as a reference names it: `127.0.0.1:5000/<name>`. */
  readonly image: string;
  /** The chart's folder in the repository. */
  readonly chartPath: string;
  /** Commits the chart with these versions, and gives the commit. */
  commit(commit: ApplicationCommit): Promise<string>;
  /** Tags a commit, by default the head of `master`, with an annotated Git tag. A tag that exists is moved. */
  tag(tag: string, commit?: string): Promise<void>;
  /** Pushes an image with this tag, and gives its digest. `labels` tell one build from another of the same tag. */
  pushImage(tag: string, labels?: Readonly<Record<string, string>>): Promise<string>;
  /** A release as a team makes it: commit, Git tag and image, the tag being the version. */
  publish(commit: ApplicationCommit): Promise<PublishedRelease>;
}

/** What was published. */
export interface PublishedRelease {
  readonly commit: string;
  /** The image's digest. */
  readonly digest: string;
}

/** Makes the application's repository, which has no commit yet. */
export async function createApplication(options: ApplicationOptions): Promise<ScratchApplication> {
  const { directory, name, registry } = options;
  const repository = join(directory, `${name}.git`);
  await git({ directory }, "init", "--quiet", "--bare", "--initial-branch=master", repository);
  return new Application(name, repository, registry);
}

/** In seconds. Each commit and each tag is made one minute after the one before. */
const start = Date.UTC(2026, 0, 1) / 1000;

class Application implements ScratchApplication {
  readonly chartPath: string;
  readonly image: string;
  readonly imageRepository: string;
  private clock = start;

  constructor(
    readonly name: string,
    readonly repository: string,
    private readonly registry: string,
  ) {
    this.chartPath = `./charts/${name}`;
    this.imageRepository = name;
    this.image = `${new URL(registry).host}/${name}`;
  }

  async commit({
    version,
    appVersion = version,
    message,
    branch = "master",
    more = {},
  }: ApplicationCommit): Promise<string> {
    // The registry's port is another at each run and would change every commit; special config names the real image.
    const image = `registry.invalid/${this.name}`;
    const files = exampleChart({ name: this.name, version, appVersion, image });
    const added = Object.entries(more).map(([path, text]) => [path, (files[path] ?? "") + text] as const);
    const tree = await this.writeTree({ ...files, ...Object.fromEntries(added) });
    const parent = (await this.find(`refs/heads/${branch}`)) ?? (await this.find("refs/heads/master"));
    const parents = parent === undefined ? [] : ["-p", parent];
    const commit = await this.run(this.dated(), "commit-tree", tree, ...parents, "-m", message);
    await this.run({}, "update-ref", `refs/heads/${branch}`, commit);
    return commit;
  }

  async tag(tag: string, commit = "refs/heads/master"): Promise<void> {
    await this.run(this.dated(), "tag", "--force", "--annotate", tag, "-m", `${this.name} ${tag}`, commit);
  }

  async pushImage(tag: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
    return pushImage(this.registry, this.imageRepository, tag, { labels });
  }

  async publish(release: ApplicationCommit): Promise<PublishedRelease> {
    const commit = await this.commit(release);
    await this.tag(release.version, commit);
    const digest = await this.pushImage(release.version, { "org.opencontainers.image.revision": commit });
    return { commit, digest };
  }

  private async find(reference: string): Promise<string | undefined> {
    const found = await this.run({}, "for-each-ref", "--format=%(objectname)", reference);
    return found === "" ? undefined : found;
  }

  /** Writes the chart as it is in the repository, without a work tree: each folder from the innermost outwards. */
  private async writeTree(files: ChartFiles): Promise<string> {
    const index = { GIT_INDEX_FILE: join(this.repository, "lab-index") };
    await this.run({ environment: index }, "read-tree", "--empty");
    const entries: string[] = [];
    for (const [path, content] of Object.entries(files)) {
      const blob = await this.run({ input: content }, "hash-object", "-w", "--stdin");
      entries.push(`100644 blob ${blob}\tcharts/${this.name}/${path}\n`);
    }
    await this.run({ environment: index, input: entries.join("") }, "update-index", "--add", "--index-info");
    return this.run({ environment: index }, "write-tree");
  }

  private dated(): { environment: Readonly<Record<string, string>> } {
    this.clock += 60;
    const date = `${this.clock} +0000`;
    return { environment: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date } };
  }

  private async run(
    options: { environment?: Readonly<Record<string, string>>; input?: string },
    ...parameters: string[]
  ): Promise<string> {
    return git({ directory: this.repository, ...options }, ...parameters);
  }
}
