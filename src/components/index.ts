export { HelmReleaseWithValues, type HelmReleaseWithValuesArgs } from "./helm-release-with-values";
export { ImageAdmission, type ImageAdmissionArgs } from "./image-admission";
export {
  type BranchEvidence,
  type Evidence,
  type ImageEvidence,
  readRelease,
  type ReadReleaseArgs,
} from "./read-release";
export { ReleasePolicy, type ReleasePolicyArgs } from "./release-policy";
export { Tenant, type TenantArgs } from "./tenant";
export { UpdateAutomation, type UpdateAutomationArgs } from "./update-automation";
