import { createHmac } from "node:crypto";
import type { Context } from "mocha";
import type { Cluster, ObjectReference } from "../../lab/cluster";
import type { Lab } from "../../lab/lab";
import { waitForCondition } from "../../lab/wait";
import { skipBecause } from "../../support/tools";

/** Creates a Secret, as `kubectl create secret generic` does. */
export async function createSecret(
  cluster: Cluster,
  namespace: string,
  name: string,
  stringData: Readonly<Record<string, string>>,
): Promise<void> {
  await cluster.create({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData });
}

/** Where Flux receives webhooks. On a user's own cluster, the test is skipped. */
export function requireReceiver(context: Context, lab: Lab): string {
  return lab.receiverUrl ?? skipBecause(context, "needs an address for the cluster's webhooks");
}

/** A webhook of a Git host or registry that calls a Receiver of the type `github`. */
export class Webhook {
  private constructor(private readonly url: string) {}

  /** Waits until Flux has given the Receiver its path. @param base where Flux receives webhooks */
  static async of(cluster: Cluster, receiver: ObjectReference, base: string, lab: Lab): Promise<Webhook> {
    const { status } = await waitForCondition(cluster, receiver, { lab });
    return new Webhook(base + String(status?.webhookPath));
  }

  /** Calls, signed with the token as GitHub signs. @returns the HTTP status */
  async call(event: string, payload: object, token: string): Promise<number> {
    const body = JSON.stringify(payload);
    const response = await fetch(this.url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "x-github-event": event,
        "x-hub-signature-256": `sha256=${createHmac("sha256", token).update(body).digest("hex")}`,
      },
    });
    return response.status;
  }
}
