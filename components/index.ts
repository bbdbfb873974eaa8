export { HelmReleaseWithValues, type HelmReleaseWithValuesArgs } from "./helm-release-with-values";
export { ReleasePolicy, type ReleasePolicyArgs } from "./release-policy";
export { Tenant, type TenantArgs } from "./tenant";
export { UpdateAutomation, type UpdateAutomationArgs } from "./update-automation";
export { type ResolvedSource, resolvedSource } from "../src/manifests/source";
