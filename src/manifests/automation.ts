import { posix } from "node:path";
import {
  defaultAuthorityNamespace,
  defaultConfigRepository,
  defaultIntervals,
  defaultPromotionBranch,
  defaultTimeouts,
} from "../config/built-in-defaults";
import { stackFilePath } from "../config/stack-file";
import { label } from "./annotation";
import { type ComponentObject, secretRef } from "./object";
import type { Automation } from "./release-policy";

/** The modes in which Flux commits. */
export type CommittingAutomation = Exclude<Automation, "manual">;

/** Where Flux commits the versions that it moves, and in which modes. */
export interface UpdateAutomationArgs<Text = string> {
  /** The namespace of the objects. Default: `flux-system`. */
  readonly authorityNamespace?: string;
  /** The repository that Flux commits to. */
  readonly configRepository: ConfigRepositoryArgs;
  /** The modes that the stack's tenants use. Each has one ImageUpdateAutomation. */
  readonly modes: readonly CommittingAutomation[];
  /** How often Flux checks for something to commit, a Go duration. Default: `5m0s`. */
  readonly interval?: Text;
  /** How long Flux waits for the Git host, a Go duration. Default: `1m0s`. */
  readonly timeout?: Text;
}

/** The repository whose stack file Flux changes. */
export interface ConfigRepositoryArgs {
  /** Its address, without credentials. */
  readonly url: string;
  /** The branch that `auto` commits to. Default: `main`. */
  readonly branch?: string;
  /** The branch that `pull-request` commits to. Default: `promotions/<stack>`. */
  readonly promotionBranch?: string;
  /** The folder of `Pulumi.<stack>.yaml`. Default: `.`, the top of the repository. */
  readonly path?: string;
  /** A Secret in the authority namespace with the credentials to push. Default: none. */
  readonly secretName?: string;
  /** The author of the commits. Default: `Shared Authority`, `shared-authority@localhost`. */
  readonly author?: { readonly name: string; readonly email: string };
}

/** The name of an object of the whole stack: `shared-authority-prod`, `shared-authority-prod-auto`. */
export function stackObjectName(stack: string, automation?: string): string {
  return ["shared-authority", stack, automation].filter((part) => part !== undefined).join("-");
}

/** The source of the shared repository, and one automation for each mode in use. Without a mode: nothing. */
export function automationObjects<Text = string>(stack: string, args: UpdateAutomationArgs<Text>): ComponentObject[] {
  const { authorityNamespace = defaultAuthorityNamespace, modes, interval = defaultIntervals.automation } = args;
  const {
    url,
    branch = defaultConfigRepository.branch,
    promotionBranch = defaultPromotionBranch(stack),
    path = defaultConfigRepository.path,
    secretName,
    author = defaultConfigRepository.author,
  } = args.configRepository;
  if (modes.length === 0) return [];
  const source = stackObjectName(stack);
  const metadata = (name: string) => ({ name, namespace: authorityNamespace, labels: { [label.stack]: stack } });
  const objects = [
    {
      apiVersion: "source.toolkit.fluxcd.io/v1",
      kind: "GitRepository",
      metadata: metadata(source),
      spec: {
        url,
        ref: { branch },
        interval,
        timeout: args.timeout ?? defaultTimeouts.source,
        ...secretRef(secretName),
      },
    },
    ...modes.map((mode) => ({
      apiVersion: "image.toolkit.fluxcd.io/v1",
      kind: "ImageUpdateAutomation",
      metadata: metadata(stackObjectName(stack, mode)),
      spec: {
        interval,
        sourceRef: { kind: "GitRepository", name: source },
        git: {
          checkout: { ref: { branch } },
          commit: { author, messageTemplate: messageTemplate(stack) },
          push: { branch: mode === "auto" ? branch : promotionBranch },
        },
        policySelector: { matchLabels: { [label.stack]: stack, [label.automation]: mode } },
        // The stack file only: given a folder, Flux writes every file in it that has a marker.
        update: { strategy: "Setters", path: posix.join(path, stackFilePath(stack)) },
      },
    })),
  ];
  return objects.map((object) => ({ object }));
}

/**
 * A Go template, with the functions of Sprig. `Setter` is the marker of a changed line:
 * `<authority namespace>:<tenant>:<field>`.
 */
function messageTemplate(stack: string): string {
  const tenant = '{{ index (splitList ":" .Setter) 1 }}';
  return [
    '{{- $tags := list }}{{ range .Changed.Changes }}{{ if hasSuffix ":tag" .Setter }}{{ $tags = append $tags . }}{{ end }}{{ end -}}',
    `{{ if not $tags }}Change image digests in ${stack}`,
    `{{- else if gt (len $tags) 1 }}Promote {{ len $tags }} tenants in ${stack}`,
    `{{- else }}{{ with first $tags }}Promote ${tenant} from {{ .OldValue }} to {{ .NewValue }} in ${stack}{{ end }}`,
    "{{- end }}",
    "",
    `{{ range .Changed.Changes }}- ${tenant}: {{ .OldValue }} -> {{ .NewValue }}`,
    "{{ end }}",
  ].join("\n");
}
