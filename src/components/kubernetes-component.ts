import { ValidatingAdmissionPolicy } from "@pulumi/kubernetes/admissionregistration/v1/validatingAdmissionPolicy";
import { ValidatingAdmissionPolicyBinding } from "@pulumi/kubernetes/admissionregistration/v1/validatingAdmissionPolicyBinding";
import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { LimitRange } from "@pulumi/kubernetes/core/v1/limitRange";
import { Namespace } from "@pulumi/kubernetes/core/v1/namespace";
import { ResourceQuota } from "@pulumi/kubernetes/core/v1/resourceQuota";
import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy";
import { Role } from "@pulumi/kubernetes/rbac/v1/role";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding";
import * as pulumi from "@pulumi/pulumi";
import { type ComponentObject, isProtected, type KubernetesObject } from "../manifests/object";

/** Each class of the SDK has its own argument types; `never` is assignable to all of them. */
type KubernetesClass = new (name: string, args: never, opts: pulumi.CustomResourceOptions) => pulumi.CustomResource;

/**
 * Kubernetes' own kinds, imported one by one: the whole SDK takes longer to load than the rest of the program. Every
 * other kind is a custom resource.
 */
const ownKinds = new Map<string, KubernetesClass>([
  ["v1/ConfigMap", ConfigMap],
  ["v1/LimitRange", LimitRange],
  ["v1/Namespace", Namespace],
  ["v1/ResourceQuota", ResourceQuota],
  ["v1/ServiceAccount", ServiceAccount],
  ["admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy", ValidatingAdmissionPolicy],
  ["admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding", ValidatingAdmissionPolicyBinding],
  ["networking.k8s.io/v1/NetworkPolicy", NetworkPolicy],
  ["rbac.authorization.k8s.io/v1/Role", Role],
  ["rbac.authorization.k8s.io/v1/RoleBinding", RoleBinding],
]);

/** What all components of this package have. Its children are Kubernetes objects. */
export abstract class KubernetesComponent extends pulumi.ComponentResource {
  /** The objects, in the order in which they are registered. */
  get resources(): readonly pulumi.CustomResource[] {
    return [...this.children.values()];
  }

  // With `#`, users could not compile the declarations for ES5, TypeScript 5's default.
  private readonly children = new Map<KubernetesObject, pulumi.CustomResource>();

  /**
   * @param kind the part of the type token after `shared-authority:index:`
   * @param objects the children
   * @internal
   */
  protected constructor(
    kind: string,
    name: string,
    objects: readonly ComponentObject[],
    opts: pulumi.ComponentResourceOptions | undefined,
  ) {
    super(`shared-authority:index:${kind}`, name, {}, opts);
    for (const { object, dependsOn, waitFor } of objects) {
      const resource = register(object, {
        parent: this,
        // Absent, it is inherited from the component.
        protect: isProtected(object) ? true : undefined,
        dependsOn: dependsOn && this.children.get(dependsOn),
        customTimeouts: waitFor === undefined ? undefined : { create: waitFor, update: waitFor, delete: waitFor },
      });
      this.children.set(object, resource);
    }
  }

  /**
   * The first object of one of the kinds.
   *
   * @internal
   */
  protected child(...kinds: readonly string[]): pulumi.CustomResource | undefined {
    return [...this.children].find(([{ kind }]) => kinds.includes(kind))?.[1];
  }

  /**
   * A value for those who need the object: they wait for it. Made on demand, because it rejects if the object fails.
   *
   * @internal
   */
  protected after<Value>(object: pulumi.CustomResource | undefined, value: Value): pulumi.Output<Value> {
    return object === undefined ? (pulumi.output(value) as pulumi.Output<Value>) : object.urn.apply(() => value);
  }
}

/**
 * Registers an object under its name in the cluster: `podinfo/deployer`, or `podinfo` for a Namespace. A renamed object
 * is therefore a new resource, which Pulumi creates before it deletes the old one.
 */
function register(object: KubernetesObject, opts: pulumi.CustomResourceOptions): pulumi.CustomResource {
  const { name, namespace } = object.metadata;
  const logicalName = namespace === undefined ? name : `${namespace}/${name}`;
  const kubernetesClass = ownKinds.get(`${object.apiVersion}/${object.kind}`) ?? CustomResource;
  return new kubernetesClass(logicalName, object as never, opts);
}
