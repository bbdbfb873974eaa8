import type { KubernetesObject } from "./object";
import { yamlText } from "./yaml-text";

/** One file of rendered manifests. */
export interface RenderedFile {
  /** Relative to the folder of rendered manifests, with `/`: `1-manifest/v1-namespace-default-podinfo.yaml`. */
  readonly path: string;
  readonly content: string;
}

/**
 * The file of one object. The path is the one that the Pulumi Kubernetes provider writes with `renderYamlToDirectory`,
 * and the content is the same object.
 */
export function renderedFile(object: KubernetesObject): RenderedFile {
  const { apiVersion, kind, metadata } = object;
  const isDefinition = kind === "CustomResourceDefinition" && apiVersion.startsWith("apiextensions.k8s.io/");
  const name = [apiVersion.replace(/[/:]/g, "_"), kind.toLowerCase(), metadata.namespace ?? "default", metadata.name];
  return { path: `${isDefinition ? "0-crd" : "1-manifest"}/${name.join("-")}.yaml`, content: yamlText(object) };
}
