import assert from "node:assert/strict";
import type { ObjectReference } from "../../lab/cluster";
import { nameOf } from "../../lab/wait";
import type { EngineResult } from "../../../demo/engine-session";
import type { Application } from "./application";
import { said } from "./fixture";

/**
 * Asserts that an `up` says in one line which object of a tenant it has waited for in vain, and why. The names alone prove
 * nothing: the engine's progress has them too.
 *
 * @param object what did not get ready
 * @param why what Flux says of it
 */
export function assertToldFailure(
  result: EngineResult,
  { name }: Application,
  object: ObjectReference,
  why: RegExp,
): void {
  const output = said(result);
  const line = output.split("\n").find((one) => one.includes(`error: ${name}: ${nameOf(object)} did not become ready`));
  assert.ok(line, output);
  assert.match(line, why);
}
