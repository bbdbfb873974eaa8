import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isExecutable } from "../../demo/executable";

/** The programs that a lab runs, all of them under `$AUTHORITY_TOOLS/bin`. */
export const programs = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
  "registry",
  "source-controller",
  "helm-controller",
  "kustomize-controller",
  "image-reflector-controller",
  "image-automation-controller",
  "notification-controller",
] as const;

/** The name of one program that a lab runs. */
export type Program = (typeof programs)[number];

/** Where the programs and their files are. */
export interface Toolbox {
  /** The folder with the programs. */
  readonly bin: string;
  /** Flux's custom resource definitions, one YAML file each. */
  readonly definitions: readonly string[];
  /** KWOK's stages, by which nodes and pods become ready. */
  readonly stages: string;
}

/** The lab cannot run on this machine. Its message says what is missing and how to get it. */
export class ToolsMissingError extends Error {
  override readonly name = "ToolsMissingError";
}

const advice = `How to get them: see "What the lab needs" in docs/lab.md. In short: put the programs into a folder
  <tools>/bin, Flux's definitions into <tools>/crds and KWOK's stages into <tools>/kwok/stages.yaml,
  then: export AUTHORITY_TOOLS=<tools>
Or use a cluster of your own with Flux installed: see "A cluster of your own" in docs/lab.md.`;

/**
 * Finds the programs.
 *
 * @param folder the folder that holds `bin/`, `crds/` and `kwok/stages.yaml`; by default `$AUTHORITY_TOOLS`
 * @throws ToolsMissingError which names everything that is missing at once
 */
export function openToolbox(folder = process.env.AUTHORITY_TOOLS): Toolbox {
  if (process.platform !== "linux") {
    throw new ToolsMissingError(
      `The lab's own control plane runs on Linux only, and this is ${process.platform}.\n${advice}`,
    );
  }
  if (folder === undefined || folder === "") {
    throw new ToolsMissingError(
      `AUTHORITY_TOOLS is not set; it must name the folder with the lab's programs.\n${advice}`,
    );
  }
  const bin = join(folder, "bin");
  const crds = join(folder, "crds");
  const stages = join(folder, "kwok", "stages.yaml");
  const definitions = existsSync(crds) ? readdirSync(crds).filter((file) => file.endsWith(".yaml")) : [];
  const missing = programs.filter((program) => !isExecutable(join(bin, program))).map((program) => `bin/${program}`);
  if (definitions.length === 0) missing.push("crds/*.yaml");
  if (!existsSync(stages)) missing.push("kwok/stages.yaml");
  if (missing.length > 0) {
    throw new ToolsMissingError(
      `AUTHORITY_TOOLS is ${folder}, and there is no ${missing.join(", ")} in it.\n${advice}`,
    );
  }
  return { bin, definitions: definitions.sort().map((file) => join(crds, file)), stages };
}
