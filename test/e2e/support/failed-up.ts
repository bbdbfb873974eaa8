import assert from "node:assert/strict";
import type { ObjectReference } from "../../lab/cluster";
import { nameOf } from "../../lab/wait";
import type { EngineResult } from "../../../demo/engine-session";
import type { Application } from "./application";
import { said } from "./fixture";

/**
 * Asserts that the output of an `up` has an error line with the object that did not become ready, and the reason. The
 * object's name alone is not enough, because the engine's progress has it too.
 *
 * @param object the object that did not become ready
 * @param why Flux's message
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
