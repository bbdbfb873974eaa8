import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { millisecondsOf } from "../config/duration";
import { isClusterNamespace } from "../config/kubernetes-name";
import { printableSentence } from "../config/printable";
import { stackConfigOf } from "../config/read-stack-config";
import { valueAt } from "../config/report";
import type { Tenant } from "../config/stack-config";
import { readConfigFiles } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import type { NewValue } from "../config/tenant-edit";
import { label } from "../manifests/annotation";
import { stackObjects } from "../manifests/stack-objects";
import { yamlText } from "../manifests/yaml-text";
import { searchTenant } from "../policy-pack/credential-exception";
import {
  type AdoptableRelease,
  type AdoptableSource,
  NotAdoptableError,
  type ObjectPlace,
  readAdoptable,
  removalCommands,
} from "../program/adoptable-release";
import type { ResolvedStack } from "../release/resolve";
import { type AddTenantOptions, addTenantOf, type TakenOver } from "./add-tenant";
import { checkName } from "./application-answers";
import { clusterAccess, type ClusterOptions } from "./cluster-access";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import { requireStack } from "./project";
import type { Session } from "./session";
import { tenantFolder } from "./tenant-folder";

/** Options of `authority adopt`. */
export interface AdoptOptions extends AddTenantOptions, ClusterOptions {}

/** Takes over a release that Flux runs already: adds a tenant with its release name, its namespace and its values. */
export async function adopt(reference: string, options: AdoptOptions, session: Session): Promise<ExitCode> {
  const place = placeOf(reference);
  const { root } = session;
  const files = readConfigFiles(root, requireStack(root, "adopt", options.stack));
  const cluster = clusterAccess(files, options, session);
  const config = stackConfigOf(files);
  let release: AdoptableRelease;
  try {
    release = await readAdoptable(cluster, place);
    refuse(release, config.authorityNamespace);
  } catch (error) {
    if (!(error instanceof NotAdoptableError)) throw error;
    throw new InputError(`${reference} cannot be taken over: ${error.message}. Nothing was written.`);
  }
  const { releaseName, namespace, source } = release;
  const application = options.application ?? releaseName;
  const isDeclared = valueAt(settingsOf(files.project), ["applications", application]) !== undefined;
  const ofSource = isDeclared ? {} : applicationOfSource(release);
  const version = config.follow === "tags" ? (release.appVersion ?? release.chartVersion) : undefined;
  const path = valuesFile(releaseName, config.stack);
  if (existsSync(join(root, path)))
    throw new InputError(`${path} exists already. Remove it, or add the tenant by hand.`);
  const hasValues = Object.keys(release.values).length > 0;
  const secrets = secretsOf(release);
  const isHere = source.place.namespace === config.authorityNamespace;
  const entry: Record<string, NewValue> = {
    ...(namespace !== releaseName && { namespace }),
    adopts: { ...place },
    ...(secrets.length > 0 && { secrets: secrets.map(({ name, key }) => ({ name, key })) }),
    ...(source.secret !== undefined && isHere && { [secretKey(source)]: source.secret }),
  };
  const takenOver: TakenOver = {
    entry,
    values: hasValues ? [{ path, after: yamlText(release.values) }] : [],
    describe: async (next) => {
      await refuseCredentials(next);
      return describe(next, release);
    },
  };
  return addTenantOf(takenOver, releaseName, version, { ...ofSource, ...options }, session);
}

function valuesFile(tenant: string, stack: string): string {
  return `${tenantFolder(tenant)}/values.${stack}.yaml`;
}

function placeOf(reference: string): ObjectPlace {
  const [, namespace, name] = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(reference) ?? [];
  if (namespace !== undefined && name !== undefined) return { namespace, name };
  throw new InputError(`Expected \`<namespace>/<name>\` of a HelmRelease, got ${JSON.stringify(reference)}.`);
}

function refuse({ releaseName, namespace, labels }: AdoptableRelease, authorityNamespace: string): void {
  if (labels[label.tenant] !== undefined) throw new NotAdoptableError("a tenant has it already");
  if (checkName(releaseName) !== undefined) {
    throw new NotAdoptableError(
      `a tenant cannot have the name of its Helm release, ${releaseName}, which Helm does not change`,
    );
  }
  if (namespace === authorityNamespace || isClusterNamespace(namespace)) {
    throw new NotAdoptableError(`its workload is in the namespace ${namespace}, which cannot belong to a tenant`);
  }
}

function applicationOfSource({ source }: AdoptableRelease): Pick<AddTenantOptions, "repository" | "chart" | "branch"> {
  const { kind, url, chart, branch } = source;
  return kind === "OCIRepository"
    ? { chart: url }
    : { repository: url, chart, ...(branch !== undefined && { branch }) };
}

/** The key of the entry that names the source's credentials. */
function secretKey({ kind }: AdoptableSource): "repositorySecret" | "registrySecret" {
  return kind === "GitRepository" ? "repositorySecret" : "registrySecret";
}

