import type { Tenant } from "../config/stack-config";
import type { ExpectedObject } from "./expected-objects";
import type { JudgedObject } from "./judged-object";
import type { Carried } from "./release-evidence";

/** What the policy `decided-objects` says of a resource, and what the others judge. */
export interface Verdict {
  /** `HelmRelease flux-system/podinfo`. */
  readonly title: string;
  /** Empty if it passes. */
  readonly faults: readonly string[];
  /** Missing if there is nothing to judge: a component, an object that the engine does not touch, or one that is refused. */
  readonly decided?: Decided;
}

/** An object whose kind, namespace and name the stack decides. */
export interface Decided {
  readonly object: JudgedObject;
  readonly expected: ExpectedObject;
  /** How the object differs from the expected one. */
  readonly differences: readonly string[];
  /** The tenant that it belongs to; absent if it belongs to the whole stack. */
  readonly tenant?: Tenant;
  /** The evidence in the annotations of a source. */
  readonly carried?: Carried;
}

export const passed: Verdict = { title: "", faults: [] };

export function refused(title: string, ...faults: readonly string[]): Verdict {
  return { title, faults };
}
