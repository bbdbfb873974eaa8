/** The text of a promotion's pull request, and the hidden line by which it is found again. */
import type { PullRequest } from "../git-host/git-host";
import { fenced, lastPart } from "../git-host/own-texts";
import type { TenantPromotion } from "./tenant-branches";

/** What the hidden line of a pull request says. */
export interface PromotionMarker {
  /** The tag that it promotes to. */
  readonly tag: string;
  /** Absent: this program has not closed it. */
  readonly closed?: "closed" | "superseded";
  /** The whole line. */
  readonly text: string;
}

const marker = /<!-- shared-authority:promotion (\S+) ([\w.+-]+)(?: (closed|superseded))? -->/g;

/** The hidden line. Branch and tag have no character that ends it. */
export function promotionMarker(branch: string, tag: string, closed?: PromotionMarker["closed"]): string {
  return `<!-- shared-authority:promotion ${branch} ${tag}${closed === undefined ? "" : ` ${closed}`} -->`;
}

/** The hidden line of a pull request; nothing if it has none for its own branch. */
export function readMarker({ body, branch }: Pick<PullRequest, "body" | "branch">): PromotionMarker | undefined {
  // One before the last is quoted from a release.
  const [text, own, tag, closed] = [...body.matchAll(marker)].at(-1) ?? [];
  if (text === undefined || tag === undefined || own !== branch) return undefined;
  return { text, tag, closed: closed === "closed" || closed === "superseded" ? closed : undefined };
}

/** The title of a pull request: the commit's subject, as far as GitLab takes it. */
export function pullRequestTitle(subject: string): string {
  return subject.length > 255 ? `${subject.slice(0, 252)}...` : subject;
}

/** The text of a promotion's pull request. The report of what changes is a comment. */
export function promotionBody(promotion: TenantPromotion, maxLength: number): string {
  const { stack, tenant, branch, from, to, blocked } = promotion;
  const facts = Object.entries({ Tenant: tenant, Stack: stack, From: from ?? "-", To: to ?? "-" });
  const rows = facts.map(([name, value]) => `| ${name} | \`${value}\` |`).join("\n");
  const parts = [
    `| | |\n| --- | --- |\n${rows}`,
    "`authority promotions` has made this branch, and makes it again when the main branch moves on. When a newer version may run, it " +
      "closes this pull request and opens the next.",
  ];
  const reasons = blocked.flatMap((one) => one.reasons).join("\n");
  if (reasons !== "") {
    parts.push(`What is also proposed, and may not run:\n\n${fenced(lastPart(reasons, maxLength / 10))}`);
  }
  return [...parts, promotionMarker(branch, to ?? "-")].join("\n\n");
}
