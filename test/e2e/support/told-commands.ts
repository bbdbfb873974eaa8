import { execFile } from "node:child_process";
import type { EngineResult } from "../../../demo/engine-session";
import type { Fixture } from "./fixture";

/** The commands that a message tells people to run, between backquotes, as far as they start like this. */
export function toldCommands(message: string, start: string): string[] {
  const told = message.split("`").filter((part) => part.startsWith(start));
  return [...new Set(told)];
}

/** Runs a command as a person types it, in the working copy, and answers its questions with yes. */
export function runTold(fixture: Fixture, command: string): Promise<EngineResult> {
  const { session, project } = fixture;
  const environment = { ...session.environment, PULUMI_SKIP_CONFIRMATIONS: "true" };
  const options = { cwd: project.directory, env: environment, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    const child = execFile("/bin/sh", ["-c", command], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? 1, stdout, stderr }),
    );
    child.stdin?.end();
  });
}
