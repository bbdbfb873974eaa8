import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { printableSentence } from "../config/printable";
import { withScratchFolder } from "../release/scratch-folder";
import { currentConditions } from "./flux-conditions";
import { stateOf } from "./helm-release-state";
import type { NotRunning } from "./release-watch";

/** The environment variable with the file in which the program notes for a running `authority up` what does not run. */
const failedVariable = "SHARED_AUTHORITY_FAILED";

/** A release that does not run, as `authority up` gets to know it. */
export interface FailedRelease {
  /** The tenant's name in the cluster. */
  readonly tenant: string;
  /** Why it says nothing about the version that was deployed, in a few words. Absent: Flux has tried that version, and it failed. */
  readonly doubt?: string;
  /** Flux's conditions, one sentence each. */
  readonly conditions: readonly string[];
}

/**
 * What a release that does not run says about its version.
 *
 * @param isKnown whether what ran before this `up` is known
 */
export function failedRelease(tenant: string, failure: NotRunning, isKnown: boolean): FailedRelease {
  const { live } = failure;
  const conditions = (live === undefined ? [] : currentConditions(live))
    .filter(({ type, status }) => ["Ready", "Released", "Remediated", "Stalled"].includes(type) && status !== "Unknown")
    .map(({ type, status, reason = "", message = "" }) =>
      printableSentence(`${type}=${status} ${reason}: ${message.trim().replace(/\s+/g, " ")}`),
    );
  return { tenant, doubt: doubtOf(failure, isKnown), conditions };
}

function doubtOf({ live, isChanged, error }: NotRunning, isKnown: boolean): string | undefined {
  if (error !== undefined || !isKnown) return "cannot read what runs in the cluster";
  if (!isChanged) return "this `up` did not change it, and it failed before";
  if (live?.spec?.suspend === true) return "somebody has suspended it";
  return stateOf(live) === "pending" ? "Flux had not tried it before the timeout" : undefined;
}

/** Notes a release that does not run, if an `authority up` asks for it. */
export function noteFailedRelease(failed: FailedRelease): void {
  const path = process.env[failedVariable] ?? "";
  if (path !== "") appendFileSync(path, `${JSON.stringify(failed)}\n`);
}

/**
 * Runs an engine whose program notes which releases do not run.
 *
 * @param run gets the environment for the engine
 */
export async function withFailedReleases<Result>(
  run: (environment: Readonly<Record<string, string>>) => Promise<Result>,
): Promise<{ readonly result: Result; readonly failed: readonly FailedRelease[] }> {
  return withScratchFolder("authority-up-", async (folder) => {
    const path = join(folder, "failed");
    const result = await run({ [failedVariable]: path });
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    return { result, failed: lines.flatMap((line) => (line === "" ? [] : (JSON.parse(line) as FailedRelease))) };
  });
}
