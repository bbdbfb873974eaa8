import { PolicyPack } from "@pulumi/policy";
import { policies } from "shared-authority/policy-pack";

new PolicyPack("shared-authority", {
  displayName: "Shared Authority",
  description: "Blocks every deployment that breaks the promise of a release or reaches beyond a tenant's namespace.",
  policies,
});
