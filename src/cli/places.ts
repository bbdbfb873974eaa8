import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { objectName } from "../config/object-name";
import type { Place } from "../config/removal";
import { valueAt } from "../config/report";
import type { StackConfig } from "../config/stack-config";
import { annotation } from "../manifests/annotation";

/**
 * The places that a folder of rendered manifests has and the stack's tenants do not: by its Namespaces and HelmReleases.
 *
 * @param folder absolute; it need not exist
 */
export function renderedPlaces(folder: string, { tenants, authorityNamespace }: StackConfig): Place[] {
  const manifests = join(folder, "1-manifest");
  const known = new Set(
    tenants.flatMap((tenant) => [
      `namespace-default-${tenant.namespace}.yaml`,
      `helmrelease-${authorityNamespace}-${objectName(tenant)}.yaml`,
    ]),
  );
  const files = existsSync(manifests) ? readdirSync(manifests) : [];
  return placesOf(
    files.flatMap((name) => {
      const [file] = /(?:namespace-default|helmrelease)-.*\.yaml$/.exec(name) ?? [];
      return file === undefined || known.has(file) ? [] : [parsedManifest(readFileSync(join(manifests, name), "utf8"))];
    }),
  );
}

/** The object in a file; nothing in one that is not a render, which is refused, or kept, by whoever replaces the folder. */
export function parsedManifest(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The places of tenants by their Namespaces and HelmReleases. Other objects, and what is not an object, have none. */
export function placesOf(objects: readonly unknown[]): Place[] {
  const places = new Map<string, Place>();
  for (const object of objects) {
    const tenant = valueAt(object, ["metadata", "annotations", annotation.tenant]);
    const kind = valueAt(object, ["kind"]);
    const isNamespace = kind === "Namespace";
    if (!isNamespace && kind !== "HelmRelease") continue;
    const namespace = valueAt(object, isNamespace ? ["metadata", "name"] : ["spec", "targetNamespace"]);
    if (typeof tenant !== "string" || typeof namespace !== "string") continue;
    const authorityNamespace = isNamespace ? undefined : valueAt(object, ["metadata", "namespace"]);
    const key = JSON.stringify([tenant, namespace]);
    places.set(key, {
      ...{ tenant, namespace, ...places.get(key) },
      ...(typeof authorityNamespace === "string" && { authorityNamespace }),
    });
  }
  return [...places.values()];
}
