import { CustomResource, type CustomResourceArgs } from "@pulumi/kubernetes/apiextensions/customResource";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { LimitRange } from "@pulumi/kubernetes/core/v1/limitRange";
import { Namespace } from "@pulumi/kubernetes/core/v1/namespace";
import { ResourceQuota } from "@pulumi/kubernetes/core/v1/resourceQuota";
import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy";
import { Role } from "@pulumi/kubernetes/rbac/v1/role";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding";
import type * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../manifests/object";

type ResourceClass = new (name: string, args: object, opts: pulumi.CustomResourceOptions) => pulumi.CustomResource;

/**
 * The classes of the kinds that are Kubernetes' own. They are imported one by one: the whole SDK takes longer to load
 * than the rest of the program. Every other kind is a custom resource.
 */
const classes = new Map<string, ResourceClass>([
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
  const resourceClass = classes.get(`${object.apiVersion}/${object.kind}`);
  const logicalName = namespace === undefined ? name : `${namespace}/${name}`;
  return resourceClass === undefined
    ? new CustomResource(logicalName, object as CustomResourceArgs, opts)
    : new resourceClass(logicalName, object, opts);
}
