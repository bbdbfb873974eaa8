import { connectLab, labVariables } from "../../lab/connect";
import type { Lab } from "../../lab/lab";
import { startLab } from "../../lab/start";
import { ToolsMissingError } from "../../lab/tools";

let started: Lab | undefined;

/**
 * Starts the lab that all files of a run share, and names it in the environment, which mocha's workers inherit. Where the
 * environment names one already, or the machine lacks the programs, nothing is started: each suite says so itself.
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

/** Stops the lab, if this run has started it. */
export async function mochaGlobalTeardown(): Promise<void> {
  await started?.stop();
}
