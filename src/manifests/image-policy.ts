import type { Automation } from "../config/stack-config";
import { fluxRange } from "../version/range";
import { annotation } from "./annotation";
import type { ImagePolicy, ImageRepository } from "./flux";
import { label } from "./name";
import type { ObjectMeta } from "./object";

/** Which image tags are scanned, which of them may run, and who moves the version. */
export interface ImagePolicySpec<Text = string> {
  /** The tenant's name. */
  readonly tenant: string;
  readonly stack: string;
  readonly authorityNamespace: string;
  /** The image repository without tag. */
  readonly image: string;
  readonly choice: VersionChoice | CommitChoice;
  readonly automation: Automation;
  /** A pinned tenant is selected by no automation, whatever its mode. */
  readonly pinned: boolean;
  readonly insecureRegistry: boolean;
  /** How often Flux scans the registry. */
  readonly interval: Text;
  /** A Secret in the authority namespace with the credentials of the registry. */
  readonly secretName?: Text;
}

/** Of the tags that are versions, the newest that the policy allows: a release. */
export interface VersionChoice {
  readonly kind: "version";
  /** What stands before the version in an image tag. */
  readonly prefix: string;
  /** A SemVer range in Flux's syntax. */
  readonly range: string;
  /** Versions that never run. */
  readonly deny: readonly string[];
}

/** Of the tags of images that are made one for each commit, the one with the highest number. */
export interface CommitChoice {
  readonly kind: "commit";
  /** A regular expression over tags; its group `ts` is the number. */
  readonly pattern: string;
}

/** SemVer's own grammar without build metadata, which no image tag can carry (semver.org, question 12). */
const semVer =
  "(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)\\.(?:0|[1-9]\\d*)" +
  "(?:-(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?";

/** The ImageRepository that scans, and the ImagePolicy that chooses. */
export function imagePolicyObjects<Text = string>(spec: ImagePolicySpec<Text>): [ImageRepository<Text>, ImagePolicy] {
  return [imageRepository(spec), imagePolicy(spec)];
}

function imageRepository<Text>(spec: ImagePolicySpec<Text>): ImageRepository<Text> {
  return {
    apiVersion: "image.toolkit.fluxcd.io/v1",
    kind: "ImageRepository",
    metadata: metadata(spec, {}),
    spec: {
      image: spec.image,
      interval: spec.interval,
      ...(spec.insecureRegistry ? { insecure: true } : {}),
      ...(spec.secretName === undefined ? {} : { secretRef: { name: spec.secretName } }),
    },
  };
}

function imagePolicy<Text>(spec: ImagePolicySpec<Text>): ImagePolicy {
  return {
    apiVersion: "image.toolkit.fluxcd.io/v1",
    kind: "ImagePolicy",
    metadata: metadata(spec, {
      [label.stack]: spec.stack,
      [label.automation]: spec.pinned ? "manual" : spec.automation,
    }),
    spec: {
      imageRepositoryRef: { name: spec.tenant },
      ...chosenTags(spec.choice),
      // `Always` would write a re-pushed tag's new digest into the stack file: a decision that nobody made.
      digestReflectionPolicy: "IfNotPresent",
    },
  };
}

function chosenTags(choice: ImagePolicySpec["choice"]): Pick<ImagePolicy["spec"], "filterTags" | "policy"> {
  if (choice.kind === "commit") {
    return { filterTags: { pattern: choice.pattern, extract: "$ts" }, policy: { numerical: { order: "asc" } } };
  }
  return {
    // Masterminds reads `v1.2.3` and `1.2` as versions too; only what carries the declared prefix is one here.
    filterTags: { pattern: `^${escapeForGo(choice.prefix)}(?P<version>${semVer})$`, extract: "$version" },
    policy: { semver: { range: fluxRange(choice.range, choice.deny) } },
  };
}

function metadata<Text>(spec: ImagePolicySpec<Text>, labels: Readonly<Record<string, string>>): ObjectMeta {
  return {
    name: spec.tenant,
    namespace: spec.authorityNamespace,
    labels: { [label.tenant]: spec.tenant, ...labels },
    annotations: { [annotation.tenant]: spec.tenant },
  };
}

/** Go's RE2 knows the same special characters as JavaScript. */
function escapeForGo(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
