import { fullRepository, parseImage } from "../config/image-reference";
import { builtInDefaults, defaultAuthorityNamespace } from "../config/built-in-defaults";
import type { Tenant } from "../config/stack-config";
import { annotation, label, labelOf } from "./annotation";
import { stackObjectName } from "./automation";
import type { ComponentObject } from "./object";

/** The modes in which the cluster looks at images. */
export type EnforcedAdmission = "deny" | "audit";

/** A stack's admission policy. */
export interface ImageAdmissionArgs {
  /**
   * Part of the names, because another repository may have a stack of the same name in the cluster. Default:
   * `flux-system`.
   */
  readonly authorityNamespace?: string;
  /** The modes that the stack's tenants use. Each has one binding. Default: both. */
  readonly modes?: readonly EnforcedAdmission[];
}

/** Which images may run in a tenant's namespace. */
export interface NamespaceImages {
  /** The name of the ImageAdmission that decides. */
  readonly stack: string;
  /** What happens with other images: `deny` refuses them, `audit` warns. Default: `audit`. */
  readonly mode?: EnforcedAdmission;
  /** Repositories without tag. */
  readonly repositories: readonly string[];
}

/** What a tenant's Namespace states about images; `undefined` if the tenant's admission is `off`. */
export function namespaceImages(stack: string, tenant: Tenant): NamespaceImages | undefined {
  const { admission } = tenant;
  return admission === "off" ? undefined : { stack, mode: admission, repositories: allowedRepositories(tenant) };
}

/** The repositories whose images may run in a tenant's namespace, sorted, each in its full spelling. */
export function allowedRepositories({ images, furtherImages }: Pick<Tenant, "images" | "furtherImages">): string[] {
  return [...new Set([...images, ...furtherImages].map(fullRepository))].sort();
}

/** The labels and the annotation by which the policy finds a namespace and what it allows. */
export function admissionMarks(images: NamespaceImages | undefined): {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
} {
  if (images === undefined) return {};
  return {
    labels: {
      [label.stack]: labelOf(images.stack),
      [label.admission]: images.mode ?? builtInDefaults.images.admission,
    },
    annotations: { [annotation.allowedImages]: images.repositories.map(fullRepository).join("\n") },
  };
}

/** The policy first, then its bindings. Without a mode: nothing. */
export function imageAdmissionObjects(
  stack: string,
  { authorityNamespace = defaultAuthorityNamespace, modes = ["deny", "audit"] }: ImageAdmissionArgs = {},
): ComponentObject[] {
  if (modes.length === 0) return [];
  const apiVersion = "admissionregistration.k8s.io/v1";
  const metadata = (part: string) => ({
    name: `${stackObjectName(labelOf(stack), part)}.${authorityNamespace}`,
    labels: { [label.stack]: labelOf(stack) },
  });
  const policy = {
    apiVersion,
    kind: "ValidatingAdmissionPolicy",
    metadata: metadata("images"),
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        namespaceSelector: { matchLabels: { [label.stack]: labelOf(stack) } },
        resourceRules: Object.entries(judgedByGroup).map(([apiGroup, kinds]) => ({
          apiGroups: [apiGroup],
          apiVersions: ["v1"],
          operations: ["CREATE", "UPDATE"],
          resources: kinds.flatMap(resourcesOf),
        })),
      },
      variables: Object.entries(variables).map(([name, expression]) => ({ name, expression })),
      validations: [
        {
          expression: "size(variables.refused) == 0",
          // With the default, `Invalid`, kubectl prints `is invalid: : ...`.
          reason: "Forbidden",
          message: "An image is not of a repository that this tenant declares.",
          messageExpression,
        },
      ],
    },
  };
  const bindings = modes.map((mode) => ({
    apiVersion,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: metadata(`images-${mode}`),
    spec: {
      policyName: policy.metadata.name,
      matchResources: { namespaceSelector: { matchLabels: { [label.admission]: mode } } },
      validationActions: mode === "deny" ? ["Deny"] : ["Warn", "Audit"],
    },
  }));
  return [{ object: policy }, ...bindings.map((object) => ({ object, dependsOn: policy }))];
}

/** Pods, and everything with a pod template, so that Helm fails at once with the reason. By API group, all of version `v1`. */
const judgedByGroup: Readonly<Record<string, readonly string[]>> = {
  "": ["Pod", "PodTemplate", "ReplicationController"],
  apps: ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"],
  batch: ["CronJob", "Job"],
};

