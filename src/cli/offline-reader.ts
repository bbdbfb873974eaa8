import type { EvidenceReader, ReadResult } from "../release/evidence-reader";

const nothing = { missing: ["nothing is read with `--offline`"] } satisfies ReadResult;

/** A reader for `--offline`: it uses no network and reads no fact. */
export const offlineReader: EvidenceReader = {
  readRelease: () => Promise.resolve(nothing),
  readBranch: () => Promise.resolve(nothing),
  readFacts: () => Promise.resolve(nothing),
  readAllowed: () => Promise.resolve([]),
};
