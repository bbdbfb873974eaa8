import { readFileSync } from "node:fs";
import { parseAllDocuments, stringify } from "yaml";

interface Stage {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly selector: { matchExpressions: object[] } };
}

/**
 * KWOK's stages, changed so that some pods never become ready.
 *
 * @param file the stages that make every pod ready
 * @param unreadyImages texts; pods with an image reference that contains one of them stay unready
 * @returns the content of a stages file
 * @throws Error if the file has no stage `pod-ready`
 */
export function holdPodsUnready(file: string, unreadyImages: readonly string[]): string {
  const stages = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as Stage);
  const podReady = stages.find((stage) => stage.metadata.name === "pod-ready");
  if (podReady === undefined) throw new Error(`${file} has no stage pod-ready, which makes pods ready.`);
  for (const text of unreadyImages) {
    podReady.spec.selector.matchExpressions.push({
      key: `.spec.containers.[].image | select( contains(${JSON.stringify(text)}) )`,
      operator: "DoesNotExist",
    });
  }
  return stages.map((stage) => stringify(stage)).join("---\n");
}
