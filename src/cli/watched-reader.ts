import type { EvidenceReader } from "../release/evidence-reader";
import type { Terminal } from "./terminal";

/** The reader, telling the terminal how many facts have been asked for and how many of them are there. */
export function watchedReader(reader: EvidenceReader, terminal: Terminal): EvidenceReader {
  let asked = 0;
  let read = 0;
  const watch = async <Result>(reading: Promise<Result>): Promise<Result> => {
    if (asked === 0) terminal.step("reading from Git and registries");
    asked += 1;
    try {
      return await reading;
    } finally {
      read += 1;
      terminal.count(`reading from Git and registries: ${read} of ${asked}`);
    }
  };
  return {
    readRelease: (tenant, imageTag) => watch(reader.readRelease(tenant, imageTag)),
    readBranch: (tenant) => watch(reader.readBranch(tenant)),
    readFacts: (question) => watch(reader.readFacts(question)),
    newestAllowed: (tenant) => watch(reader.newestAllowed(tenant)),
  };
}
