import type { ValuesFile } from "../config/stack-config";
import { pinnedImageKey, valuesKey } from "../config/values-key";
import { annotation } from "./annotation";
import { contentHash } from "./content-hash";
import { goYaml } from "./go-yaml";
import { label, valuesName } from "./name";
import type { KubernetesObject } from "./object";

/** The ConfigMap of a tenant's special config: immutable, its name the hash of its content. */
export interface ValuesConfigMap extends KubernetesObject {
  readonly apiVersion: "v1";
  readonly kind: "ConfigMap";
  readonly immutable: true;
  /** In the order in which the values are merged. */
  readonly data: Readonly<Record<string, string>>;
}

/** A tenant's special config. All of it is plain: it decides a name. */
export interface ValuesSpec {
  /** The tenant's name. */
  readonly tenant: string;
  readonly authorityNamespace: string;
  /** In the order in which they are merged over the chart's defaults. */
  readonly files: readonly ValuesFile[];
  /** The path in the chart's values that gets the image tag with the digest that was judged, so that pods run it. */
  readonly pinnedImage?: { readonly path: string; readonly tag: string; readonly digest: string };
}

/** The ConfigMap, or nothing where there is no special config. */
export function valuesConfigMap(spec: ValuesSpec): ValuesConfigMap | undefined {
  const data = Object.fromEntries(spec.files.map((file) => [valuesKey(spec.tenant, file.path), file.content]));
  if (spec.pinnedImage !== undefined) data[pinnedImageKey] = pinnedImageYaml(spec.pinnedImage);
  if (Object.keys(data).length === 0) return undefined;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: valuesName(spec.tenant, contentHash({ data })),
      namespace: spec.authorityNamespace,
      labels: { [label.tenant]: spec.tenant },
      annotations: { [annotation.tenant]: spec.tenant },
    },
    immutable: true,
    data,
  };
}

/**
 * The values that set the pinned image.
 *
 * Written as Go writes YAML: Flux reads it by the rules of YAML 1.1, by which a key such as `on` is no text.
 */
export function pinnedImageYaml({ path, tag, digest }: NonNullable<ValuesSpec["pinnedImage"]>): string {
  const values = path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), `${tag}@${digest}`);
  return goYaml(values as object);
}
