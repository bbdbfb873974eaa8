import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as z from "zod";

/**
 * The environment variable with the address at which a running `authority up` says which tenants it skips. The variable
 * itself says nothing: whoever skips a tenant must also pass `--exclude` for its resources, or the engine deletes them.
 */
export const skippedVariable = "SHARED_AUTHORITY_SKIPPED";

const skippedTenant = z.strictObject({
  name: z.string(),
  /** Whether the stack has no resource of it yet. Then it gets none; otherwise its image policy is updated. */
  isNew: z.boolean(),
});

const removedPlace = z.strictObject({
  /** The tenant's name in the cluster. */
  tenant: z.string(),
  namespace: z.string(),
});

/** What a running `authority up` says. */
export const skip = z.strictObject({
  stack: z.string(),
  tenants: z.array(skippedTenant),
  removed: z.array(removedPlace),
});

/** A tenant that an `up` skips. */
export type SkippedTenant = Readonly<z.output<typeof skippedTenant>>;

/** A place of a tenant that is deleted because the stack file declares it. */
export type RemovedPlace = Readonly<z.output<typeof removedPlace>>;

/**
 * Tells the program of an engine that this process starts which tenants to skip, until it is closed.
 *
 * @param removed what this process deletes itself, before that engine runs or after it
 */
export async function announceSkipped(
  stack: string,
  tenants: readonly SkippedTenant[],
  removed: readonly RemovedPlace[] = [],
) {
  const path = `/${randomUUID()}`;
  const answer = JSON.stringify({ stack, tenants, removed });
  const server = createServer(({ url }, response) => {
    response.writeHead(url === path ? 200 : 404, { Connection: "close" }).end(answer);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { environment: { [skippedVariable]: `http://127.0.0.1:${port}${path}` }, close: () => server.close() };
}
