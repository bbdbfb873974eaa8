/** The issue about releases that Flux has found for a stack and that break the promise: they get no pull request. */
import { printableLines } from "../config/printable";
import type { GitHost } from "../git-host/git-host";
import { GitHostError } from "../git-host/host-error";
import { closeIssue, fenced, lastPart, writeIssue, type Written } from "../git-host/own-texts";
import type { TenantPromotion } from "./tenant-branches";

/** What was done with the issue. */
export interface PromotionIssue {
  readonly state: Written | "closed" | "failed";
  readonly number: number | null;
  readonly url: string | null;
  /** Why it could not be written. */
  readonly reason: string | null;
}

/** The longest list of reasons, in characters. */
const maxReasons = 50_000;

/**
 * Opens, updates or closes the one issue of a stack. While a fact cannot be read it stays open, because a broken release may be
 * among what nobody can judge.
 *
 * @returns nothing if there is none
 */
export async function tellBroken(
  host: GitHost,
  stack: string,
  promotions: readonly TenantPromotion[],
): Promise<PromotionIssue | undefined> {
  const title = `Releases for ${stack} break the promise`;
  const blocked = promotions.flatMap((promotion) => promotion.blocked);
  const reasons = blocked.flatMap((one) => (one.cause === "broken" ? one.reasons : []));
  try {
    if (reasons.length > 0) {
      const { state, number, url } = await writeIssue(host, title, issueText(stack, reasons));
      return { state, number, url, reason: null };
    }
    if (blocked.some(({ cause }) => cause === "unread")) return undefined;
    const closed = await closeIssue(host, title, "Flux no longer proposes any of them.");
    return closed && { state: "closed", number: closed.number, url: closed.url, reason: null };
  } catch (error) {
    if (!(error instanceof GitHostError)) throw error;
    return { state: "failed", number: null, url: null, reason: error.message };
  }
}

function issueText(stack: string, reasons: readonly string[]): string {
  return [
    `Flux has found these releases for the stack \`${stack}\`. They may not run, so they get no pull request.`,
    fenced(lastPart(printableLines(reasons.join("\n")), maxReasons)),
    "The application's team makes a new release, or the platform's denies the version (`authority deny`). `authority promotions` updates " +
      "this issue, and closes it when Flux no longer proposes any of them.",
  ].join("\n\n");
}
