import { resolve } from "node:path";
import { createEvidenceReader, type EvidenceReader } from "../release/evidence-reader";
import { findProject } from "./project";
import type { Terminal } from "./terminal";
import { watchedReader } from "./watched-reader";

/** What every verb works with. */
export class Session {
  /**
   * @param directory absolute path of the folder that the verb runs in: the current one, or that of `--cwd`
   * @param terminal where result and messages go
   */
  constructor(
    readonly directory: string,
    readonly terminal: Terminal,
  ) {}

  /**
   * The folder that holds `Pulumi.yaml`.
   *
   * @throws InputError where there is none
   */
  get root(): string {
    return findProject(this.directory);
  }

  /** The absolute path of a path on the command line. */
  path(path: string): string {
    return resolve(this.directory, path);
  }

  /** A reader that shows how far it is. */
  reader(): EvidenceReader {
    return watchedReader(createEvidenceReader(), this.terminal);
  }
}
