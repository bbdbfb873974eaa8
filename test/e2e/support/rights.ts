import { ApiError, type ApiRequest, type Cluster } from "../../lab/cluster";

/** A rule of a user's effective permissions. */
export interface Right {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** All permissions of the client's user in a namespace, sorted. */
export async function rightsIn(cluster: Cluster, namespace: string): Promise<Right[]> {
  const body = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    spec: { namespace },
  };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  const { status } = (await cluster.request({ method: "POST", path, body })) as {
    status: { resourceRules: Right[]; nonResourceRules: Right[] };
  };
  const text = (right: Right) => JSON.stringify(right);
  return [...status.resourceRules, ...status.nonResourceRules].sort((a, b) => text(a).localeCompare(text(b)));
}

/** Whether the client's user has a permission, as `kubectl auth can-i` reports. */
export async function mayDo(
  cluster: Cluster,
  what: { readonly verb: string; readonly group?: string; readonly resource: string; readonly namespace?: string },
): Promise<boolean> {
  const { status } = (await cluster.request({
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: what },
    },
  })) as { status: { allowed: boolean } };
  return status.allowed;
}

/** The HTTP status of a rejected request, or 0 if the request succeeds. */
export async function refusalOf(cluster: Cluster, request: ApiRequest): Promise<number> {
  try {
    await cluster.request(request);
    return 0;
  } catch (error) {
    if (error instanceof ApiError) return error.status;
    throw error;
  }
}
