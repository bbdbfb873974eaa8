import { textAt, textMapAt, isMap, listAt } from "./field";

/** One Kubernetes object, as a policy sees it. Fields are read when they are asked for: one may be unknown. */
export class JudgedObject {
  #annotations: Readonly<Record<string, string>> | undefined;

  /**
   * @param group the API group without version; empty for the core group
   * @param kind the kind, without `Patch` where the resource patches an object that something else made
   * @param isPatch whether the resource is a patch, which tells only a part of what will run
   * @param content the object's fields
   * @param contradiction what the engine's type says against what the object says, where the two differ
   */
  constructor(
    readonly group: string,
    readonly kind: string,
    readonly isPatch: boolean,
    readonly content: unknown,
    readonly contradiction?: string,
  ) {}

  get name(): string {
    return textAt(this.content, "metadata", "name") ?? "";
  }

  get namespace(): string | undefined {
    return textAt(this.content, "metadata", "namespace");
  }

  get annotations(): Readonly<Record<string, string>> {
    return (this.#annotations ??= textMapAt(this.content, "metadata", "annotations"));
  }

  get labels(): Readonly<Record<string, string>> {
    return textMapAt(this.content, "metadata", "labels");
  }

  /** `HelmRelease flux-system/podinfo`. */
  get title(): string {
    return `${this.kind} ${this.namespace === undefined ? "" : `${this.namespace}/`}${this.name}`;
  }

  /** Whether the object belongs to Flux, of whatever API version, or to the operators that write Flux objects. */
  get isFlux(): boolean {
    return fluxGroup.test(this.group);
  }

  /** Whether the object is of this Flux kind, in whatever API version. */
  isFluxKind(...kinds: readonly string[]): boolean {
    return this.isFlux && kinds.includes(this.kind);
  }

  isCoreKind(kind: string): boolean {
    return this.group === "" && this.kind === kind;
  }
}

/** What the engine hands to a policy, and what `authority check` hands in its place. */
interface Resource {
  readonly type: string;
  readonly props: Readonly<Record<string, unknown>>;
}

/** Flux, its first generation, and the Flux operator's sets, which write any of them. */
const fluxGroup = /(?:^|\.)(?:fluxcd\.io|fluxcd\.controlplane\.io|flux\.weave\.works)$/;

/** Components of the Kubernetes SDK that register each of their objects by itself, which is judged then. */
const componentType = /^kubernetes:(?:yaml|yaml\/v2|kustomize|kustomize\/v2|helm\.sh\/v[0-9]+):(?!Release$)/;

/** Every policy of the pack judges each resource. */
const known = new WeakMap<object, { readonly type: string; readonly objects: readonly JudgedObject[] }>();

/**
 * The Kubernetes objects in a resource: none, one, or those of a list.
 *
 * The type string is what decides, together with the object's own fields: Flux's objects have no class in the SDK, so
 * that `validateResourceOfType` never sees one.
 */
export function judgedObjects(resource: Resource): readonly JudgedObject[] {
  const found = known.get(resource.props);
  if (found?.type === resource.type) return found.objects;
  const objects = objectsIn(resource);
  known.set(resource.props, { type: resource.type, objects });
  return objects;
}

function objectsIn({ type, props }: Resource): JudgedObject[] {
  if (!type.startsWith("kubernetes:") || componentType.test(type)) return [];
  const [, typeVersion = "", typeKind = ""] = type.split(":");
  const typeGroup = groupOf(typeVersion);
  const apiVersion = textAt(props, "apiVersion");
  const group = apiVersion === undefined ? typeGroup : groupOf(apiVersion);
  const isPatch = typeKind.endsWith("Patch");
  const plainTypeKind = isPatch ? typeKind.slice(0, -"Patch".length) : typeKind;
  const kind = textAt(props, "kind") ?? plainTypeKind;
  if (kind.endsWith("List") && Array.isArray(props.items)) {
    return listAt(props, "items").flatMap((item) => listItem(item, apiVersion ?? typeVersion, kind));
  }
  const agrees = group === typeGroup && (kind === plainTypeKind || kind === typeKind);
  const contradiction = agrees
    ? undefined
    : `the resource's type is ${type}, but the object says ${group === "" ? "" : `${group}/`}${kind}`;
  return [new JudgedObject(group, kind, isPatch, props, contradiction)];
}

function listItem(item: unknown, apiVersion: string, listKind: string): JudgedObject[] {
  if (!isMap(item)) return [];
  const itemVersion = textAt(item, "apiVersion") ?? apiVersion;
  const itemKind = textAt(item, "kind") ?? listKind.slice(0, -"List".length);
  return objectsIn({ type: `kubernetes:${itemVersion}:${itemKind}`, props: item });
}

/** `core/v1` is how the SDK's type strings say the core group, which an object says as `v1`. */
function groupOf(apiVersion: string): string {
  const slash = apiVersion.lastIndexOf("/");
  const group = slash === -1 ? "" : apiVersion.slice(0, slash);
  return group === "core" ? "" : group;
}
