import type * as z from "zod";
import { printable } from "../config/printable";
import { type RemovedPlace, skip, type SkippedTenant, skippedVariable } from "./announce-skipped";
import { refusal } from "./refusal";

/**
 * The tenants that this `up` skips.
 *
 * @throws pulumi.RunError if no running `authority up` of this stack says so
 */
export async function skippedTenants(stack: string): Promise<readonly SkippedTenant[]> {
  return (await announced(stack)).tenants;
}

/**
 * The places that the running `authority up` deletes itself.
 *
 * @throws pulumi.RunError if no running `authority up` of this stack says so
 */
export async function removedByAuthority(stack: string): Promise<readonly RemovedPlace[]> {
  return (await announced(stack)).removed;
}

async function announced(stack: string): Promise<z.output<typeof skip>> {
  const address = process.env[skippedVariable] ?? "";
  if (address === "") return { stack, tenants: [], removed: [] };
  const { data } = skip.safeParse(await answerOf(address));
  if (data?.stack === stack) return data;
  throw refusal(
    `${skippedVariable} is "${printable(address)}", but no running \`authority up --stack ${stack}\` answers there: this ` +
      "run would delete the resources of the tenants that it skips. Unset it; `authority up` determines which tenants to skip.",
  );
}

const answerMs = 10_000;

async function answerOf(address: string): Promise<unknown> {
  if (!/^http:\/\/127\.0\.0\.1:\d+\/[\w-]+$/.test(address)) return undefined;
  const answer = await fetch(address, { signal: AbortSignal.timeout(answerMs) }).catch(() => undefined);
  return answer?.ok === true ? answer.json().catch(() => undefined) : undefined;
}
