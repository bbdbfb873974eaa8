/**
 * Redirects of a Git host, under the rules for those of a registry. Git itself follows them anywhere, so it is told not to.
 * It tells where they lead only in its trace.
 */
import { GitError } from "./git-command";
import type { Git } from "./git-objects";
import { HttpError } from "./http-error";
import { isDeclared, maxRedirects, publicAddresses, redirectTarget } from "./http";

/** A repository at the end of its redirects. */
export interface Redirected<Answer> {
  readonly url: string;
  /** Connects to the addresses that were checked. */
  readonly git: Git;
  readonly answer: Answer;
}

/** What Git asks a host first, below the repository's URL. */
const firstRequest = "/info/refs";

/**
 * Reads from the repository, and from where its host redirects to.
 *
 * @throws GitError when it cannot be read, or a redirect leads to a private address that is not declared
 */
export async function readRedirected<Answer>(
  git: Git,
  url: string,
  read: (git: Git, url: string) => Promise<Answer>,
): Promise<Redirected<Answer>> {
  let here = { url, git };
  for (let redirects = 0; ; redirects += 1) {
    try {
      return { ...here, answer: await read(here.git, here.url) };
    } catch (error) {
      if (!(error instanceof GitError && isRedirect.test(error.message)) || redirects === maxRedirects) throw error;
      const location = await readLocation(here.git, here.url);
      if (location === undefined) throw error;
      here = await follow(git, url, here.url, location);
    }
  }
}

const isRedirect = /returned error: 30[12378]\b/;

async function readLocation(git: Git, url: string): Promise<string | undefined> {
  try {
    await git(["ls-remote", "--quiet", "--", url, "HEAD"], { tracesHttp: true });
  } catch (error) {
    if (error instanceof GitError) return error.location;
    throw error;
  }
  return undefined;
}

async function follow(git: Git, first: string, from: string, location: string): Promise<{ url: string; git: Git }> {
  try {
    const target = redirectTarget(location, new URL(from.replace(/\/*$/, firstRequest)));
    if (!target.pathname.endsWith(firstRequest)) throw new HttpError("a redirect leads to no repository");
    const url = target.href.slice(0, target.href.lastIndexOf(firstRequest));
    if (isDeclared(target, new URL(first))) return { url, git };
    const addresses = await publicAddresses(target);
    const port = target.port === "" ? (target.protocol === "https:" ? "443" : "80") : target.port;
    if (addresses.length === 0) return { url, git };
    const pin = `http.curloptResolve=${target.hostname}:${port}:${addresses.map(bracketed).join(",")}`;
    return { url, git: (args, more) => git(args, { ...more, settings: [pin] }) };
  } catch (error) {
    const reason = error instanceof HttpError ? error.message : `a redirect leads to a host that has no address here`;
    throw new GitError(`${reason}; or write the address at which the repository is now`);
  }
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
