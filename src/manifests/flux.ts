/**
 * The parts of Flux's own types that the program sets, after the definitions of Flux 2.8: source.toolkit.fluxcd.io/v1,
 * helm.toolkit.fluxcd.io/v2 and image.toolkit.fluxcd.io/v1. `Text` is `string` in a rendered object and
 * `pulumi.Input<string>` in a component's arguments, so that a component can pass on what is known only later.
 */
import type { KubernetesObject } from "./object";

/** A reference to an object in the same namespace. Flux runs with `--no-cross-namespace-refs=true`. */
export interface LocalReference<Text = string> {
  readonly name: Text;
}

/** Clones a Git repository and serves the tree of one commit as an artifact. */
export interface GitRepository<Text = string> extends KubernetesObject {
  readonly apiVersion: "source.toolkit.fluxcd.io/v1";
  readonly kind: "GitRepository";
  readonly spec: {
    readonly url: string;
    /** `commit` takes precedence over `tag`, which then stays for people, and over `branch`, which must hold it. */
    readonly ref: { readonly branch?: string; readonly tag?: string; readonly commit?: string };
    readonly interval: Text;
    readonly timeout: Text;
    readonly secretRef?: LocalReference<Text>;
  };
}

/** Pulls an OCI artifact and serves one layer of it. */
export interface OciRepository<Text = string> extends KubernetesObject {
  readonly apiVersion: "source.toolkit.fluxcd.io/v1";
  readonly kind: "OCIRepository";
  readonly spec: {
    readonly url: string;
    /** `digest` takes precedence over `tag`, which then stays for people. A range takes the newest tag that the filter lets through. */
    readonly ref:
      { readonly tag: string; readonly digest?: string } | { readonly semver: string; readonly semverFilter: string };
    readonly layerSelector: { readonly mediaType: string; readonly operation: "copy" };
    readonly interval: Text;
    readonly timeout: Text;
    readonly insecure?: boolean;
    readonly secretRef?: LocalReference<Text>;
  };
}

/** Installs and upgrades one Helm release. */
export interface HelmRelease<Text = string> extends KubernetesObject {
  readonly apiVersion: "helm.toolkit.fluxcd.io/v2";
  readonly kind: "HelmRelease";
  readonly spec: {
    readonly chart?: {
      readonly spec: {
        readonly chart: string;
        readonly sourceRef: { readonly kind: "GitRepository"; readonly name: string };
        readonly reconcileStrategy: "ChartVersion" | "Revision";
      };
    };
    readonly chartRef?: { readonly kind: "OCIRepository"; readonly name: string };
    readonly releaseName: string;
    readonly targetNamespace: string;
    readonly storageNamespace: string;
    readonly serviceAccountName: string;
    readonly interval: Text;
    readonly timeout: Text;
    readonly install: Remediation;
    readonly upgrade: Remediation;
    readonly driftDetection: { readonly mode: "enabled" };
    readonly valuesFrom?: readonly ValuesReference<Text>[];
  };
}

/** What helm-controller does when an install or an upgrade fails. */
export interface Remediation {
  readonly crds?: "Skip";
  readonly remediation: {
    readonly retries: number;
    readonly remediateLastFailure?: boolean;
    readonly strategy?: "rollback";
  };
}

/** A ConfigMap or Secret in the HelmRelease's namespace that values are merged from, in order. */
export interface ValuesReference<Text = string> {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: Text;
  readonly valuesKey: Text;
}

/** Scans the tags of one image. */
export interface ImageRepository<Text = string> extends KubernetesObject {
  readonly apiVersion: "image.toolkit.fluxcd.io/v1";
  readonly kind: "ImageRepository";
  readonly spec: {
    readonly image: string;
    readonly interval: Text;
    readonly insecure?: boolean;
    readonly secretRef?: LocalReference<Text>;
  };
}

/** Chooses the newest tag: by version within a range, or by number. */
export interface ImagePolicy extends KubernetesObject {
  readonly apiVersion: "image.toolkit.fluxcd.io/v1";
  readonly kind: "ImagePolicy";
  readonly spec: {
    readonly imageRepositoryRef: LocalReference;
    readonly filterTags: { readonly pattern: string; readonly extract: string };
    readonly policy:
      { readonly semver: { readonly range: string } } | { readonly numerical: { readonly order: "asc" } };
    readonly digestReflectionPolicy: "IfNotPresent";
  };
}

/** Writes what image policies chose into files of a Git repository, and commits. */
export interface ImageUpdateAutomation<Text = string> extends KubernetesObject {
  readonly apiVersion: "image.toolkit.fluxcd.io/v1";
  readonly kind: "ImageUpdateAutomation";
  readonly spec: {
    readonly interval: Text;
    readonly sourceRef: { readonly kind: "GitRepository"; readonly name: string };
    readonly git: {
      readonly checkout: { readonly ref: { readonly branch: string } };
      readonly commit: {
        readonly author: { readonly name: string; readonly email: string };
        readonly messageTemplate: string;
      };
      readonly push: { readonly branch: string };
    };
    readonly policySelector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly update: { readonly strategy: "Setters"; readonly path: string };
  };
}
