import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ChartFiles, exampleChart } from "../../demo/example-chart";
import { makeRepository } from "../release/scratch-repository";
import { projectRoot } from "./project";

/** A Git tag of podinfo, and the versions in `Chart.yaml` at that tag. */
export interface PodinfoTag {
  readonly tag: string;
  readonly kind: "lightweight" | "annotated";
  /** `version`. */
  readonly chartVersion: string;
  readonly appVersion: string;
}

/** podinfo's 109 tags, oldest first. 99 of them keep the promise. */
export const podinfoTags: readonly PodinfoTag[] = readFileSync(
  join(projectRoot, "test", "fixtures", "podinfo-tags.tsv"),
  "utf8",
)
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [tag = "", kind, chartVersion = "", appVersion = ""] = line.split("\t");
    if (kind !== "lightweight" && kind !== "annotated") throw new Error(`podinfo-tags.tsv: cannot read "${line}"`);
    return { tag, kind, chartVersion, appVersion };
  });

/**
 * Creates a bare repository with podinfo's tags: one commit per tag on `master`, each with a chart of our own in
 * `charts/podinfo`. The commits differ from podinfo's, but are the same on every machine.
 *
 * @param directory the repository's folder, created if missing
 * @param tags Default: all tags.
 * @returns the folder
 */
export async function makePodinfoRepository(
  directory: string,
  tags: readonly PodinfoTag[] = podinfoTags,
): Promise<string> {
  const commits = tags.map(({ tag, kind, ...versions }) => ({ files: podinfoChart(versions), [kind]: [tag] }));
  return makeRepository(directory, commits);
}

function podinfoChart({ chartVersion, appVersion }: Pick<PodinfoTag, "chartVersion" | "appVersion">): ChartFiles {
  const chart = exampleChart({
    name: "podinfo",
    version: chartVersion,
    appVersion,
    image: "registry.invalid/podinfo",
  });
  // The image tag is explicit, so a release that changes only Chart.yaml keeps its pods.
  const values = (chart["values.yaml"] ?? "").replace('tag: ""', `tag: ${appVersion}`);
  const files: ChartFiles = { ...chart, "values.yaml": `${values}logLevel: info\n`, "README.md": "# podinfo\n" };
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => [`charts/podinfo/${path}`, withNamespace(content)]),
  );
}

/** Objects name their namespace, as podinfo's do. Flux can then uninstall them after `targetNamespace` has changed. */
function withNamespace(template: string): string {
  const name = "metadata:\n  name: {{ .Release.Name }}\n";
  return template.replace(name, `${name}  namespace: {{ .Release.Namespace }}\n`);
}
