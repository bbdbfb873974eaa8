import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isExecutable } from "../../demo/executable";

/** The programs of a lab, in `$AUTHORITY_TOOLS/bin`. */
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

/** The name of a program of the lab. */
export type Program = (typeof programs)[number];

/** The paths of the programs and their files. */
export interface Tools {
  /** The folder with the programs. */
  readonly bin: string;
  /** Flux's custom resource definitions, one YAML file each. */
  readonly definitions: readonly string[];
  /** KWOK's stages, which make nodes and pods ready. */
  readonly stages: string;
}

/** The lab cannot run on this machine. The message lists what is missing and how to get it. */
export class ToolsMissingError extends Error {
  override readonly name = "ToolsMissingError";
}

const advice = `To get the programs, see "What the lab needs" in docs/lab.md. In short: put the programs into <tools>/bin,
  Flux's definitions into <tools>/crds and KWOK's stages into <tools>/kwok/stages.yaml,
  then run: export AUTHORITY_TOOLS=<tools>
Or use a cluster of your own that has Flux: see "A cluster of your own" in docs/lab.md.`;

/**
 * Finds the programs.
 *
 * @param folder the folder with `bin/`, `crds/` and `kwok/stages.yaml`. Default: `$AUTHORITY_TOOLS`
 * @throws ToolsMissingError with a list of everything that is missing
 */
export function findTools(folder = process.env.AUTHORITY_TOOLS): Tools {
  if (process.platform !== "linux") {
    throw new ToolsMissingError(`The lab's control plane runs on Linux only. This is ${process.platform}.\n${advice}`);
  }
  if (folder === undefined || folder === "") {
    throw new ToolsMissingError(
      `AUTHORITY_TOOLS is not set. It must be the folder with the lab's programs.\n${advice}`,
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
    throw new ToolsMissingError(`AUTHORITY_TOOLS is ${folder}. Not found in it: ${missing.join(", ")}.\n${advice}`);
  }
  return { bin, definitions: definitions.sort().map((file) => join(crds, file)), stages };
}
