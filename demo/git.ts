import { execFile } from "node:child_process";
import { devNull } from "node:os";

/** How Git is run. */
export interface GitOptions {
  /** The folder to run in: a work tree or a bare repository. */
  readonly directory: string;
  /** Further variables, such as `GIT_AUTHOR_DATE`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What Git reads from its standard input. */
  readonly input?: string;
}

/** Who makes the commits of the lab. */
export const labIdentity = { name: "Shared Authority lab", email: "lab@shared-authority.invalid" } as const;

/**
 * Runs Git and gives what it printed, without the last line end. The user's own Git settings and the variables by which
 * an outer Git command names its repository stay out, so that the lab behaves the same everywhere.
 *
 * @throws Error with what Git said
 */
export async function git({ directory, environment, input }: GitOptions, ...parameters: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      "git",
      parameters,
      { cwd: directory, env: { ...gitEnvironment(), ...environment }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout.replace(/\n$/, ""));
        else reject(new Error(`git ${parameters.join(" ")} failed in ${directory}: ${stderr.trim() || error.message}`));
      },
    );
    // Git may end without reading its input; what it says then is in the callback above.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** The variables that Git runs with: those of this process, less all that would change what Git does. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return {
    ...Object.fromEntries(own),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: devNull,
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: labIdentity.name,
    GIT_AUTHOR_EMAIL: labIdentity.email,
    GIT_COMMITTER_NAME: labIdentity.name,
    GIT_COMMITTER_EMAIL: labIdentity.email,
  };
}
