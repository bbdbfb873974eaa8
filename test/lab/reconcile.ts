import { randomUUID } from "node:crypto";
import type { Cluster, LiveObject, ObjectReference } from "./cluster";
import { nameOf, waitForObject, type WaitOptions } from "./wait";

/**
 * Requests a reconciliation, as `flux reconcile` does, and waits until it has been handled. A test can assert that nothing
 * changes only after this.
 *
 * @throws WaitError if the controller does not handle the request in time
 */
export async function reconcile(
  cluster: Cluster,
  reference: ObjectReference,
  options: WaitOptions = {},
): Promise<LiveObject> {
  const request = randomUUID();
  await cluster.patch(reference, { metadata: { annotations: { "reconcile.fluxcd.io/requestedAt": request } } });
  return waitForObject(
    cluster,
    reference,
    `Flux has reconciled ${nameOf(reference)}`,
    ({ status }) => status?.lastHandledReconcileAt === request,
    options,
  );
}
