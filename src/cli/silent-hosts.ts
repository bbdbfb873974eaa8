import { addressesOf } from "../release/image-address";
import type { Tenant } from "../config/stack-config";
import { createEvidenceReader, type EvidenceReader, type ReadResult } from "../release/evidence-reader";
import { isRegistryFailure } from "../release/registry";

/** How long all hosts together have to answer. */
const answerMs = 60_000;

/** A host that did not answer all questions. */
export interface SilentHost {
  readonly host: string;
  /** What it said, or did not say, at first. */
  readonly problem: string;
}

/**
 * Reads evidence within a bound of time, and notes which hosts did not answer: one that is down does not answer for any of
 * its thousand tenants, which is to be said once.
 */
export class BoundedReader {
  readonly #problems = new Map<string, string>();
  readonly #late = new AbortController();
  readonly reader: EvidenceReader;

  /** @param wrap shows the progress */
  constructor(wrap: (reader: EvidenceReader) => EvidenceReader) {
    const options = { signal: this.#late.signal };
    const reader = wrap(createEvidenceReader({ git: options, registry: options }));
    this.reader = {
      readFacts: (question) => reader.readFacts(question),
      readRelease: async (tenant, imageTag) => this.#noted(tenant, await reader.readRelease(tenant, imageTag)),
      readBranch: async (tenant) => this.#noted(tenant, await reader.readBranch(tenant)),
      readAllowed: async (tenant) => {
        try {
          return await reader.readAllowed(tenant);
        } catch (error) {
          if (isRegistryFailure(error)) this.#note(tenant, error.message);
          throw error;
        }
      },
    };
  }

  /** The time begins. */
  start(): void {
    setTimeout(() => this.#late.abort(), answerMs).unref();
  }

  /** The hosts that did not answer, sorted. */
  get silent(): SilentHost[] {
    return [...this.#problems].sort().map(([host, problem]) => ({ host, problem }));
  }

  /** To be called for a tenant whose newest version is not known in time, or whose registry has said why not. */
  newestIsUnknown(tenant: Tenant): void {
    this.#note(tenant, "no answer in time");
  }

  #noted<Facts>(tenant: Tenant, result: ReadResult<Facts>): ReadResult<Facts> {
    if ("missing" in result) for (const message of result.missing) this.#note(tenant, message);
    return result;
  }

  #note(tenant: Tenant, message: string): void {
    const hosts = hostsOf(tenant);
    const host = hosts.find((one) => message.includes(one)) ?? hosts[0] ?? "";
    const problem = this.#late.signal.aborted ? `no answer within ${answerMs / 1_000} s` : message;
    if (!this.#problems.has(host)) this.#problems.set(host, problem);
  }
}

/** The hosts that may be asked about a tenant. */
function hostsOf(tenant: Tenant): string[] {
  const { repository = "" } = tenant;
  const gitHost = URL.canParse(repository) ? new URL(repository).host : "";
  return [...addressesOf(tenant).map(({ host }) => host), ...(gitHost === "" ? [] : [gitHost])];
}
