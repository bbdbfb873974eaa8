import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";

/** What ends a program in an orderly way. */
type EndingSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The engines that this process has started, and that have not ended. */
const running = new Set<ChildProcess>();

/** Ends this process, once a signal has come. */
let end: (() => void) | undefined;

/** Has a signal wait for this engine. */
export function keepEngine(child: ChildProcess): void {
  running.add(child);
  child.once("error", () => running.delete(child));
  // Before whoever waits for the engine can go on with the next thing.
  child.prependOnceListener("close", () => {
    running.delete(child);
    if (running.size === 0) end?.();
  });
}

/**
 * Has the signals end a process in the ordinary way, which lets what was half written be removed; but never before the
 * engine that it runs: an engine that nobody watches would go on to deploy. Each signal reaches the engine. At the first
 * one it winds down, and writes down what it has made; at the second one it ends at once.
 */
export function endWithEngine(process: NodeJS.Process): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      end ??= () => process.exit(codeOf(signal));
      for (const child of running) passOn(signal, child);
      if (running.size === 0) end();
    });
  }
}

/**
 * Ctrl-C is sent by the terminal to every program that runs at it: passed on, it would be the engine's second one. Of the
 * others the engine knows SIGTERM only; a SIGHUP would end it at once.
 */
function passOn(signal: EndingSignal, child: ChildProcess): void {
  if (signal !== "SIGINT") child.kill("SIGTERM");
}

/** As a shell tells of a program that a signal has ended. */
function codeOf(signal: EndingSignal): number {
  return 128 + constants.signals[signal];
}
