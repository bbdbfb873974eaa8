import type { OpenCluster } from "./cluster-client";

/** Something that credentials may or may not do. */
export interface Right {
  readonly group: string;
  /** The plural name, such as `configmaps`. */
  readonly resource: string;
  readonly verb: string;
  /** Absent: in the whole cluster. */
  readonly namespace?: string;
}

/** Those of the rights that these credentials lack. @throws Error if the API server does not answer */
export async function lackingRights<R extends Right>(open: OpenCluster, rights: readonly R[]): Promise<R[]> {
  const { client, configuration } = open;
  const api = new client.CustomObjectsApi(configuration);
  const reviews = { group: "authorization.k8s.io", version: "v1", plural: "selfsubjectaccessreviews" };
  const allowed = await Promise.all(
    rights.map(async ({ group, resource, verb, namespace }) => {
      const spec = { resourceAttributes: { group, resource, verb, namespace } };
      const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec };
      const { status } = (await api.createClusterCustomObject({ ...reviews, body })) as AccessReview;
      return status.allowed;
    }),
  );
  return rights.filter((_, index) => !allowed[index]);
}

interface AccessReview {
  readonly status: { readonly allowed: boolean };
}
