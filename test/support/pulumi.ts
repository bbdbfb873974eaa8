import type { Context } from "mocha";
import { findEngine, type Engine } from "../../demo/engine";
import { lacks } from "./tools";

/** The Pulumi engine with its Kubernetes provider. If missing, the test is skipped. With `REQUIRE_TOOLS=1` it fails. */
export async function requireEngine(context: Context): Promise<Engine> {
  const engine = await findEngine();
  return "missing" in engine ? lacks(context, `needs the Pulumi engine: ${engine.missing}`) : engine;
}
