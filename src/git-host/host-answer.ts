/** What a Git host's answer says: a rate limit, how long to wait, where the next page is, and texts. */
import * as z from "zod";
import type { HttpAnswer, HttpHeaders } from "../release/http";

/**
 * Whether an answer refuses for a rate limit. GitHub answers 403 or 429, for its secondary limits with nothing but a
 * message; GitLab answers 429.
 */
export function isLimited({ status, headers, body }: Pick<HttpAnswer, "status" | "headers" | "body">): boolean {
  if (status === 429) return true;
  if (status !== 403) return false;
  return (
    headers["retry-after"] !== undefined || isUsedUp(headers) || /secondary rate limit/i.test(body.toString("utf8"))
  );
}

/** The milliseconds that a host asks to wait; nothing if it asks for none. */
export function requestedWait(
  answer: Pick<HttpAnswer, "status" | "headers" | "body">,
  now: number,
): number | undefined {
  const { headers } = answer;
  const [after] = headers["retry-after"] ?? [];
  if (after !== undefined) {
    const until = /^\d+$/.test(after) ? now + Number(after) * 1000 : Date.parse(after);
    if (!Number.isNaN(until)) return Math.max(until - now, 0);
  }
  if (!isLimited(answer)) return undefined;
  const reset = Number(headers["x-ratelimit-reset"]?.[0] ?? headers["ratelimit-reset"]?.[0]);
  if (isUsedUp(headers) && Number.isFinite(reset)) return Math.max(reset * 1000 - now, 0) + 1000;
  // For a secondary limit without a time, GitHub asks for a minute.
  return 60_000;
}

function isUsedUp(headers: HttpHeaders): boolean {
  return (headers["x-ratelimit-remaining"] ?? headers["ratelimit-remaining"])?.[0] === "0";
}

/** The address of the next page: GitLab numbers it, GitHub links to it. */
export function nextPage(headers: HttpHeaders, url: URL): string | undefined {
  const [number = ""] = headers["x-next-page"] ?? [];
  if (/^\d+$/.test(number)) {
    const next = new URL(url);
    next.searchParams.set("page", number);
    return next.href;
  }
  if (headers["x-next-page"] !== undefined) return undefined;
  const links = (headers.link ?? []).join(",");
  return /<([^>]*)>[^,]*;\s*rel="?next"?/.exec(links)?.[1];
}

/** A text. Line ends are those of whoever edited it last, in a browser or through the API. */
export const answeredText = z
  .string()
  .nullable()
  .transform((given) => (given ?? "").replaceAll("\r\n", "\n"));
