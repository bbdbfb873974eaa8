import { UnknownValueError } from "@pulumi/policy";
import type { StackConfig } from "../src/config/stack-config";
import type { JudgedObject } from "./judged-object";

/**
 * The objects of one engine run that have been judged so far.
 *
 * The engine judges each resource before its step. Stack validation runs after the steps, too late to block. So rules
 * over several objects are judged at the last of them, the HelmRelease, which the program registers after everything
 * that it depends on. An object that has not been seen by then counts as missing.
 */
export class Run {
  /** The stack's config, cached after the first read: every policy needs it for every object. */
  config: StackConfig | undefined;

  /** Kind and namespace -> name -> object, so that a lookup does not scan all tenants' objects. */
  readonly #objects = new Map<string, Map<string, JudgedObject>>();

  /** Adds an object. An object whose name is unknown is not added, and so counts as missing. */
  add(object: JudgedObject): void {
    try {
      const key = keyOf(object.kind, object.namespace);
      const byName = this.#objects.get(key) ?? new Map<string, JudgedObject>();
      this.#objects.set(key, byName.set(object.name, object));
    } catch (error) {
      if (!(error instanceof UnknownValueError)) throw error;
    }
  }

  find(kind: string, namespace: string | undefined, name: string): JudgedObject | undefined {
    return this.#objects.get(keyOf(kind, namespace))?.get(name);
  }

  /** All objects of a kind in a namespace. */
  all(kind: string, namespace: string | undefined): readonly JudgedObject[] {
    return [...(this.#objects.get(keyOf(kind, namespace))?.values() ?? [])];
  }
}

const runs = new Map<string, Run>();

/**
 * The run of a resource.
 *
 * @param urn `urn:pulumi:<stack>::<project>::...`. An analyzer process serves one stack; `authority check` uses a
 *   different project name for each of its runs.
 */
export function runOf(urn: string): Run {
  const name = urn.split("::", 2).join("::");
  const run = runs.get(name) ?? new Run();
  runs.set(name, run);
  return run;
}

/** The stack in `urn:pulumi:<stack>::...`. */
export function stackOf(urn: string): string {
  return urn.split("::", 1)[0]?.split(":")[2] ?? "";
}

function keyOf(kind: string, namespace: string | undefined): string {
  return `${kind} ${namespace ?? ""}`;
}
