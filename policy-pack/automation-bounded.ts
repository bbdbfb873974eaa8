import { posix } from "node:path";
import { stackFilePath } from "../src/config/stack-file";
import type { StackConfig } from "../src/config/stack-config";
import { isSet, textAt, valueAt } from "./field";
import { definePolicy, type PolicyContext } from "./define-policy";
import type { JudgedObject } from "./judged-object";
import { mustBe } from "./release-evidence";

/** Flux commits only to the files and branches that the stack declares, and with the declared author. */
export const automationBounded = definePolicy(
  {
    name: "automation-bounded",
    displayName: "The automation keeps to its bounds",
    description:
      "An ImageUpdateAutomation has a policy selector, the path of the stack file, an author of its own, and a push " +
      "target that the stack names.",
    severity: "high",
    enforcementLevel: "mandatory",
    remediationSteps:
      "set `shared-authority:configRepository` in the stack file, and let the program make the stack's automation.",
  },
  {
    applies: (object) => object.isFluxKind("ImageUpdateAutomation", "GitRepository"),
    judge: (object, context) => {
      if (object.kind === "GitRepository") return sourceOfAutomationFaults(object, context);
      if (object.isPatch) return ["it is a patch, which shows only a part of what will run; register the whole object"];
      const { configRepository } = context.config;
      if (configRepository === undefined) return ["the stack names no configRepository, so nothing may be committed"];
      return [
        ...mustBe("its namespace", object.namespace, context.config.authorityNamespace),
        ...selectorFaults(object),
        ...updateFaults(object, posix.join(configRepository.path, stackFilePath(context.config.stack))),
        ...gitFaults(object, configRepository, context.config),
        ...sourceFaults(object, configRepository.url, context),
      ];
    },
    judgeStack: (context) =>
      context.run
        .all("ImageUpdateAutomation", context.config.authorityNamespace)
        .filter((automation) => sourceOf(automation, context) === undefined)
        .map((automation) => `${automation.title} has a source that this stack does not make`),
  },
);

type ConfigRepository = NonNullable<StackConfig["configRepository"]>;

function selectorFaults(object: JudgedObject): string[] {
  const selector = valueAt(object.content, "spec", "policySelector");
  return isSet(selector, "matchLabels") || isSet(selector, "matchExpressions")
    ? []
    : ["spec.policySelector is missing, so every image policy of the namespace would be written"];
}

/** Flux edits every marker below the path, so the path must be the stack file, which contains only this stack's tenants. */
function updateFaults(object: JudgedObject, file: string): string[] {
  const update = valueAt(object.content, "spec", "update");
  const actual = textAt(update, "path");
  return [
    ...mustBe("spec.update.path", actual === undefined ? undefined : posix.normalize(`./${actual}`), file),
    ...mustBe("spec.update.strategy", textAt(update, "strategy"), "Setters"),
  ];
}

function gitFaults(object: JudgedObject, configRepository: ConfigRepository, config: StackConfig): string[] {
  const git = valueAt(object.content, "spec", "git");
  const { author, branch } = configRepository;
  const authorAt = ["commit", "author"] as const;
  return [
    ...mustBe("spec.git.checkout.ref.branch", textAt(git, "checkout", "ref", "branch"), branch),
    ...mustBe("spec.git.commit.author.email", textAt(git, ...authorAt, "email"), author.email),
    ...mustBe("spec.git.commit.author.name", textAt(git, ...authorAt, "name"), author.name),
    ...pushFaults(textAt(git, "push", "branch"), configRepository, config),
    ...(isSet(git, "push", "refspec")
      ? ["spec.git.push.refspec is set, which pushes past the branch that the stack names"]
      : []),
    ...(isSet(git, "push", "options")
      ? ["spec.git.push.options is set, which can make the Git host merge by itself"]
      : []),
  ];
}

/** Without a push branch, Flux pushes to the branch that it checked out. */
function pushFaults(branch: string | undefined, configRepository: ConfigRepository, config: StackConfig): string[] {
  const modes = new Set(config.tenants.map((tenant) => tenant.policy.automation));
  const allowed = [
    ...(modes.has("auto") ? [configRepository.branch] : []),
    ...(modes.has("pull-request") ? [configRepository.promotionBranch] : []),
  ];
  const target = branch ?? configRepository.branch;
  if (allowed.includes(target)) return [];
  return [
    allowed.length === 0
      ? "no tenant of the stack is automated, so nothing may be committed"
      : `spec.git.push.branch is "${target}", must be "${allowed.join('" or "')}"`,
  ];
}

function sourceFaults(object: JudgedObject, url: string, context: PolicyContext): string[] {
  const source = sourceOf(object, context);
  return [
    ...mustBe("spec.sourceRef.kind", textAt(object.content, "spec", "sourceRef", "kind"), "GitRepository"),
    ...(source === undefined ? [] : addressFaults(source, url)),
  ];
}

/** The source may be registered before or after the automation. Whichever comes second is checked against the first. */
function sourceOfAutomationFaults(object: JudgedObject, context: PolicyContext): string[] {
  const { run, config } = context;
  const automations = run.all("ImageUpdateAutomation", config.authorityNamespace);
  const isSource = automations.some((automation) => sourceOf(automation, context) === object);
  return isSource ? addressFaults(object, config.configRepository?.url ?? "") : [];
}

function sourceOf(automation: JudgedObject, { run }: PolicyContext): JudgedObject | undefined {
  const sourceRef = valueAt(automation.content, "spec", "sourceRef");
  const namespace = textAt(sourceRef, "namespace") ?? automation.namespace;
  return run.find("GitRepository", namespace, textAt(sourceRef, "name") ?? "");
}

function addressFaults(source: JudgedObject, url: string): string[] {
  return mustBe(`spec.url of the source "${source.name}"`, textAt(source.content, "spec", "url"), url);
}
