import { resolve } from "node:path";
import { createEvidenceReader, type EvidenceReader } from "../release/evidence-reader";
import { versionFault } from "../package-version";
import { InputError } from "./input-error";
import { findProject, stackName } from "./project";
import type { Terminal } from "./terminal";
import { watchedReader } from "./watched-reader";

/** The folder and the terminal that a command works with. */
export class Session {
  /**
   * @param directory absolute path of the folder that the command runs in: the current one, or that of `--cwd`
   * @param terminal prints results and messages
   */
  constructor(
    readonly directory: string,
    readonly terminal: Terminal,
  ) {}

  /**
   * The folder of `Pulumi.yaml`.
   *
   * @throws InputError if there is none
   */
  get root(): string {
    return findProject(this.directory);
  }

  /**
   * The name of a stack as its file has it.
   *
   * @param given as `pulumi` takes it
   * @throws InputError if it is another project's
   */
  stack(given: string): string {
    return stackName(this.root, given);
  }

  /**
   * For a verb that judges or writes objects: those of another version are not what the project's program yields.
   *
   * @throws InputError if the project has installed another version of this package
   */
  requireOneVersion(): void {
    const fault = versionFault(
      this.root,
      "`authority`",
      `use the program's version, as \`npx authority\` in ${this.root} does`,
    );
    if (fault !== undefined) throw new InputError(`Nothing was judged: ${fault}.`);
  }

  /** The absolute path of a path on the command line. */
  path(path: string): string {
    return resolve(this.directory, path);
  }

  /** A reader that reports its progress on the terminal. */
  reader(): EvidenceReader {
    return watchedReader(createEvidenceReader(), this.terminal);
  }
}
