/** The result of reading facts. */
import { printableSentence } from "../config/printable";
import type { Evidence } from "./evidence";
import { GitError } from "./git";
import { isRegistryFailure } from "./registry";

/** The facts, or which of them could not be read, each in one sentence. That something does not exist is a fact. */
export type ReadResult<Facts = Evidence> = { readonly evidence: Facts } | { readonly missing: readonly string[] };

/** Collects what could not be read, while other facts are still read. */
export class Attempts {
  /** Each in one sentence, escaped. */
  readonly missing: string[] = [];

  /** The fact; nothing when it could not be read. Unexpected errors are thrown. */
  async read<Fact>(fact: string, reading: Promise<Fact>): Promise<Fact | undefined> {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof GitError || isRegistryFailure(error))) throw error;
      this.missing.push(printableSentence(`${fact} cannot be read: ${error.message}`));
      return undefined;
    }
  }

  /** The facts without undefined ones, or everything that could not be read. */
  resultOf<Facts extends object>(facts: Facts): ReadResult<Facts> {
    if (this.missing.length > 0) return { missing: this.missing };
    const present = Object.entries(facts).filter(([, value]) => value !== undefined);
    return { evidence: Object.fromEntries(present) as Facts };
  }
}
