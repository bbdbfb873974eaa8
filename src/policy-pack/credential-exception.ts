import { scrypt } from "node:crypto";
import { promisify } from "node:util";
import type { Tenant } from "../config/stack-config";
import { valuesKey } from "../config/values-key";
import { type CredentialLocation, findCredentials } from "./credential";

/** A location in one values file. */
export interface ValuesLocation extends CredentialLocation {
  /** The file's key in the ConfigMap, such as `values.yaml`. */
  readonly file: string;
  /** Whether the tenant has an exception for another value at this place. */
  readonly isOutdated?: boolean;
}

/** What looks like a credential in a tenant's values files. An exception holds for one value at one place. */
export async function searchTenant(tenant: Tenant): Promise<ValuesLocation[]> {
  const { credentialExceptions = {} } = tenant;
  const judged = (await locationsIn(tenant)).map(async (location) => {
    const place = placesOf(location).find((one) => Object.hasOwn(credentialExceptions, one));
    if (place === undefined) return [location];
    const hash = await hashOf(location, place);
    return hash === credentialExceptions[place]?.hash ? [] : [{ ...location, isOutdated: true }];
  });
  return (await Promise.all(judged)).flat();
}

/** The places that the tenant has exceptions for, and where nothing looks like a credential. */
export async function unusedExceptions(tenant: Tenant): Promise<string[]> {
  const found = new Set((await locationsIn(tenant)).flatMap(placesOf));
  return Object.keys(tenant.credentialExceptions ?? {}).filter((place) => !found.has(place));
}

async function locationsIn({ name, values }: Tenant): Promise<ValuesLocation[]> {
  const found = values.map(async ({ path, content }) => {
    const file = valuesKey(name, path);
    return (await findCredentials(content)).map((location) => ({ ...location, file }));
  });
  return (await Promise.all(found)).flat();
}

/** The lines of the tenant's entry that except these locations. They are indented as in a stack file. */
export async function exceptionLines(locations: readonly ValuesLocation[], tenant: Tenant): Promise<string[]> {
  const lines: string[] = [];
  for (const location of locations) {
    const hash = lines.length < mostLines ? await hashOf(location) : undefined;
    if (hash === undefined) continue;
    lines.push(`        ${JSON.stringify(placeOf(location))}: { hash: "${hash}", reason: "..." }`);
  }
  if (lines.length > 0 && tenant.credentialExceptions === undefined) lines.unshift("      credentialExceptions:");
  return lines;
}

/** More false alarms than one message should list. */
const mostLines = 20;

function placeOf({ file, path = "" }: ValuesLocation): string {
  return `${file}:${path}`;
}

/** Stack files may have `values.yaml:users.0.name`, as earlier messages printed for `users[0].name`. */
function placesOf(location: ValuesLocation): string[] {
  return [placeOf(location), placeOf(location).replace(/\[(\d+)\]/g, ".$1")];
}

const hashes = new Map<string, Promise<string>>();

/**
 * A hash of the value, salted with its place. It appears in logs, whose readers must not find a short password by trying
 * all: so the hash is slow (about 30 ms for each guess), and only 48 bits of it are shown.
 */
function hashOf(location: ValuesLocation, place = placeOf(location)): Promise<string> | undefined {
  const value = location.reveal?.();
  if (value === undefined) return undefined;
  const key = JSON.stringify([place, value]);
  const hash = hashes.get(key) ?? slowHash(value, place);
  hashes.set(key, hash);
  return hash;
}

async function slowHash(value: string, salt: string): Promise<string> {
  const bytes = (await promisify(scrypt)(value, salt, 6)) as Buffer;
  return bytes.toString("hex");
}
