import { Config } from "@pulumi/pulumi";
import type { ConfigRepository, Follow, Tenant } from "../fleet/fleet";
import { type FieldMap, isMap, listAt, mapAt, textAt, textsAt } from "./field";

/**
 * What the stack itself says: the platform team's decisions, which every object is judged against. They come from the
 * stack's config, which the engine hands to the pack, and never from the objects: an object that could bring its own
 * expectations would always meet them.
 */
export interface Decisions {
  readonly follow: Follow;
  /** The branch that is followed, where the stack follows one. */
  readonly branch: string;
  readonly authorityNamespace: string;
  /** Where the automation may commit; nothing where the stack names none. */
  readonly configRepository?: Omit<ConfigRepository, "secretName">;
  /** By name. */
  readonly tenants: ReadonlyMap<string, DecidedTenant>;
  /** By the namespace in which the workload runs. */
  readonly tenantsByNamespace: ReadonlyMap<string, DecidedTenant>;
}

/** What is decided of one tenant, as far as a policy judges it. */
export type DecidedTenant = Pick<
  Tenant,
  | "name"
  | "namespace"
  | "repository"
  | "chart"
  | "images"
  | "tag"
  | "digest"
  | "prefix"
  | "releasedFrom"
  | "policy"
  | "team"
  | "secrets"
  | "podSecurity"
  | "insecureRegistry"
>;

let last: { readonly texts: readonly (string | undefined)[]; readonly decisions: Decisions } | undefined;

/**
 * Reads the decisions from the stack's config.
 *
 * A program without any `shared-authority` config is judged as one that follows tags and has no tenants, so that no
 * HelmRelease passes.
 *
 * @throws Error when the config is not what `fleet/` would take either
 */
export function readDecisions(): Decisions {
  const config = new Config("shared-authority");
  const texts = ["follow", "branch", "authorityNamespace", "configRepository", "tenants"].map((key) => config.get(key));
  if (last?.texts.every((text, index) => text === texts[index]) === true) return last.decisions;
  const [follow, branch, authorityNamespace, configRepository, tenantsText] = texts;
  const tenants = readTenants(tenantsText);
  const decisions = {
    follow: readFollow(follow),
    branch: branch ?? "master",
    authorityNamespace: authorityNamespace ?? "flux-system",
    configRepository: readConfigRepository(configRepository),
    tenants,
    tenantsByNamespace: new Map([...tenants.values()].map((tenant) => [tenant.namespace, tenant])),
  };
  last = { texts, decisions };
  return decisions;
}

function readFollow(text: string | undefined): Follow {
  if (text === undefined || text === "tags" || text === "branch") return text ?? "tags";
  throw new Error(`shared-authority:follow is ${JSON.stringify(text)}; expected \`tags\` or \`branch\``);
}

function readConfigRepository(text: string | undefined): Decisions["configRepository"] {
  if (text === undefined) return undefined;
  const map = parseMap("configRepository", text);
  const url = textAt(map, "url");
  if (url === undefined) throw new Error("shared-authority:configRepository.url is missing; expected a Git address");
  return {
    url,
    branch: textAt(map, "branch") ?? "main",
    promotionBranch: textAt(map, "promotionBranch") ?? "",
    path: textAt(map, "path") ?? ".",
    author: { name: textAt(map, "author", "name") ?? "", email: textAt(map, "author", "email") ?? "" },
  };
}

function readTenants(text: string | undefined): ReadonlyMap<string, DecidedTenant> {
  const entries = Object.entries(text === undefined ? {} : parseMap("tenants", text));
  return new Map(entries.map(([name, entry]) => [name, readTenant(name, entry)]));
}

function readTenant(name: string, entry: unknown): DecidedTenant {
  const chart = textAt(entry, "chart") ?? "";
  const image = textAt(entry, "image");
  const [first = "", ...others] = image === undefined ? textsAt(entry, "image") : [image];
  const releasedFrom = textsAt(entry, "releasedFrom");
  const pin = mapAt(entry, "policy", "pin");
  return {
    name,
    namespace: textAt(entry, "namespace") ?? name,
    repository: textAt(entry, "repository"),
    chart: chart.startsWith("oci://") ? { kind: "oci", url: chart } : { kind: "git", path: chart },
    images: [first, ...others],
    insecureRegistry: mapAt(entry).insecureRegistry === true,
    tag: textAt(entry, "tag"),
    digest: textAt(entry, "digest"),
    prefix: {
      git: textAt(entry, "prefix", "git") ?? "",
      chart: textAt(entry, "prefix", "chart") ?? "",
      image: textAt(entry, "prefix", "image") ?? "",
    },
    releasedFrom: releasedFrom.length === 0 ? ["master"] : releasedFrom,
    policy: {
      range: textAt(entry, "policy", "range") ?? ">=0.0.0",
      automation: readAutomation(textAt(entry, "policy", "automation")),
      deny: textsAt(entry, "policy", "deny"),
      ...(Object.keys(pin).length === 0
        ? {}
        : { pin: { reason: textAt(pin, "reason") ?? "", by: textAt(pin, "by") ?? "", until: textAt(pin, "until") } }),
    },
    team: textsAt(entry, "team"),
    secrets: listAt(entry, "secrets").map((secret) => ({
      name: textAt(secret, "name") ?? "",
      key: textAt(secret, "key") ?? "",
    })),
    podSecurity: readPodSecurity(textAt(entry, "podSecurity")),
  };
}

function readAutomation(text: string | undefined): Tenant["policy"]["automation"] {
  return text === "auto" || text === "pull-request" ? text : "manual";
}

function readPodSecurity(text: string | undefined): Tenant["podSecurity"] {
  return text === "baseline" || text === "privileged" ? text : "restricted";
}

/** The engine hands every structured value over as JSON. */
function parseMap(key: string, text: string): FieldMap {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isMap(value)) return value;
  throw new Error(`shared-authority:${key} is no map; expected one, as docs/config.md describes it`);
}
