import { textAt, textMapAt } from "./field";

/** One Kubernetes object, as a policy sees it. */
export class JudgedObject {
  /** The API group without version; empty for the core group. */
  readonly group: string;
  /** Empty if the object states none. */
  readonly kind: string;
  /** Empty if the object states none. */
  readonly name: string;
  readonly namespace: string | undefined;
  #annotations: Readonly<Record<string, string>> | undefined;

  /**
   * @param content the object's fields
   * @throws UnknownValueError if the engine does not know yet what the object is
   */
  constructor(readonly content: unknown) {
    this.group = groupOf(textAt(content, "apiVersion") ?? "");
    this.kind = textAt(content, "kind") ?? "";
    this.name = textAt(content, "metadata", "name") ?? "";
    this.namespace = textAt(content, "metadata", "namespace");
  }

  get annotations(): Readonly<Record<string, string>> {
    return (this.#annotations ??= textMapAt(this.content, "metadata", "annotations"));
  }

  /** `HelmRelease flux-system/podinfo`. */
  get title(): string {
    return `${this.kind} ${this.namespace === undefined ? "" : `${this.namespace}/`}${this.name}`;
  }

  /** What the object is in the cluster, whatever the version of its API. */
  get key(): string {
    return objectKey(this.group, this.kind, this.namespace, this.name);
  }

  /** Whether the object is of one of these kinds in one of Flux's API groups, in any API version. */
  isFluxKind(...kinds: readonly string[]): boolean {
    return this.group.endsWith(".toolkit.fluxcd.io") && kinds.includes(this.kind);
  }

  isCoreKind(kind: string): boolean {
    return this.group === "" && this.kind === kind;
  }
}

export function objectKey(group: string, kind: string, namespace: string | undefined, name: string): string {
  return [group, kind, namespace ?? "", name].join(" ");
}

/** The SDK's type strings name the core group `core/v1`; an object says `v1`. */
function groupOf(apiVersion: string): string {
  const group = apiVersion.slice(0, Math.max(apiVersion.lastIndexOf("/"), 0));
  return group === "core" ? "" : group;
}
