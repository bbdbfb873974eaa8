import { lockFile, readLock } from "../release/lock";
import { verifyLock } from "../release/verify";
import { type ExitCode, exitCode } from "./exit-code";
import { readStacks } from "./project";
import type { Session } from "./session";
import { printable } from "./terminal";

/** Reads everything that the lock holds again, and tells what has changed since. */
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
  const sound = verified.filter(({ changes, unread }) => changes.length === 0 && unread.length === 0).length;
  const total = `${verified.length} ${verified.length === 1 ? "release" : "releases"}`;
  terminal.print([...lines, `${sound} of ${total} in ${lockFile} are as they were locked.`].join("\n"));
  return sound === verified.length ? exitCode.fine : exitCode.blocked;
}