/** A debug container is added through a resource of its own. */
function resourcesOf(kind: string): string[] {
  return kind === "Pod" ? ["pods", "pods/ephemeralcontainers"] : [`${kind.toLowerCase()}s`];
}

const containerLists = ["containers", "initContainers", "ephemeralContainers"] as const;

const containersOf = containerLists.map((list) => `spec.?${list}.orValue([])`).join(" + ");

/** In CEL, each uses those before it. `podSpecOf` and the functions below are the same rules in TypeScript. */
const variables = {
  tenant: `namespaceObject.metadata.labels[?'${label.tenant}'].orValue('')`,
  // Without the annotation nothing is allowed.
  allowed: `namespaceObject.metadata.?annotations[?'${annotation.allowedImages}'].orValue('').split('\\n').filter(line, line != '')`,
  // The pod specs after and before the request.
  specs: `[object, oldObject].map(whole, whole == null ? dyn({})
  : whole.kind == 'Pod' ? whole.spec
  : whole.kind == 'PodTemplate' ? whole.template.spec
  : whole.kind == 'CronJob' ? whole.spec.jobTemplate.spec.template.spec
  : whole.spec.?template.?spec.orValue(dyn({})))`,
  images: `variables.specs.map(spec,
  (${containersOf}).map(container, container.?image.orValue(''))
  + spec.?volumes.orValue([]).map(volume, volume.?image.?reference.orValue('')))`,
  // What ran before may still be labelled, finish and be deleted: each of these updates the object.
  added: "variables.images[0].filter(image, image != '' && !(image in variables.images[1]))",
  refused: `variables.added.filter(image, ![image.find('^(.*/)?[^/:@]*')].exists(name,
  (!name.matches('^([^/]*[.:A-Z][^/]*|localhost)/') ? (name.contains('/') ? 'docker.io/' : 'docker.io/library/') + name
  : name.matches('^(index\\\\.)?docker\\\\.io/[^/]*$') ? 'docker.io/library/' + name.substring(name.indexOf('/') + 1)
  : name.startsWith('index.docker.io/') ? name.substring(6)
  : name) in variables.allowed))`,
} as const;

/**
 * The API server accepts a message of one line and at most 5 KiB, and shows another one instead of a longer one. An image
 * may be any text.
 */
const messageExpression = `['Tenant ' + variables.tenant + ' may not run ' + variables.refused.map(image,
  image.matches('^[!-~]{1,400}$') ? image : 'an image whose reference is not valid').join(', '),
 'Allowed in namespace ' + request.namespace + ': '
  + (size(variables.allowed) == 0 ? 'none' : variables.allowed.join(', '))
].map(part, size(part) > 2000 ? part.substring(0, 2000) + ' ...' : part).join('. ') + '.'`;

/** The kinds that the policy judges, as the API lists them. */
export const judgedKinds = Object.entries(judgedByGroup).flatMap(([group, kinds]) =>
  kinds.map((kind) => ({ apiVersion: group === "" ? "v1" : `${group}/v1`, kind })),
);

/** The fields of a pod spec that name images. */
interface PodSpec extends Partial<Record<(typeof containerLists)[number], readonly { readonly image?: string }[]>> {
  readonly volumes?: readonly { readonly image?: { readonly reference?: string } }[];
}

/** The images of a pod or of an object with a pod template that are of no allowed repository: what `deny` would refuse. */
export function refusedImages(object: WithPods, allowed: readonly string[]): string[] {
  const spec = podSpecOf(object);
  const images = [
    ...containerLists.flatMap((list) => (spec[list] ?? []).map(({ image }) => image)),
    ...(spec.volumes ?? []).map(({ image }) => image?.reference),
  ];
  const refused = images.filter((image) => image && !allowed.includes(parseImage(image).repository)) as string[];
  return [...new Set(refused)];
}

/** One of the {@link judgedKinds}. */
export interface WithPods {
  readonly kind?: string;
  readonly spec?: unknown;
  readonly template?: unknown;
}

interface Template {
  readonly template?: { readonly spec?: PodSpec };
  readonly jobTemplate?: { readonly spec?: Template };
}

function podSpecOf(object: WithPods): PodSpec {
  if (object.kind === "Pod") return object.spec ?? {};
  const holder = (object.kind === "PodTemplate" ? object : (object.spec ?? {})) as Template;
  return (object.kind === "CronJob" ? holder.jobTemplate?.spec : holder)?.template?.spec ?? {};
}
