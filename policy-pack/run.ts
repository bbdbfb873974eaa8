import { UnknownValueError } from "@pulumi/policy";
import type { StackConfig } from "../src/config/stack-config";
import type { JudgedObject } from "./judged-object";

/**
 * The objects that one run of the engine has shown so far.
 *
 * The engine judges one resource at a time, before its step; what is judged over the whole stack comes after the
 * steps and blocks nothing. What needs several objects is therefore judged at the last of them, the HelmRelease: the
 * program registers it after the objects that it depends on, so they have been seen by then. An object that was not
 * seen counts as missing.
 */
export class Run {
  /** The stack's config, once it has been read: every policy asks for it, for every object. */
  config: StackConfig | undefined;

  /** By kind and namespace, then by name: a tenant's objects are found without a look at all the others'. */
  readonly #objects = new Map<string, Map<string, JudgedObject>>();

  /** Objects whose name is not known yet cannot be found, and so count as missing. */
  add(object: JudgedObject): void {
    try {
      const place = placeOf(object.kind, object.namespace);
      const there = this.#objects.get(place) ?? new Map<string, JudgedObject>();
      this.#objects.set(place, there.set(object.name, object));
    } catch (error) {
      if (!(error instanceof UnknownValueError)) throw error;
    }
  }

  find(kind: string, namespace: string | undefined, name: string): JudgedObject | undefined {
    return this.#objects.get(placeOf(kind, namespace))?.get(name);
  }

  /** All objects of a kind in a namespace. */
  all(kind: string, namespace: string | undefined): readonly JudgedObject[] {
    return [...(this.#objects.get(placeOf(kind, namespace))?.values() ?? [])];
  }
}

const runs = new Map<string, Run>();

/**
 * The run that a resource belongs to.
 *
 * @param urn `urn:pulumi:<stack>::<project>::...`: an analyzer serves one stack; `authority check` makes up a project
 *   for each of its runs.
 */
export function runOf(urn: string): Run {
  const name = urn.split("::", 2).join("::");
  const known = runs.get(name);
  if (known !== undefined) return known;
  const run = new Run();
  runs.set(name, run);
  return run;
}

/** The stack in `urn:pulumi:<stack>::...`. */
export function stackOf(urn: string): string {
  return urn.split("::", 1)[0]?.split(":")[2] ?? "";
}

function placeOf(kind: string, namespace: string | undefined): string {
  return `${kind} ${namespace ?? ""}`;
}