/** Values come from Secrets in the authority namespace that have the tenant's name. */
function secretsOf({ releaseName, secrets }: AdoptableRelease): readonly { name: string; key: string; from: string }[] {
  return secrets.map(({ name, key }) => {
    const isOwn = name === releaseName || name.startsWith(`${releaseName}-`);
    return { name: isOwn ? name : `${releaseName}-${name}`, key, from: name };
  });
}

async function refuseCredentials({ tenants }: ResolvedStack): Promise<void> {
  for (const { tenant } of tenants) {
    const [first] = await searchTenant(tenant);
    if (first === undefined) continue;
    throw new InputError(
      `The values of the release have what looks like a credential${first.path === undefined ? "" : ` (\`${first.path}\`)`}, ` +
        "and everybody who reads this repository would read it. Put it into a Secret, name that in `valuesFrom` of the " +
        "HelmRelease, and run this again. Nothing was written.",
    );
  }
}

/** These are compared as parts of the tenant. */
const ofTenant = [
  "chart",
  "chartRef",
  "values",
  "valuesFrom",
  "releaseName",
  "targetNamespace",
  "storageNamespace",
  "suspend",
];

/** `10m` and `10m0s` are one duration. */
function isEqual(one: unknown, other: unknown): boolean {
  const [duration, same] = [one, other].map((value) =>
    typeof value === "string" && /^(?:[\d.]+(?:ms|s|m|h))+$/.test(value) ? millisecondsOf(value) : undefined,
  );
  return duration === undefined ? isDeepStrictEqual(one, other) : duration === same;
}

/** An application that is declared already may have its chart elsewhere. */
function otherChart({ chart, repository }: Tenant, { source }: AdoptableRelease): string[] {
  const theirs =
    source.kind === "OCIRepository" ? source.url : `${posix.normalize(source.chart ?? "")} of ${source.url}`;
  const ours = chart.kind === "oci" ? chart.url : `${posix.normalize(chart.path)} of ${repository}`;
  return theirs === ours ? [] : [printableSentence(`  the chart: ${theirs} -> ${ours}`)];
}

/** The folder may hold values of the tenant in other stacks. */
function otherValues({ name, values }: Tenant, stack: string): string[] {
  const below = values.map(({ path }) => path).filter((path) => path !== valuesFile(name, stack));
  return below.length === 0 ? [] : [`  values: those of ${below.join(", ")} are merged first, below the others`];
}

/** What differs from what the program makes, field by field, and what a person does first. */
function describe(next: ResolvedStack, release: AdoptableRelease): string[] {
  const { place, spec, namespace, labels, source } = release;
  const { authorityNamespace, stack } = next.config;
  const made = [...stackObjects(next)].find(({ object }) => object.kind === "HelmRelease")?.object;
  const ours = valueAt(made, ["spec"]) as Readonly<Record<string, unknown>>;
  const fields = [...new Set([...Object.keys(spec), ...Object.keys(ours)])].filter(
    (field) => !ofTenant.includes(field),
  );
  const shown = (value: unknown) => (value === undefined ? "not set" : JSON.stringify(value));
  const isMoved = place.namespace !== authorityNamespace;
  const secrets = secretsOf(release).filter(({ name, from }) => isMoved || name !== from);
  const tenant = next.tenants[0]?.tenant;
  const kustomization = labels["kustomize.toolkit.fluxcd.io/name"];
  return [
    "What differs from the HelmRelease that runs:",
    ...fields
      .filter((field) => !isEqual(spec[field], ours[field]))
      .map((field) => printableSentence(`  spec.${field}: ${shown(spec[field])} -> ${shown(ours[field])}`)),
    ...(tenant === undefined ? [] : [...otherChart(tenant, release), ...otherValues(tenant, stack)]),
    ...(release.secrets.length > 0 && Object.keys(release.values).length > 0
      ? ["  values: those of Secrets are merged last, over the others"]
      : []),
    `  the namespace ${namespace}: Pod Security level ${String(tenant?.podSecurity)}, quota, limits, and network policies ` +
      "that close what `network` does not open",
    ...secrets.map(
      ({ name, from }) =>
        `Copy the Secret ${from} of ${place.namespace} to the namespace ${authorityNamespace}, as ${name}.`,
    ),
    ...(source.secret !== undefined && source.place.namespace !== authorityNamespace
      ? [
          `Copy the Secret ${source.secret} of ${source.place.namespace}, with the credentials of the source, to ` +
            `${authorityNamespace}, and name it in the entry, as \`${secretKey(source)}\`.`,
        ]
      : []),
    `Before the next \`authority up --stack ${stack}\`: ${removalCommands(place)}. ` +
      "Flux does not uninstall the release of a suspended HelmRelease.",
    ...(kustomization === undefined
      ? []
      : [
          `The Kustomization ${kustomization} makes this HelmRelease. Suspend it in its Git repository (\`suspend: true\`), and ` +
            `remove it there after that; the namespace ${namespace} must not be pruned with it ` +
            "(`kustomize.toolkit.fluxcd.io/prune: disabled`).",
        ]),
    "The `up` then upgrades the Helm release once. Its pods restart only if chart, values or digests change.",
  ];
}
