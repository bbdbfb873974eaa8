/** What a text looks like: an image reference, a registry, the tag of a release. */
import { templates } from "./value-texts";

/** A reference in its parts. */
export interface Shape {
  /** `ghcr.io` or `registry:5000`. */
  readonly host?: string;
  /** With its registry, as it is written. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

const host = `(?=[^/]*[.:A-Z]|localhost/)[\\w-]+(?:\\.[\\w-]+)*(?::\\d+)?`;
const name = `[a-z0-9${templates}][a-z0-9._${templates}-]*`;
const reference = new RegExp(
  `^((?:(${host})/)?${name}(?:/${name})*)(?::([\\w${templates}][\\w.${templates}-]*))?(?:@(sha\\d+:[0-9a-f]+|[${templates}]))?$`,
);
const registry = new RegExp(`^[\\w.:${templates}-]+(?:/[\\w.${templates}-]+)*/?$`);
const registryHost = new RegExp(`^(?:localhost|[^/]*[.${templates}]|[^/]*:\\d)`);

/** Longer than any registry accepts. */
const longest = 1000;

/** Reads a text by the rules of container runtimes: the address of a picture, a sentence or `Always` is not a reference. */
export function readShape(text: string): Shape | undefined {
  if (text.length > longest || isSwitch(text) || /^\d+$/.test(text)) return undefined;
  const [, repository = "", host, tag, digest] = reference.exec(text) ?? [];
  const isPicture = /\.(?:png|jpe?g|gif|svg|webp|avif|ico|iso|qcow2)$/.test(text) && tag === undefined;
  return repository === "" || isPicture ? undefined : { host, repository, tag, digest };
}

/** `useDigest: true` and `SHOW_IMAGE=yes` switch something on. */
export function isSwitch(text: string): boolean {
  return /^(?:true|false|yes|no|on|off|none|null)$/.test(text);
}

/** A text as a chart writes it into a manifest: without quotes, a comment, and the name of a transport. */
export function bareText(text: string): string {
  const [first = ""] = text.trim().split(/\s#|\n/, 1);
  return first
    .trim()
    .replace(/^(["'])(.*)\1$/, "$2")
    .replace(/^docker:\/\//, "");
}

/** Whether a text can only be an image: with a registry or an organization, and with the tag of a release or a digest. */
export function isEvident({ host, repository, tag, digest }: Shape): boolean {
  if (digest?.startsWith("sha256:")) return true;
  if (tag === undefined || /^\d+$|^(?:Prefer)?No(?:Schedule|Execute)$/.test(tag)) return false;
  return host !== undefined || (repository.includes("/") && isVersion(tag));
}

const moving =
  /^(?:latest|stable|edge|nightly|main|master|trunk|dev|develop|canary|next|snapshot|rc|alpha|beta|test|debug)(?:$|[._-].*\d)/i;

/** Whether a tag reads like that of a release or of a branch: `v1.2`, `7-alpine`, `sha-0a1b2c3`, `latest`. `blue` does not. */
export function isVersion(tag: string): boolean {
  return moving.test(tag) || /^(?:[a-z]+-)?v?\d+(?:[._+-]|$)|\d\.\d|\b(?=[a-f]*\d)[0-9a-f]{7,64}\b/i.test(tag);
}

/**
 * Whether a text is a registry, also with a path: `ghcr.io/example/`.
 *
 * @param isSure whether its key says so, so that it may be an organization of Docker Hub
 */
export function isRegistry(text: string, isSure: boolean): boolean {
  return registry.test(text) && (isSure || registryHost.test(text));
}
