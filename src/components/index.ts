export { HelmReleaseWithValues, type HelmReleaseWithValuesArgs } from "./helm-release-with-values";
export { ImageAdmission, type ImageAdmissionArgs } from "./image-admission";
export { KubernetesComponent } from "./kubernetes-component";
export {
  type BranchEvidence,
  type Evidence,
  type ImageEvidence,
  readRelease,
  type ReadReleaseArgs,
} from "./read-release";
export { Notifications, type NotificationsArgs } from "./notifications";
export { ReleasePolicy, type ReleasePolicyArgs } from "./release-policy";
export { Tenant } from "./tenant";
export { UpdateAutomation, type UpdateAutomationArgs } from "./update-automation";
export type { SecretValues, ValuesFile } from "../config/stack-config";
export type { CommittingAutomation, ConfigRepositoryArgs } from "../manifests/automation";
export type { IgnoredDrift } from "../manifests/helm-release";
export type { EnforcedAdmission, NamespaceImages } from "../manifests/image-admission";
export type { AlertsArgs, ReceiverArgs, ReceiverResource } from "../manifests/notifications";
export type { PinnedImage, PinnedImages, PinnedValues } from "../manifests/pinned-image";
export type {
  Automation,
  BranchChart,
  CommitChoice,
  ImageArgs,
  SourceArgs,
  VersionChoice,
} from "../manifests/release-policy";
export type { Limits, Network, NetworkPort, NetworkRule, TenantArgs } from "../manifests/tenant";
