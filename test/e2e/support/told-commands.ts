import { execa } from "execa";
import type { EngineResult } from "../../../demo/engine-session";
import type { Fixture } from "./fixture";

/** The commands in backquotes in a message that start with this text. */
export function toldCommands(message: string, start: string): string[] {
  return [...new Set(message.split("`").filter((part) => part.startsWith(start)))];
}

/** Runs a command line in the clone, as a user types it, and confirms its prompts. */
export async function runTold({ session, project }: Fixture, command: string): Promise<EngineResult> {
  const env = { ...session.environment, PULUMI_SKIP_CONFIRMATIONS: "true" };
  const options = { cwd: project.directory, env, extendEnv: false, input: "", reject: false } as const;
  const { exitCode, stdout, stderr } = await execa("/bin/sh", ["-c", command], options);
  return { code: exitCode ?? 1, stdout, stderr };
}
