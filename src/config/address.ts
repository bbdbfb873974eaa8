/** Addresses of Git repositories, images and charts, as Flux reads them. */

/** A registry's host: with a dot, with a port, or `localhost`, so that it cannot be taken for a part of the path. */
const registryHost =
  "(?:localhost(?::[0-9]+)?|\\[[0-9a-fA-F:]+\\](?::[0-9]+)?|[a-zA-Z0-9-]+(?:\\.[a-zA-Z0-9-]+)+(?::[0-9]+)?|[a-zA-Z0-9-]+:[0-9]+)";
const pathPart = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";

/** An image repository with its registry and without tag and digest: `ghcr.io/stefanprodan/podinfo`. */
export const imageRepository = new RegExp(`^${registryHost}(?:/${pathPart})+$`);

/** An OCI artifact without tag and digest: `oci://ghcr.io/stefanprodan/charts/podinfo`. */
export const ociRepository = new RegExp(`^oci://${registryHost}(?:/${pathPart})+$`);

/** What a password may consist of: anything on the line, up to the next URL. Bounded, so that no text takes long. */
const password = "(?:(?!(?:https?|ssh|git|oci|file)://)[^\\n]){0,4096}";
/** What cannot be a part of a path or a digest: a host with a dot, a port or a path. */
const host = "(?=(?!sha\\d+:)[\\w-]+(?:\\.[\\w-]|:\\d|/))";

/**
 * The user info of an address, up to the last `@` that can end it. A password may hold blanks and a raw `/`, `?` or `#`,
 * which end the host part. So too much is hidden rather than too little: what looks like a port stays unless a host follows
 * an `@` behind it, and an address without a scheme is recognized by its colon.
 */
const userInfo = new RegExp(
  [
    `(?<=//)(?!\\[)[^\\s/?#:]*:(?:(?!\\d+(?![\\w%@]))${password}@|${password}@${host})`,
    "(?<=//)[^\\s/?#]*@",
    `(?<=^|["'\`<])[^\\s"'\`</:]+:(?!\\s|//)${password}@${host}`,
    "(?<=^|[\\s\"'`<(=,;])[^\\s\"'`<(=,;/:]+:(?!//)\\S+@(?!sha\\d+:)(?=[\\w[])",
  ].join("|"),
  "gim",
);

/** The text with the user info of every address replaced by `***`, safe to show. */
export function withoutCredentials(text: string): string {
  return text.replace(userInfo, "***@");
}

/**
 * What is expected of the address of a Git repository that this text is not, as a phrase; nothing where it is valid.
 * Flux's source-controller reads `https://`, `http://` and `ssh://`, and nothing else.
 */
export function gitUrlError(text: string): string | undefined {
  const scpLike = /^([\w.-]+@[\w.-]+):(?!\/\/)(.+)$/.exec(text);
  if (scpLike !== null && !text.includes("://")) {
    return `an address with a scheme, because Flux reads no other: write \`ssh://${scpLike[1] ?? ""}/${scpLike[2] ?? ""}\``;
  }
  if (!/^(?:https?|ssh):\/\//.test(text)) {
    return "an `https://`, `ssh://` or (for labs) `http://` address of a Git repository: Flux reads no other";
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || /[\s\\]/.test(text) || url.hostname === "" || url.pathname.length < 2) {
    return "the address of a Git repository, such as `https://github.com/stefanprodan/podinfo`";
  }
  if (url.password === "" && url.username !== "" && url.protocol !== "ssh:") {
    const rest = `${url.host}${url.pathname}`;
    return `an address without credentials, and so without a user name: write \`${url.protocol}//${rest}\``;
  }
  if (url.password !== "" || (url.protocol !== "ssh:" && url.username !== "")) {
    return "an address without credentials: put them into a Secret in the authority namespace and name it next to the address";
  }
  if (url.search !== "" || url.hash !== "") {
    return "an address without `?` and `#`";
  }
  return undefined;
}

/** Whether the path stays below its starting folder on any file system. */
export function isInnerPath(path: string): boolean {
  return (
    path !== "" &&
    !path.startsWith("/") &&
    !/[\\\p{Cc}]/u.test(path) &&
    !/^[a-zA-Z]:/.test(path) &&
    !path.split("/").includes("..")
  );
}

/** Whether Git accepts it as the name of a branch (the rules of `git check-ref-format --branch`). */
export function isBranchName(name: string): boolean {
  return (
    /^[^\s~^:?*[\\\p{Cc}]+$/u.test(name) &&
    !/^[-/]|\/$|\/\/|\.\.|@\{|\.$/.test(name) &&
    name !== "@" &&
    name.split("/").every((part) => !part.startsWith(".") && !part.endsWith(".lock"))
  );
}
