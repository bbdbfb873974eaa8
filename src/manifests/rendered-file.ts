import { goYaml } from "./go-yaml";
import type { KubernetesObject } from "./object";

/** One file of rendered manifests. */
export interface RenderedFile {
  /** Relative to the folder of rendered manifests, with `/`: `1-manifest/v1-namespace-default-podinfo.yaml`. */
  readonly path: string;
  readonly content: string;
}

/**
 * The file of one object: path and bytes are those that the Pulumi Kubernetes provider 4.32.0 writes with
 * `renderYamlToDirectory`.
 *
 * @throws Error where the object holds a character that the provider cannot write
 */
export function renderedFile(object: KubernetesObject): RenderedFile {
  const { apiVersion, kind, metadata } = object;
  const isDefinition = kind === "CustomResourceDefinition" && apiVersion.startsWith("apiextensions.k8s.io/");
  const name = [apiVersion.replace(/[/:]/g, "_"), kind.toLowerCase(), metadata.namespace ?? "default", metadata.name];
  return { path: `${isDefinition ? "0-crd" : "1-manifest"}/${name.join("-")}.yaml`, content: goYaml(object) };
}
