import { constants } from "node:os";

/** A started process: a promise of its result that can be sent a signal. */
type Engine<Result> = Promise<Result> & { kill(signal: "SIGTERM"): boolean };

const running = new Set<Engine<unknown>>();

/** Exits this process. Set by the first signal. */
let exit: (() => void) | undefined;

/** Waits for an engine to end. After a signal, this process exits as soon as no engine runs. */
export async function waitForEngine<Result>(engine: Engine<Result>): Promise<Result> {
  running.add(engine);
  try {
    return await engine;
  } finally {
    running.delete(engine);
    if (running.size === 0) exit?.();
  }
}

/**
 * Makes SIGINT, SIGTERM and SIGHUP exit the process normally, so that temporary files are removed, but only after a
 * running engine has ended: an unattended engine would go on deploying. On the first signal the engine finishes its
 * current steps and saves the state; on the second it stops immediately.
 */
export function exitAfterEngine(process: NodeJS.Process): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // The exit code that a shell reports for a signal.
      exit ??= () => process.exit(128 + constants.signals[signal]);
      // The terminal sends Ctrl-C to the engine itself; passing it on would make it the second signal. SIGHUP becomes
      // SIGTERM, because it would stop the engine immediately.
      if (signal !== "SIGINT") for (const engine of running) engine.kill("SIGTERM");
      if (running.size === 0) exit();
    });
  }
}
