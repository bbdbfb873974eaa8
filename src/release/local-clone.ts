/** What a clone on this machine lacks of its remote must not be taken for what does not exist. */
import { GitError } from "./git-command";
import { isShallow, textLines, type Git } from "./git-objects";

/**
 * The remote that the repository was cloned from; nothing for one that is not a clone. A partial clone is whole, because Git
 * fetches what it lacks, or fails.
 *
 * @param path what people call the repository
 * @throws GitError when the clone was told to leave out history, branches or tags
 */
export async function remoteOfClone(git: Git, path: string): Promise<string | undefined> {
  const settings = textLines(await git(["config", "--null", "--list"]), "\0").flatMap((setting) => {
    const [, remote = "", name = "", value = ""] = /^remote\.(.+)\.(\w+)\n(.*)$/s.exec(setting) ?? [];
    return remote === "" ? [] : [{ remote, name, value }];
  });
  const remotes = [...new Set(settings.map(({ remote }) => remote))];
  const remote = remotes.find((name) => name === "origin") ?? remotes[0];
  const valuesOf = (wanted: string) =>
    settings.filter((setting) => setting.remote === remote && setting.name === wanted).map(({ value }) => value);
  const fetched = valuesOf("fetch");
  const faults = [
    ...((await isShallow(git)) ? ["its history is shallow (`git fetch --unshallow --tags` completes it)"] : []),
    ...(fetched.length > 0 && !fetched.some((refspec) => /^\+?refs\/(?:heads\/)?\*:/.test(refspec))
      ? [`it has single branches only (\`git remote set-branches ${remote ?? ""} '*'\`, then \`git fetch --tags\`)`]
      : []),
    ...(valuesOf("tagopt").includes("--no-tags")
      ? [`it has no tags (\`git config --unset remote.${remote ?? ""}.tagOpt\`, then \`git fetch --tags\`)`]
      : []),
  ];
  if (faults.length === 0) return remote;
  throw new GitError(
    `${path} is not a whole clone, so it cannot tell what its remote has: ${faults.join("; ")}. Or name the address of the remote`,
  );
}
