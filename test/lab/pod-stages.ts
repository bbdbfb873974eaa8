import { readFileSync } from "node:fs";
import { parseAllDocuments, stringify } from "yaml";

interface Stage {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly selector: { matchExpressions: object[] } };
}

/**
 * KWOK's stages, such that some pods never become ready.
 *
 * @param file the stages that make every pod ready
 * @param unreadyImages pods with an image whose reference holds one of these texts stay as they are
 * @returns the content of a file for KWOK
 * @throws Error where the file has no stage `pod-ready`
 */
export function holdBack(file: string, unreadyImages: readonly string[]): string {
  const stages = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as Stage);
  const podReady = stages.find((stage) => stage.metadata.name === "pod-ready");
  if (podReady === undefined) throw new Error(`${file} has no stage pod-ready, by which pods become ready.`);
  for (const text of unreadyImages) {
    podReady.spec.selector.matchExpressions.push({
      key: `.spec.containers.[].image | select( contains(${JSON.stringify(text)}) )`,
      operator: "DoesNotExist",
    });
  }
  return stages.map((stage) => stringify(stage)).join("---\n");
}
