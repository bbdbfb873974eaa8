import { readFileSync } from "node:fs";
import { connectGitHost, type GitHost } from "../git-host/git-host";
import { hostSettings, HostSettingsError } from "../git-host/host-settings";
import { InputError } from "./input-error";
import type { Session } from "./session";

/**
 * The Git host that the environment names.
 *
 * @throws InputError if a variable is missing or not valid
 */
export function gitHostOf({ terminal }: Session): GitHost {
  try {
    return connectGitHost(hostSettings(), { onLimit: (message) => terminal.step(message) });
  } catch (error) {
    throw error instanceof HostSettingsError ? new InputError(error.message) : error;
  }
}

/** @throws InputError if the file cannot be read, or is not UTF-8 */
export function readTextFile(option: string, path: string, session: Session): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(session.path(path)));
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).syscall === undefined ? "it is not UTF-8" : (error as Error).message;
    throw new InputError(`The file of \`${option}\` cannot be read: ${reason}`);
  }
}
