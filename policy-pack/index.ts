import { PolicyPack } from "@pulumi/policy";
import { policies } from "./policies";

/** The gate of Shared Authority. */
new PolicyPack("shared-authority", {
  displayName: "Shared Authority",
  description: "Blocks every deploy that breaks the promise of a release, or leaves a tenant's place.",
  policies,
});
