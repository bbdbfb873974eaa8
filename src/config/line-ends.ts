import { execFileSync } from "node:child_process";
import { workTreeOf } from "./work-tree";

/** How Git would store the line ends of the text files of one folder. Git runs once, when the first text has a CRLF. */
export class LineEnds {
  #converted: ReadonlySet<string> | undefined;

  /**
   * @param root absolute path of the project's folder
   * @param folder the folder with the files, relative to `root`
   */
  constructor(
    readonly root: string,
    readonly folder: string,
  ) {}

  /**
   * The text as a commit of it holds it: with LF where Git converts line ends, otherwise unchanged. So a commit has the
   * same content whether it is checked out with `core.autocrlf` or without. Outside of a Git repository nothing changes.
   *
   * @param path relative to `root`
   * @throws Error if Git cannot tell
   */
  asCommitted(path: string, text: string): string {
    if (!text.includes("\r\n")) return text;
    this.#converted ??= workTreeOf(this.root) !== undefined ? convertedFiles(this.root, this.folder) : new Set();
    return this.#converted.has(path) ? text.replaceAll("\r\n", "\n") : text;
  }
}

/** A line of `git ls-files --eol`: the line ends in the index and in the work tree, and the attributes. */
const line = /^i\/(?<index>\S*)\s+w\/(?<work>\S*)\s+attr\/(?<attributes>[^\t]*)\t(?<path>.*)$/s;

/** The files that `git add` converts, by the rules of gitattributes(5) for `text` and of git-config(1) for `core.autocrlf`. */
function convertedFiles(root: string, folder: string): Set<string> {
  const isAutomatic = !/^(?:|false|no|off|0)$/i.test(
    git(root, "config", "--default", "false", "--get", "core.autocrlf").trim(),
  );
  const listed = git(root, "ls-files", "--eol", "-z", "--cached", "--others", "--", folder).split("\0");
  const converted = new Set<string>();
  for (const one of listed) {
    const { index = "", work = "", attributes = "", path = "" } = line.exec(one)?.groups ?? {};
    const [text = ""] = attributes.trim().split(" ");
    // Git leaves a file alone that it takes for binary, and one that was committed with CRLF.
    const isLeftAlone = work === "-text" || index === "crlf" || index === "mixed";
    if (text === "text" || (!isLeftAlone && (text === "text=auto" || (text === "" && isAutomatic))))
      converted.add(path);
  }
  return converted;
}

/** Settings of the repository that would run another program or hide a file are not used. */
const settings = ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"];

function git(root: string, ...args: string[]): string {
  // In a hook, variables such as `GIT_DIR` name the repository of the hook.
  const env = Object.entries(process.env).filter(([name]) => !/^GIT_(?!CONFIG|EXEC_PATH|CEILING)/.test(name));
  try {
    return execFileSync("git", [...settings, ...args], {
      cwd: root,
      env: { ...Object.fromEntries(env), LC_ALL: "C" },
      encoding: "utf8",
      timeout: 30_000,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    const { code, stderr = "" } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    const reason = code === "ENOENT" ? "the program `git` is not on PATH" : (stderr.trim().split("\n")[0] ?? "");
    throw new Error(reason === "" ? String(error) : reason, { cause: error });
  }
}
