import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { LimitRange } from "@pulumi/kubernetes/core/v1/limitRange";
import { Namespace } from "@pulumi/kubernetes/core/v1/namespace";
import { ResourceQuota } from "@pulumi/kubernetes/core/v1/resourceQuota";
import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy";
import { Role } from "@pulumi/kubernetes/rbac/v1/role";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding";
import type * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../src/manifests/object";

/** Each class of the SDK has argument types of its own; `never` is what all of them take. */
type KubernetesClass = new (name: string, args: never, opts: pulumi.CustomResourceOptions) => pulumi.CustomResource;

/**
 * The kinds that are Kubernetes' own, each with its class of the SDK. They are imported one by one: the whole SDK takes longer
 * to load than the rest of the program. Every other kind is a custom resource.
 */
const ownKinds = new Map<string, KubernetesClass>([
  ["v1/ConfigMap", ConfigMap],
  ["v1/LimitRange", LimitRange],
  ["v1/Namespace", Namespace],
  ["v1/ResourceQuota", ResourceQuota],
  ["v1/ServiceAccount", ServiceAccount],
  ["networking.k8s.io/v1/NetworkPolicy", NetworkPolicy],
  ["rbac.authorization.k8s.io/v1/Role", Role],
  ["rbac.authorization.k8s.io/v1/RoleBinding", RoleBinding],
]);

/**
 * Registers one object with the engine, under the name that it has in the cluster: `podinfo/deployer`, or `podinfo`
 * for a Namespace. An object that gets another name is therefore another resource, made before the old one is deleted.
 */
export function registerObject(object: KubernetesObject, opts: pulumi.CustomResourceOptions): pulumi.CustomResource {
  const { name, namespace } = object.metadata;
  const logicalName = namespace === undefined ? name : `${namespace}/${name}`;
  const kubernetesClass = ownKinds.get(`${object.apiVersion}/${object.kind}`) ?? CustomResource;
  return new kubernetesClass(logicalName, object as never, opts);
}

/** One bound for every operation on an object, a Go duration; without one the provider's own, ten minutes, holds. */
export function timeouts(waitFor: string | undefined): pulumi.CustomTimeouts | undefined {
  return waitFor === undefined ? undefined : { create: waitFor, update: waitFor, delete: waitFor };
}
