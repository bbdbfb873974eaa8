/** A plain Kubernetes object, as the program registers it and as `authority render` writes it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** The fields of `ObjectMeta` that we set. Empty maps are omitted: on a custom resource they are a permanent diff. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One object of a component. */
export interface ComponentObject {
  readonly object: KubernetesObject;
  /** The object of the same component that must exist first. */
  readonly dependsOn?: KubernetesObject;
  /** How long `up` waits for each operation on the object, a Go duration. Default: Pulumi's own, ten minutes. */
  readonly waitFor?: string;
}

/**
 * Whether Pulumi deletes the object only when told to in so many words. With a Namespace goes everything in it; with a
 * HelmRelease, Helm uninstalls the release.
 */
export function isProtected({ kind }: Pick<KubernetesObject, "kind">): boolean {
  return kind === "Namespace" || kind === "HelmRelease";
}

/** The map without undefined values. */
export function defined<Value>(map: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(map).filter((entry): entry is [string, Value] => entry[1] !== undefined));
}

/** `secretRef` of a Flux object, if there is a Secret. */
export function secretRef<Text>(name: Text | undefined): { readonly secretRef?: { readonly name: Text } } {
  return name === undefined ? {} : { secretRef: { name } };
}
