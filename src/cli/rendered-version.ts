import { join } from "node:path";
import { objectName } from "../config/object-name";
import { ProblemsError } from "../config/problem";
import type { StackConfig, Tenant } from "../config/stack-config";
import { readTextFile } from "../config/yaml-file";
import { annotation } from "../manifests/annotation";
import { renderedFile } from "../manifests/rendered-file";

/** No rendered file is larger: it holds one object. */
const largestFile = 2 * 1024 * 1024;

/** In YAML as we and as the provider write it. */
const versionLine = new RegExp(`^ +["']?${annotation.version}["']?: *["']?([^"'\\s]+)`, "m");

/**
 * The version of a tenant in the folder that its stack renders into; `undefined` if it is not rendered. A fresh
 * render is not compared: `authority check` does that.
 */
export function renderedVersion(
  { root, authorityNamespace, delivery }: StackConfig,
  tenant: Tenant,
): string | undefined {
  if (delivery.kind !== "manifests") return undefined;
  const metadata = { name: objectName(tenant), namespace: authorityNamespace };
  const { path } = renderedFile({ apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", metadata });
  const file = join(delivery.directory, path);
  try {
    return versionLine.exec(readTextFile(join(root, file), file, largestFile))?.[1];
  } catch (error) {
    if (error instanceof ProblemsError) return undefined;
    throw error;
  }
}
