import type { EvidenceReader } from "../release/evidence-reader";
import type { Terminal } from "./terminal";

/** A reader that reports on the terminal how many facts were requested and how many of them have been read. */
export function watchedReader(reader: EvidenceReader, terminal: Terminal): EvidenceReader {
  let requested = 0;
  let read = 0;
  const watch = async <Result>(reading: Promise<Result>): Promise<Result> => {
    if (requested === 0) terminal.step("reading from Git and registries");
    requested += 1;
    try {
      return await reading;
    } finally {
      read += 1;
      terminal.count(`reading from Git and registries: ${read} of ${requested}`);
    }
  };
  return {
    readRelease: (tenant, imageTag) => watch(reader.readRelease(tenant, imageTag)),
    readBranch: (tenant) => watch(reader.readBranch(tenant)),
    readFacts: (question) => watch(reader.readFacts(question)),
    readAllowed: (tenant) => watch(reader.readAllowed(tenant)),
  };
}
