import { definePolicy, type Policy } from "./define-policy";
import { brokenPromise } from "./release-evidence";
import type { Decided } from "./verdict";

/**
 * The policies that judge whether a decided object is the one that the stack's config yields. Each object is judged by
 * exactly one of them, under the name that people look for.
 */
const descriptions = {
  "release-synced": {
    displayName: "The release keeps the promise",
    description:
      "A HelmRelease runs a release whose Git tag, chart version, appVersion and image tag are one version, as the stack's " +
      "config decides it.",
    severity: "critical",
  },
  "values-content-addressed": {
    displayName: "Special config is named by its content",
    description:
      "A tenant's special config is what its values files hold, in an immutable ConfigMap that is named by its content.",
    severity: "high",
  },
  "tenant-isolation": {
    displayName: "A tenant stays in its namespace",
    description:
      "Namespace, account, roles, quota, limits and network policies of a tenant are those that the stack's config yields.",
    severity: "critical",
  },
  "automation-bounded": {
    displayName: "The automation keeps to its bounds",
    description:
      "Flux's automation, its source, the image policies that it reads, its webhooks and its alerts are those that the " +
      "stack's config yields.",
    severity: "high",
  },
} as const;

/** One of these policies. */
export function equalityPolicy(name: keyof typeof descriptions): Policy {
  return definePolicy({ name, ...descriptions[name], enforcementLevel: "mandatory" }, (decided, { run }) => {
    if (policyOf(decided) !== name) return [];
    const { carried, differences } = decided;
    return [
      // The HelmRelease carries the evidence of its source, which reports what is wrong with it.
      ...(carried === undefined ? [] : brokenPromise(carried)),
      ...differences,
      ...(differences.length === 0 ? [] : run.hintOnTargets()),
    ];
  });
}

function policyOf({ object, expected }: Decided): keyof typeof descriptions {
  if (object.isCoreKind("ConfigMap")) return "values-content-addressed";
  const ofStack = ["UpdateAutomation", "Notifications"];
  if (ofStack.includes(expected.owner.component) || object.isFluxKind("ImageRepository", "ImagePolicy")) {
    return "automation-bounded";
  }
  return object.isFluxKind("HelmRelease", "GitRepository", "OCIRepository") ? "release-synced" : "tenant-isolation";
}
