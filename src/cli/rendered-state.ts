import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { emergencyReason, emergencyVariable } from "../config/emergency";
import { ProblemsError } from "../config/problem";
import { printable, printableLines } from "../config/printable";
import { foreignLineEnd } from "../config/yaml-file";
import { annotation } from "../manifests/annotation";
import type { KubernetesObject } from "../manifests/object";
import { renderedFile, type RenderedFile } from "../manifests/rendered-file";
import { stackObjects } from "../manifests/stack-objects";
import type { EvidenceReader } from "../release/evidence-reader";
import type { ResolvedStack } from "../release/resolve";
import { countOf } from "../config/count";
import { findEarlierStack, lacksHistory, wasCommitted } from "./earlier-stacks";

/** What the folder of a stack's rendered manifests holds, compared with what the stack's files yield. */
export interface RenderedState {
  /** Relative to the project's folder, such as `rendered/prod`. */
  readonly folder: string;
  /**
   * `current`: what the files yield. `behind`: what an earlier commit of this branch yields, or nothing yet. `emergency`:
   * what the files yield, with the reason of an emergency. `changed`: anything else.
   */
  readonly state: "current" | "behind" | "emergency" | "changed";
  /** The earlier commit that the folder equals (`behind`, or `changed` with `refused`) or is most like (`changed`). */
  readonly commit?: string;
  /** The reason of the emergency. */
  readonly emergency?: string;
  /** With `changed`: the files that differ. */
  readonly differences: readonly RenderedDifference[];
  /** Why the policies refuse what the commit decides, though the folder equals it. */
  readonly refused?: readonly string[];
  /** Whether earlier commits are missing in this clone. */
  readonly shallow?: boolean;
}

/** A file of the folder that differs from what it should be. */
export interface RenderedDifference {
  /** Relative to the folder. */
  readonly path: string;
  readonly kind: "changed" | "extra" | "missing";
}

/** No rendered file is larger: it holds one object. */
const largestFile = 2 * 1024 * 1024;

/**
 * Compares the folder that a stack names under `delivery` with a fresh render. Nothing is written.
 *
 * @param refusals why the policies refuse a stack; nobody may have judged an earlier commit
 * @returns `undefined` for a stack that deploys to a cluster
 */
export async function renderedState(
  stack: ResolvedStack,
  reader: EvidenceReader,
  refusals: (stack: ResolvedStack) => Promise<readonly string[]>,
): Promise<RenderedState | undefined> {
  const { delivery, root } = stack.config;
  if (delivery.kind !== "manifests") return undefined;
  const { directory: folder } = delivery;
  const files = new RenderedFiles(root, folder);
  const { emergency } = files;
  let best: Pick<RenderedState, "commit" | "differences" | "refused"> = { differences: files.compare(stack) };
  if (best.differences.length === 0) {
    return { folder, state: emergency === undefined ? "current" : "emergency", emergency, ...best };
  }
  if (!files.exist && !(await wasCommitted(stack.config, folder))) return { folder, state: "behind", differences: [] };
  const found = await findEarlierStack(stack, folder, reader, async ({ commit, stack: earlier }) => {
    const differences = files.compare(earlier);
    if (differences.length >= best.differences.length) return false;
    const refused = differences.length === 0 ? await refusals(earlier) : [];
    best = refused.length === 0 ? { commit, differences } : { commit, differences, refused };
    return differences.length === 0;
  });
  if (found !== undefined) return { folder, state: best.refused === undefined ? "behind" : "changed", ...best };
  return { folder, state: "changed", ...best, shallow: await lacksHistory(stack.config) };
}

/** The state of the folder as lines for people; nothing if it is current. */
export function describeRendered(stack: string, rendered: RenderedState | undefined): string[] {
  if (rendered === undefined || rendered.state === "current") return [];
  const { folder, state, commit, differences, emergency = "", refused, shallow } = rendered;
  const command = `\`npx authority render --stack ${stack}\``;
  const commitName = `the commit ${commit?.slice(0, 10) ?? ""}`;
  if (state === "emergency") {
    return [`${folder}: rendered in an emergency (${emergency}); ${command} removes the annotation`].map(printable);
  }
  if (state === "behind") {
    return [
      commit === undefined
        ? `${folder}: nothing is rendered yet; run ${command}`
        : `${folder}: behind, as rendered from ${commitName}; ${command} renews it`,
    ];
  }
  if (refused !== undefined) {
    return [
      printable(`${folder}: as rendered from ${commitName}, which the policies refuse`),
      ...refused.map((message) => printableLines(`  ${message.replaceAll("\n", "\n  ")}`)),
      printable(`  Fix: ${command}, and commit the folder.`),
    ];
  }
  return [
    `${folder}: ${countOf(differences.length, "file")} not as rendered from ${commit === undefined ? "these files" : commitName}`,
    ...differences.map(({ path, kind }) => `  ${folder}/${path}: ${kind}`),
    `  Fix: ${command}, and commit the folder. Remove extra files that \`render\` refuses to replace.`,
    ...(shallow === true
      ? ["  This clone is shallow, so a render of an earlier commit is not recognized: fetch the history."]
      : []),
  ].map(printable);
}

