import { connectLab, labVariables } from "../../lab/connect";
import type { Lab } from "../../lab/lab";
import { startLab } from "../../lab/start";
import { ToolsMissingError } from "../../lab/tools";

let started: Lab | undefined;

/**
 * Starts the lab that all files of a run share, and sets its directory in the environment for mocha's workers. Starts
 * nothing if the environment selects a lab, or if programs are missing; then each suite is skipped with the reason.
 */
export async function mochaGlobalSetup(): Promise<void> {
  if (connectLab() !== undefined) return;
  try {
    started = await startLab();
  } catch (error) {
    if (error instanceof ToolsMissingError) return;
    throw error;
  }
  process.env[labVariables.lab] = started.control?.directory;
}

/** Stops the lab if this run started it. */
export async function mochaGlobalTeardown(): Promise<void> {
  await started?.stop();
}
