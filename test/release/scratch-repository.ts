import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { git, gitEnvironment } from "../../demo/git";

/** One commit of a scratch repository, and the tags on it. */
export interface ScratchCommit {
  /** Default: `master`. */
  readonly branch?: string;
  /** The branch, tag or commit that this commit follows. Default: the branch's own head. */
  readonly from?: string;
  /** The whole content of files, by path. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** Paths of files that are removed. */
  readonly removed?: readonly string[];
  /** The message. Default: none. */
  readonly subject?: string;
  /** The author's name. Default: that of the lab. */
  readonly author?: string;
  readonly lightweight?: readonly string[];
  readonly annotated?: readonly string[];
}

/** The chart's file of a commit. */
export function chartAt(version: string, appVersion = version, path = "charts/app"): Record<string, string> {
  return { [`${path}/Chart.yaml`]: `apiVersion: v2\nname: app\nversion: ${version}\nappVersion: "${appVersion}"\n` };
}

/** Makes a bare repository of these commits, in one go. */
export async function makeRepository(directory: string, commits: readonly ScratchCommit[]): Promise<string> {
  mkdirSync(directory, { recursive: true });
  await git({ directory }, "init", "--quiet", "--bare", "--initial-branch=master");
  const who = (time: number) => `Lab <lab@shared-authority.invalid> ${1_700_000_000 + time} +0000`;
  const stream = commits.flatMap((commit, index) => {
    const {
      branch = "master",
      from,
      files,
      removed = [],
      subject = "",
      author,
      lightweight = [],
      annotated = [],
    } = commit;
    const mark = `:${index + 1}`;
    const by = author === undefined ? "" : `author ${who(index).replace("Lab", author)}\n`;
    return [
      `commit refs/heads/${branch}\nmark ${mark}\n${by}committer ${who(index)}\ndata ${Buffer.byteLength(subject)}\n${subject}${subject === "" ? "" : "\n"}`,
      from === undefined ? "" : `from ${from}\n`,
      ...removed.map((path) => `D ${path}\n`),
      ...Object.entries(files).map(([path, content]) => {
        const bytes = Buffer.from(content);
        return `M 100644 inline ${path}\ndata ${bytes.length}\n${bytes.toString("latin1")}\n`;
      }),
      ...lightweight.map((tag) => `reset refs/tags/${tag}\nfrom ${mark}\n\n`),
      ...annotated.map((tag) => `tag ${tag}\nfrom ${mark}\ntagger ${who(index)}\ndata 0\n`),
    ];
  });
  await importStream(directory, Buffer.from(stream.join(""), "latin1"));
  return directory;
}

async function importStream(directory: string, stream: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn("git", ["fast-import", "--quiet", "--force"], {
      cwd: directory,
      env: gitEnvironment(),
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`git fast-import: exit code ${String(code)}`)),
    );
    child.stdin.end(stream);
  });
}
