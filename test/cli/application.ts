import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { git } from "../../demo/git";

/** An application's repository: a clone, and the remote that it is from. */
export interface ScratchApplication {
  /** The bare repository. */
  readonly remote: string;
  /** The work tree of the clone. */
  readonly clone: string;
  /** Runs Git in the clone. */
  run(...args: string[]): Promise<string>;
  /** Writes files, by path. */
  write(files: Readonly<Record<string, string>>): void;
  /** Writes files and commits everything. */
  commitLocally(files: Readonly<Record<string, string>>, message?: string): Promise<void>;
  /** Writes files, commits everything and pushes it to the branch `main`. */
  commit(files: Readonly<Record<string, string>>, message?: string): Promise<void>;
}

/** The file `Chart.yaml` as a person writes it. */
export const chartYaml = `# The chart of the application.
apiVersion: v2
name: app
version: 1.3.0 # also the Git tag
appVersion: "1.3.0"
`;

/** Makes an application with the release 1.3.0 on `main`. */
export async function makeApplication(
  directory: string,
  files: Readonly<Record<string, string>> = { "charts/app/Chart.yaml": chartYaml },
  tag = "1.3.0",
): Promise<ScratchApplication> {
  mkdirSync(directory, { recursive: true });
  const remote = join(directory, "remote.git");
  const clone = join(directory, "clone");
  await git({ directory }, "init", "--quiet", "--bare", "--initial-branch=main", remote);
  await git({ directory }, "clone", "--quiet", remote, clone);
  const run = (...args: string[]) => git({ directory: clone }, ...args);
  await run("config", "user.name", "Lab");
  await run("config", "user.email", "lab@shared-authority.invalid");
  const write = (texts: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(texts)) {
      mkdirSync(dirname(join(clone, path)), { recursive: true });
      writeFileSync(join(clone, path), text);
    }
  };
  const commitLocally = async (texts: Readonly<Record<string, string>>, message = "Change") => {
    write(texts);
    await run("add", ".");
    await run("commit", "--quiet", "--message", message);
  };
  const commit = async (texts: Readonly<Record<string, string>>, message?: string) => {
    await commitLocally(texts, message);
    await run("push", "--quiet", "origin", "HEAD:main");
  };
  await commit(files, "Begin");
  await run("tag", tag);
  await run("push", "--quiet", "origin", tag);
  await run("remote", "set-head", "origin", "main");
  return { remote, clone, run, write, commitLocally, commit };
}
