import { textAt, textMapAt, isMap, listAt } from "./field";

/** One Kubernetes object, as a policy sees it. Fields are read on access, because a value may be unknown. */
export class JudgedObject {
  #annotations: Readonly<Record<string, string>> | undefined;

  /**
   * @param group the API group without version; empty for the core group
   * @param kind the kind, without the suffix `Patch`
   * @param isPatch whether the resource patches an existing object, and so shows only some of its fields
   * @param content the object's fields
   * @param contradiction how the resource's type and the object's own fields differ, if they do
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

  /** Whether the object is of a Flux API group, or of an operator that writes Flux objects. Any API version counts. */
  get isFlux(): boolean {
    return fluxGroup.test(this.group);
  }

  /** Whether the object is of one of these Flux kinds, in any API version. */
  isFluxKind(...kinds: readonly string[]): boolean {
    return this.isFlux && kinds.includes(this.kind);
  }

  isCoreKind(kind: string): boolean {
    return this.group === "" && this.kind === kind;
  }
}

/** A resource as the engine, or `authority check`, passes it to a policy. */
interface Resource {
  readonly type: string;
  readonly props: Readonly<Record<string, unknown>>;
}

/** The API groups of Flux, of Flux v1, and of the Flux operator, whose sets create Flux objects. */
const fluxGroup = /(?:^|\.)(?:fluxcd\.io|fluxcd\.controlplane\.io|flux\.weave\.works)$/;

/** Components of the Kubernetes SDK. They register each of their objects separately, and each of those is judged. */
const componentType = /^kubernetes:(?:yaml|yaml\/v2|kustomize|kustomize\/v2|helm\.sh\/v[0-9]+):(?!Release$)/;

/** Cached, because every policy of the pack looks at each resource. */
const known = new WeakMap<object, { readonly type: string; readonly objects: readonly JudgedObject[] }>();

/**
 * The Kubernetes objects in a resource: none, one, or the items of a list.
 *
 * Uses the type string and the object's own fields. Flux objects have no class in the SDK, so `validateResourceOfType`
 * does not find them.
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

/** The SDK's type strings name the core group `core/v1`; an object says `v1`. */
function groupOf(apiVersion: string): string {
  const slash = apiVersion.lastIndexOf("/");
  const group = slash === -1 ? "" : apiVersion.slice(0, slash);
  return group === "core" ? "" : group;
}
