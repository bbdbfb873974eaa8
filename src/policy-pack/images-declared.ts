import { definePolicy } from "./define-policy";
import { imageFaults } from "./values-image";

/**
 * The chart's own image is the one whose tag and digest were judged. Special config that names another one would run
 * something that no release has.
 */
export const imagesDeclared = definePolicy(
  {
    name: "images-declared",
    displayName: "Special config runs declared images only",
    description: "Special config sets no image but the judged one, or one of a further repository that is declared.",
    severity: "critical",
    enforcementLevel: "mandatory",
  },
  ({ object, tenant }) => (object.isFluxKind("HelmRelease") && tenant !== undefined ? imageFaults(tenant) : []),
);
