import { objectName } from "../config/object-name";
import type { Tenant } from "../config/stack-config";
import { valuesKey } from "../config/values-key";
import { exceptionLines, searchTenant, unusedExceptions, type ValuesLocation } from "./credential-exception";
import { definePolicy, type Fault } from "./define-policy";

/** Everyone who can read the shared repository can read special config, so it must not contain credentials. */
export const noSecretsInValues = definePolicy(
  {
    name: "no-secrets-in-values",
    displayName: "No credentials in special config",
    description: "Special config holds nothing that looks like a credential.",
    severity: "critical",
    enforcementLevel: "mandatory",
  },
  async ({ object, tenant }, { config }) => {
    if (!object.isCoreKind("ConfigMap") || tenant === undefined) return [];
    const locations = await searchTenant(tenant);
    if (locations.length === 0) return [];
    return [...locations.map((one) => describe(one, tenant)), await fix(locations, config.file, tenant)];
  },
);

/** It is separate from `no-secrets-in-values` because a policy has one level: an exception too many leaks nothing. */
export const exceptionsInUse = definePolicy(
  {
    name: "exceptions-in-use",
    displayName: "No exception is left over",
    description: "Each of a tenant's credential exceptions is for a value that looks like a credential.",
    severity: "low",
    enforcementLevel: "advisory",
  },
  async ({ object, tenant }, { config }) => {
    if (!object.isFluxKind("HelmRelease") || tenant?.credentialExceptions === undefined) return [];
    const fix = `Remove it from \`shared-authority:tenants.${tenant.name}.credentialExceptions\` in ${config.file}`;
    const unused = await unusedExceptions(tenant);
    return unused.map((place) => `the exception "${place}" is for nothing that looks like a credential. ${fix}`);
  },
);

async function fix(locations: readonly ValuesLocation[], stackFile: string, tenant: Tenant): Promise<Fault> {
  const { name } = tenant;
  const secret = objectName(tenant);
  const move =
    "remove each credential and rotate it, because the old one stays in the Git history; put the new one into a Secret " +
    `named \`${secret}\` or \`${secret}-...\` in the authority namespace, as values in YAML under the key ` +
    `\`values.yaml\`, and name that Secret under \`secrets\` of the tenant ${name}.`;
  const lines = await exceptionLines(locations, tenant);
  if (lines.length === 0) return move;
  const parent = `shared-authority:tenants.${name}${tenant.credentialExceptions === undefined ? "" : ".credentialExceptions"}`;
  return [`${move} For a value that is not a credential, add to \`${parent}\` in ${stackFile}:`, ...lines];
}

function describe({ file, line, path, looks, isOutdated = false }: ValuesLocation, tenant: Tenant): string {
  const values = tenant.values.find((one) => valuesKey(tenant.name, one.path) === file);
  const place = `${values?.path ?? file}, line ${line}`;
  if (path !== undefined) {
    return `${place}: \`${path}\` ${looks}${isOutdated ? "; the exception for it is for another value" : ""}`;
  }
  if (looks.includes("cannot be searched")) return `${place}: the text ${looks}`;
  return `${place}: a comment ${looks}; no exception covers a comment`;
}
