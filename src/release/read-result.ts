/** What came of reading facts. */
import { CredentialsError } from "./docker-credentials";
import type { Evidence } from "./evidence";
import { GitError } from "./git";
import { RegistryError } from "./registry";

/** The facts, among them that something is not there; or which of them could not be read, each in one sentence. */
export type ReadResult<Facts = Evidence> = { readonly evidence: Facts } | { readonly missing: readonly string[] };

/** Gathers what could not be read, while the reading of everything else goes on. */
export class Attempts {
  /** Each in one sentence. */
  readonly missing: string[] = [];

  /** The fact, or nothing where it could not be read. */
  async read<Fact>(fact: string, reading: Promise<Fact>): Promise<Fact | undefined> {
    try {
      return await reading;
    } catch (error) {
      this.missing.push(`${fact} cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** What was read, or everything that could not be. A fact that does not exist has no key. */
  resultOf<Facts extends object>(facts: Facts): ReadResult<Facts> {
    if (this.missing.length > 0) {
      return { missing: this.missing };
    }
    // So that evidence compares and prints as what is there.
    const present = Object.entries(facts).filter(([, value]) => value !== undefined);
    return { evidence: Object.fromEntries(present) as Facts };
  }
}

/** Why a fact could not be read. Anything but the failures that reading knows is a fault of our own, and thrown on. */
function messageOf(error: unknown): string {
  if (error instanceof GitError || error instanceof RegistryError || error instanceof CredentialsError) {
    return error.message;
  }
  throw error;
}
