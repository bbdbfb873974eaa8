import { printable } from "../config/printable";
import { lockFile, readLock } from "../release/lock";
import { verifyLock } from "../release/verify";
import { countOf } from "./count";
import { type ExitCode, exitCode } from "./exit-code";
import { readStacks } from "./project";
import type { Session } from "./session";

/** Compares everything in the lock with Git and the registry, and reports changes. */
export async function verify(_options: unknown, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const tenants = readStacks(root, undefined).flatMap((config) => config.tenants);
  const verified = await verifyLock(readLock(root), tenants, session.reader());
  terminal.done();
  const { red, yellow } = terminal.colors;
  const lines = verified.flatMap(({ tenant, version, changes, unread }) => [
    ...changes.map((change) => `${red("changed")} ${printable(`${tenant} ${version}: ${change}`)}`),
    ...unread.map((reason) => `${yellow("not verified")} ${printable(`${tenant} ${version}: ${reason}`)}`),
  ]);
  const unchanged = verified.filter(({ changes, unread }) => changes.length === 0 && unread.length === 0).length;
  lines.push(`${unchanged} of ${countOf(verified.length, "release")} in ${lockFile} unchanged.`);
  terminal.print(lines.join("\n"));
  return unchanged === verified.length ? exitCode.fine : exitCode.blocked;
}
