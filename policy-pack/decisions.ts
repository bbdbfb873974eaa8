import { Config } from "@pulumi/pulumi";
import type { ConfigRepository, Follow, Tenant } from "../src/config/stack-config";
import { projectPrefix, stackSchema, type StackSettings, type TenantSettings } from "../src/config/schema";

/**
 * What the stack itself says: the platform team's decisions, which every object is judged against. They come from the
 * stack's config, which the engine hands to the pack, and never from the objects: an object that could bring its own
 * expectations would always meet them.
 */
export interface Decisions {
  /** The stack's name. */
  readonly stack: string;
  readonly follow: Follow;
  readonly authorityNamespace: string;
  /** Where the automation may commit; nothing where the stack names none. */
  readonly configRepository?: ConfigRepository;
  /** By name. Without their special config, which is judged as it stands in the objects. */
  readonly tenants: ReadonlyMap<string, Tenant>;
  /** By the namespace in which the workload runs. */
  readonly tenantsByNamespace: ReadonlyMap<string, Tenant>;
}

/** The stack's config is not as the schema of the stack files has it; the message names every such key. */
export class UnreadableConfigError extends Error {
  override readonly name = "UnreadableConfigError";
}

const judgedKeys = ["follow", "branch", "authorityNamespace", "configRepository", "tenants"] as const;

/**
 * Reads the decisions from the stack's config.
 *
 * A program without any config of ours is judged as one that follows tags and has no tenants, so that no HelmRelease
 * passes.
 *
 * @param stack the stack's name
 * @throws UnreadableConfigError when the config is not as the schema of the stack files has it
 */
export function readDecisions(stack: string): Decisions {
  const config = new Config(projectPrefix);
  const texts = judgedKeys.map((key) => config.get(key));
  const given = judgedKeys.flatMap((key, index) => {
    const text = texts[index];
    return text === undefined ? [] : [[key, structured(text)] as const];
  });
  const parsed = stackSchema().safeParse({ follow: "tags", ...Object.fromEntries(given) });
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      ({ path, message }) => `${projectPrefix}:${path.map(String).join(".")} must be ${message}`,
    );
    throw new UnreadableConfigError(`the stack's config cannot be read: ${faults.join("; ")}`);
  }
  return decisionsOf(stack, parsed.data);
}

function decisionsOf(stack: string, settings: StackSettings): Decisions {
  const { follow, authorityNamespace, configRepository } = settings;
  const tenants = Object.entries(settings.tenants).map(([name, entry]) =>
    tenantOf(name, { ...entry, branch: entry.branch ?? settings.branch }),
  );
  return {
    stack,
    follow,
    authorityNamespace,
    configRepository:
      configRepository === undefined
        ? undefined
        : {
            ...configRepository,
            promotionBranch: configRepository.promotionBranch ?? `promotions/${stack}`,
            secretName: configRepository.secret,
          },
    tenants: new Map(tenants.map((tenant) => [tenant.name, tenant])),
    tenantsByNamespace: new Map(tenants.map((tenant) => [tenant.namespace, tenant])),
  };
}

function tenantOf(name: string, entry: TenantSettings & { branch: string }): Tenant {
  const { chart, image, policy } = entry;
  const [first = "", ...others] = image;
  return {
    ...entry,
    name,
    namespace: entry.namespace ?? name,
    chart: chart.startsWith("oci://") ? { kind: "oci", url: chart } : { kind: "git", path: chart },
    images: [first, ...others],
    policy: { ...policy, range: policy.range ?? "*" },
    network: {
      ingress: entry.network.ingress.map(withProtocols),
      egress: entry.network.egress.map(withProtocols),
    },
    values: [],
    line: 0,
  };
}

type Opening = TenantSettings["network"]["ingress"][number];

function withProtocols({ ports, ...opening }: Opening): Tenant["network"]["ingress"][number] {
  return { ...opening, ports: ports.map((port) => (typeof port === "number" ? { port, protocol: "TCP" } : port)) };
}

/** The engine hands every mapping and list over as JSON, and every text as it is. */
function structured(text: string): unknown {
  try {
    return text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text;
  } catch {
    return text;
  }
}
