import type { ResourceValidationPolicy } from "@pulumi/policy";
import { policies as ofThisPack } from "./policies";

/** The policies, for `new PolicyPack("shared-authority", { policies })`. */
export const policies: ResourceValidationPolicy[] = ofThisPack;
