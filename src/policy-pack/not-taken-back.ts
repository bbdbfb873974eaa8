import { takenBackReasons } from "../release/taken-back";
import { definePolicy } from "./define-policy";

/** A plain `git revert` lasts: automation would promote the version again at its next run. */
export const notTakenBack = definePolicy(
  {
    name: "not-taken-back",
    displayName: "What was taken back stays so",
    description:
      "A version that a person has taken back by a commit runs again only if a person promotes it, not if automation does.",
    severity: "high",
    enforcementLevel: "mandatory",
  },
  async ({ object, tenant }, { config }) => {
    if (!object.isFluxKind("HelmRelease") || tenant === undefined) return [];
    const reason = (await takenBackReasons(config)).get(tenant.name);
    return reason === undefined ? [] : [reason];
  },
);
