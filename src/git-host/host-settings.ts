/** Which Git host a pipeline runs on, and the token for its API. */

/** The repository on its Git host. */
export interface HostSettings {
  readonly kind: "github" | "gitlab";
  readonly api: URL;
  /** GitHub: the address of its GraphQL API. */
  readonly graphql?: URL;
  /** GitHub: `owner/name`; GitLab: the number or the path of the project. */
  readonly repository: string;
  readonly token: string;
}

/** A variable that is missing or not valid. The message says which and what to set. */
export class HostSettingsError extends Error {
  override readonly name = "HostSettingsError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables that GitHub Actions and GitLab CI set, and the token that the pipeline passes.
 *
 * @throws HostSettingsError
 */
export function hostSettings(env: Environment = process.env): HostSettings {
  const isGitLab = valueOf(env, "CI_API_V4_URL") !== undefined || valueOf(env, "CI_PROJECT_ID") !== undefined;
  const repository = valueOf(env, "GITHUB_REPOSITORY");
  if (isGitLab && repository !== undefined) {
    throw new HostSettingsError(
      "The environment names two Git hosts: GITHUB_REPOSITORY (GitHub) and CI_API_V4_URL or CI_PROJECT_ID (GitLab). " +
        "Leave one of them out.",
    );
  }
  if (isGitLab) {
    const api = urlIn(env, "CI_API_V4_URL", "such as https://gitlab.example.com/api/v4");
    const project = required(env, ["CI_PROJECT_ID"], "the number or the path of the project");
    const token = tokenIn(env, ["GITLAB_TOKEN"], "an access token of the project with the scope `api`");
    return { kind: "gitlab", api, repository: project, token };
  }
  if (repository === undefined) {
    throw new HostSettingsError(
      "The environment names no Git host. GitHub Actions and GitLab CI do that; elsewhere set GITHUB_REPOSITORY " +
        "(owner/name) and GH_TOKEN, or CI_API_V4_URL, CI_PROJECT_ID and GITLAB_TOKEN.",
    );
  }
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new HostSettingsError(
      `GITHUB_REPOSITORY is ${JSON.stringify(repository.slice(0, 200))}, must be owner/name.`,
    );
  }
  const api = urlIn(env, "GITHUB_API_URL", "such as https://api.github.com", "https://api.github.com");
  // GitHub Enterprise Server has them at /api/v3 and /api/graphql.
  const own = new URL(`${api.pathname.replace(/\/v3\/?$|\/$/, "")}/graphql`, api).href;
  const graphql = urlIn(env, "GITHUB_GRAPHQL_URL", "such as https://api.github.com/graphql", own);
  const token = tokenIn(env, ["GH_TOKEN", "GITHUB_TOKEN"], "a GitHub App's token, or the workflow's own");
  return { kind: "github", api, graphql, repository, token };
}

/** The pull request that a pipeline runs for; nothing outside of one. */
export function pipelinePullRequest(env: Environment = process.env): number | undefined {
  const [, number] = /^refs\/pull\/(\d+)\//.exec(valueOf(env, "GITHUB_REF") ?? "") ?? [];
  const found = number ?? valueOf(env, "CI_MERGE_REQUEST_IID");
  return found !== undefined && /^\d{1,12}$/.test(found) ? Number(found) : undefined;
}

/** The address of the pipeline's run; nothing outside of one. */
export function pipelineRun(env: Environment = process.env): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run, CI_JOB_URL: job } = env;
  const url = server && repository && run ? `${server}/${repository}/actions/runs/${run}` : job;
  return url !== undefined && /^https?:\/\/[\w./:-]+$/.test(url) ? url : undefined;
}

/** An empty variable is as none: GitHub Actions passes a secret that does not exist so. */
function valueOf(env: Environment, name: string): string | undefined {
  return env[name]?.trim() === "" ? undefined : env[name]?.trim();
}

function required(env: Environment, names: readonly string[], what: string): string {
  const value = names.map((name) => valueOf(env, name)).find((found) => found !== undefined);
  if (value !== undefined) return value;
  throw new HostSettingsError(`The environment variable ${names.join(" or ")} is not set. It must have ${what}.`);
}

function tokenIn(env: Environment, names: readonly string[], what: string): string {
  const token = required(env, names, what);
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new HostSettingsError(`The token in ${names.join(" or ")} has a character that no token has.`);
}

function urlIn(env: Environment, name: string, example: string, fallback?: string): URL {
  const value = valueOf(env, name) ?? fallback ?? required(env, [name], `the address of the API, ${example}`);
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return url;
  throw new HostSettingsError(`${name} must be an address with https:// and without credentials, ${example}.`);
}
