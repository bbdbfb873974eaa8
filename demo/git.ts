import { devNull } from "node:os";
import { execa } from "execa";

/** How to run Git. */
export interface GitOptions {
  /** The working directory: a work tree or a bare repository. */
  readonly directory: string;
  /** Additional variables, such as `GIT_AUTHOR_DATE`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The standard input. */
  readonly input?: string;
}

/** The author of all commits. Golden files hold the hashes of such commits. */
const [authorName, authorEmail] = ["Shared Authority lab", "lab@shared-authority.invalid"];

/**
 * Runs Git and returns its output without the final newline. The user's Git settings are not used, so that the result is
 * the same on every machine.
 *
 * @throws Error with Git's error output
 */
export async function git(
  { directory, environment, input = "" }: GitOptions,
  ...parameters: string[]
): Promise<string> {
  const env = { ...gitEnvironment(), ...environment };
  const result = await execa("git", parameters, { cwd: directory, env, extendEnv: false, input, reject: false });
  if (!result.failed) return result.stdout;
  const reason = result.stderr.trim() || result.shortMessage;
  throw new Error(`git ${parameters.join(" ")} failed in ${directory}: ${reason}`);
}

/** The variables for Git: those of this process without the ones that change Git's behaviour. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return {
    ...Object.fromEntries(inherited),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: devNull,
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: authorName,
    GIT_AUTHOR_EMAIL: authorEmail,
    GIT_COMMITTER_NAME: authorName,
    GIT_COMMITTER_EMAIL: authorEmail,
  };
}
