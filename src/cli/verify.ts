import { printable } from "../config/printable";
import type { StackConfig } from "../config/stack-config";
import { lockFile, readLock } from "../release/lock";
import { takenBackReasons } from "../release/taken-back";
import { verifyLock } from "../release/verify";
import { countOf } from "../config/count";
import { type ExitCode, exitCode } from "./exit-code";
import { readStacks } from "./project";
import type { Session } from "./session";

/** Compares everything in the lock with Git and the registry, and reports changes, and versions that were taken back. */
export async function verify(_options: unknown, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const configs = readStacks(root, undefined);
  const tenants = configs.flatMap((config) => config.tenants);
  const verified = await verifyLock(readLock(root), tenants, session.reader());
  terminal.done();
  const { red, yellow } = terminal.colors;
  const lines = verified.flatMap(({ tenant, version, changes, unread }) => [
    ...changes.map((change) => `${red("changed")} ${printable(`${tenant} ${version}: ${change}`)}`),
    ...unread.map((reason) => `${yellow("not verified")} ${printable(`${tenant} ${version}: ${reason}`)}`),
  ]);
  const takenBack = (await Promise.all(configs.map(takenBackLines))).flat();
  lines.push(...takenBack.map((line) => `${red("taken back")} ${printable(line)}`));
  const unchanged = verified.filter(({ changes, unread }) => changes.length === 0 && unread.length === 0).length;
  lines.push(`${unchanged} of ${countOf(verified.length, "release")} in ${lockFile} unchanged.`);
  terminal.print(lines.join("\n"));
  return unchanged === verified.length && takenBack.length === 0 ? exitCode.fine : exitCode.blocked;
}

/** The lock has such a version, and its release is as it was. */
async function takenBackLines(config: StackConfig): Promise<string[]> {
  return [...(await takenBackReasons(config))].map(([tenant, reason]) => `${config.stack}/${tenant}: ${reason}`);
}
