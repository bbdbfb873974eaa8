/** A page of the Git host that shows what lies between two tags. */

/**
 * @param repository the address that the tenant declares
 * @returns nothing for a host whose pages are not known
 */
export function compareLink(repository: string | undefined, from: string, to: string): string | undefined {
  const [, host = "", path = ""] =
    /^(?:https:\/\/|ssh:\/\/(?:[\w.-]+@)?)([\w.-]+)(?::\d+)?\/([\w./~-]+?)(?:\.git)?\/?$/.exec(repository ?? "") ?? [];
  if (path === "" || path.split("/").some((part) => part === "." || part === "..")) return undefined;
  const [older, newer] = [from, to].map(inPath);
  const pages = `https://${host.toLowerCase()}/${path}`;
  const site = host.toLowerCase().split(".");
  const is = (name: string) => site.includes(name);
  if (is("github")) return `${pages}/compare/${older ?? ""}...${newer ?? ""}`;
  if (is("gitlab")) return `${pages}/-/compare/${older ?? ""}...${newer ?? ""}`;
  if (is("bitbucket")) return `${pages}/branches/compare/${newer ?? ""}%0D${older ?? ""}`;
  if (is("gitea") || is("codeberg") || is("forgejo")) return `${pages}/compare/${older ?? ""}...${newer ?? ""}`;
  return undefined;
}

/** Also what `encodeURIComponent` keeps, and a Markdown reader may not. */
function inPath(tag: string): string {
  return encodeURIComponent(tag).replace(/[!'()*~]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);
}
