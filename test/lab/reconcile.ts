import { randomUUID } from "node:crypto";
import type { Cluster, LiveObject, ObjectReference } from "./cluster";
import { nameOf, waitForObject, type WaitOptions } from "./wait";

/**
 * Asks Flux to look at an object now, as `flux reconcile` does, and waits until it has. "Nothing happens" can be
 * asserted after this, and not before.
 *
 * @throws WaitError where the controller does not look in time
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
    `Flux has looked at ${nameOf(reference)} again`,
    ({ status }) => status?.lastHandledReconcileAt === request,
    options,
  );
}
