/** Git's settings for hosts. Those of the folder in which the command runs also count where Git works in a scratch folder. */
import { textLines, type Git } from "./git-objects";

/** Sections, and single settings of `core`, that say how a host is reached. */
const forHosts = /^(?:(?:credential|http|ssh|url)\.|core\.(?:askpass|sshcommand)(?:\n|$))/;

/**
 * Variables of the environment that carry over the settings which only this folder has: those of its repository, and those
 * that `includeIf` adds there, such as the SSH key for the repositories of one customer. They are not arguments, which
 * other users of the machine can read.
 */
export async function settingsOfFolder(git: Git, scratch: string): Promise<Record<string, string>> {
  const list = async (folder?: string) =>
    textLines(await git(["config", "--null", "--list"], folder === undefined ? {} : { folder }), "\0");
  const [here, there] = await Promise.all([list(), list(scratch)]);
  const own = here.filter((setting) => forHosts.test(setting) && !there.includes(setting));
  const first = Number(process.env.GIT_CONFIG_COUNT ?? 0);
  const variables = own.flatMap((setting, index): [string, string][] => {
    const [, name = "", value = "true"] = /^([^\n]*)(?:\n(.*))?$/s.exec(setting) ?? [];
    return [
      [`GIT_CONFIG_KEY_${first + index}`, name],
      [`GIT_CONFIG_VALUE_${first + index}`, value],
    ];
  });
  return {
    ...Object.fromEntries(variables),
    ...(own.length === 0 ? {} : { GIT_CONFIG_COUNT: String(first + own.length) }),
  };
}
