import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { annotation } from "../src/manifests/annotation";

/** What of a tenant's rendered manifests says which release runs. */
export interface RenderedRelease {
  /** The source's name, such as `podinfo-6.14.1`. */
  readonly source: string;
  /** The version, where tags are followed. */
  readonly version?: string;
  /** The commit of the evidence. */
  readonly commit?: string;
  /** The name of the ConfigMap of the special config. */
  readonly values?: string;
  /** Whether every new commit of the followed branch is rolled out without a decision. */
  readonly followsRevision: boolean;
}

interface HelmRelease {
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly chart?: {
      readonly spec: { readonly sourceRef: { readonly name: string }; readonly reconcileStrategy?: string };
    };
    readonly chartRef?: { readonly name: string };
    readonly valuesFrom?: readonly { readonly kind: string; readonly name: string }[];
  };
}

/** Reads the HelmRelease of a tenant from rendered manifests; `undefined` where there is none. */
export function readRenderedRelease(directory: string, tenant: string): RenderedRelease | undefined {
  if (!existsSync(directory)) return undefined;
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".yaml")) continue;
    const object = parse(readFileSync(join(directory, file), "utf8")) as HelmRelease | null;
    if (object?.kind !== "HelmRelease" || object.metadata.name !== tenant) continue;
    const { chart, chartRef, valuesFrom = [] } = object.spec;
    return {
      source: chart?.spec.sourceRef.name ?? chartRef?.name ?? "",
      version: object.metadata.annotations?.[annotation.version],
      commit: object.metadata.annotations?.[annotation.commit],
      values: valuesFrom.find(({ kind }) => kind === "ConfigMap")?.name,
      followsRevision: chart?.spec.reconcileStrategy === "Revision",
    };
  }
  return undefined;
}
