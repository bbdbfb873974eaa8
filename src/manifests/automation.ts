import { posix } from "node:path";
import type { Automation, ConfigRepository } from "../config/stack-config";
import { stackFilePath } from "../config/stack-file";
import type { GitRepository, ImageUpdateAutomation } from "./flux";
import { label, stackObjectName } from "./name";
import type { KubernetesObject } from "./object";

/** The modes in which Flux itself commits. */
export type CommittingAutomation = Exclude<Automation, "manual">;

/** How the versions of a stack are moved by Flux. */
export interface AutomationSpec<Text = string> {
  readonly stack: string;
  readonly authorityNamespace: string;
  readonly configRepository: ConfigRepository;
  /** The modes that some tenant of the stack has: one ImageUpdateAutomation each. */
  readonly modes: readonly CommittingAutomation[];
  /** How often Flux looks for something to commit. */
  readonly interval: Text;
  /** How long Flux waits for the Git host. */
  readonly timeout: Text;
}

/**
 * What Flux writes above the list of changes; a Go template. `Setter` is the marker of the line that changed,
 * `<authority namespace>:<tenant>:<field>`.
 */
function messageTemplate(stack: string): string {
  return [
    `Promote in ${stack}`,
    "",
    "{{ range .Changed.Changes }}- {{ .Setter }}: {{ .OldValue }} -> {{ .NewValue }}",
    "{{ end }}",
  ].join("\n");
}

/** The source of the shared repository itself, and one automation for each mode in use. None in use: no objects. */
export function automationObjects<Text = string>(spec: AutomationSpec<Text>): KubernetesObject[] {
  if (spec.modes.length === 0) return [];
  return [configSource(spec), ...spec.modes.map((mode) => imageUpdateAutomation(spec, mode))];
}

function configSource<Text>(spec: AutomationSpec<Text>): GitRepository<Text> {
  const { url, branch, secretName } = spec.configRepository;
  return {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: {
      name: stackObjectName(spec.stack),
      namespace: spec.authorityNamespace,
      labels: { [label.stack]: spec.stack },
    },
    spec: {
      url,
      ref: { branch },
      interval: spec.interval,
      timeout: spec.timeout,
      ...(secretName === undefined ? {} : { secretRef: { name: secretName as Text } }),
    },
  };
}

function imageUpdateAutomation<Text>(
  spec: AutomationSpec<Text>,
  mode: CommittingAutomation,
): ImageUpdateAutomation<Text> {
  const { branch, promotionBranch, author, path } = spec.configRepository;
  return {
    apiVersion: "image.toolkit.fluxcd.io/v1",
    kind: "ImageUpdateAutomation",
    metadata: {
      name: stackObjectName(spec.stack, mode),
      namespace: spec.authorityNamespace,
      labels: { [label.stack]: spec.stack },
    },
    spec: {
      interval: spec.interval,
      sourceRef: { kind: "GitRepository", name: stackObjectName(spec.stack) },
      git: {
        checkout: { ref: { branch } },
        commit: { author, messageTemplate: messageTemplate(spec.stack) },
        push: { branch: mode === "auto" ? branch : promotionBranch },
      },
      policySelector: { matchLabels: { [label.stack]: spec.stack, [label.automation]: mode } },
      // The one file, and not its folder: in a folder Flux would write every file that carries a marker.
      update: { strategy: "Setters", path: posix.join(path, stackFilePath(spec.stack)) },
    },
  };
}