/** The files in a folder of rendered manifests. */
class RenderedFiles {
  /** Whether the folder exists and is not empty: Git keeps no empty folder. */
  readonly exist: boolean;
  /** The reason of an emergency that the folder's HelmReleases are annotated with. */
  readonly emergency: string | undefined;
  readonly #contents = new Map<string, string | undefined>();
  readonly #objects = new Map<string, readonly unknown[]>();
  /** By its JSON: most objects of an earlier commit are those of the commit before. */
  readonly #rendered = new Map<string, RenderedFile>();

  /** @throws ProblemsError if there is something else than a folder, or a link in its path */
  constructor(root: string, folder: string) {
    const top = resolve(root, folder);
    for (const entry of entriesOf(root, folder)) {
      const path = join(entry.parentPath, entry.name);
      const name = path.slice(top.length + 1).replaceAll("\\", "/");
      if (!entry.isDirectory()) this.#contents.set(name, entry.isFile() ? read(path) : undefined);
    }
    this.exist = this.#contents.size > 0;
    this.emergency = this.#readEmergency();
  }

  /** How the folder differs from the render of a stack. */
  compare(stack: ResolvedStack): RenderedDifference[] {
    const expected = new Set<string>();
    const differences: RenderedDifference[] = [];
    for (const { object } of stackObjects(stack, { emergency: this.emergency })) {
      const { path, content } = this.#render(object);
      expected.add(path);
      if (!this.#contents.has(path)) differences.push({ path, kind: "missing" });
      else if (!this.#holds(path, object, content)) differences.push({ path, kind: "changed" });
    }
    for (const path of this.#contents.keys()) if (!expected.has(path)) differences.push({ path, kind: "extra" });
    return differences.sort((one, other) => (one.path < other.path ? -1 : 1));
  }

  #render(object: KubernetesObject): RenderedFile {
    const json = JSON.stringify(object);
    const rendered = this.#rendered.get(json) ?? renderedFile(object);
    this.#rendered.set(json, rendered);
    return rendered;
  }

  /** Pulumi's provider writes the same objects in another form. */
  #holds(path: string, object: KubernetesObject, content: string): boolean {
    if (this.#contents.get(path) === content) return true;
    const plain: unknown = JSON.parse(JSON.stringify(object));
    const found = this.#objectsOf(path);
    return found.length > 0 && found.every((one) => isDeepStrictEqual(one, plain));
  }

  /** The object as readers of YAML 1.1, such as Flux, and of YAML 1.2 see it; nothing if one of them cannot read it. */
  #objectsOf(path: string): readonly unknown[] {
    let objects = this.#objects.get(path);
    if (objects === undefined) {
      try {
        const text = this.#contents.get(path) ?? "";
        const versions: readonly ("1.1" | "1.2")[] = foreignLineEnd.test(text) ? [] : ["1.1", "1.2"];
        objects = versions.map((version): unknown => parse(text, { version, logLevel: "error" }));
      } catch {
        objects = [];
      }
      this.#objects.set(path, objects);
    }
    return objects;
  }

  #readEmergency(): string | undefined {
    const isMarked = (name: string, text = "") => name.includes("-helmrelease-") && text.includes(annotation.emergency);
    const path = [...this.#contents].find(([name, text]) => isMarked(name, text))?.[0];
    const [object] = path === undefined ? [] : this.#objectsOf(path);
    const { annotations } = (object as Partial<KubernetesObject> | undefined)?.metadata ?? {};
    const given = annotations?.[annotation.emergency];
    const reason = typeof given === "string" ? emergencyReason({ [emergencyVariable]: given }) : undefined;
    return reason === given ? reason : undefined;
  }
}

function entriesOf(root: string, folder: string) {
  const path = resolve(root, folder);
  if (!existsSync(path)) return [];
  if (lstatSync(path).isDirectory() && realpathSync.native(path) === resolve(realpathSync.native(root), folder)) {
    return readdirSync(path, { recursive: true, withFileTypes: true });
  }
  const message = "Expected a folder without a symbolic link in its path: a commit does not show what that leads to.";
  throw new ProblemsError([{ file: folder, message, fix: "Remove it, and render again." }]);
}

/** @returns `undefined` for a file that is not a render */
function read(path: string): string | undefined {
  return lstatSync(path).size > largestFile ? undefined : readFileSync(path, "utf8");
}
