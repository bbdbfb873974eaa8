/** The pull requests of a stack's promotion branches: one per tenant and version. */
import { printable } from "../config/printable";
import type { GitHost, PullRequest } from "../git-host/git-host";
import { GitHostError } from "../git-host/host-error";
import { promotionBody, promotionMarker, pullRequestTitle, readMarker } from "./promotion-body";
import type { TenantPromotion } from "./tenant-branches";
import type { Terminal } from "./terminal";

/** What was done with the pull request of one branch. */
export interface PromotionPullRequest {
  readonly tenant: string;
  readonly branch: string;
  /** `declined`: somebody has closed it, so this version gets no other one. `failed`: the Git host refuses (`reason`). */
  readonly state: "opened" | "updated" | "unchanged" | "closed" | "declined" | "failed";
  readonly number: number | null;
  readonly url: string | null;
  /** Why it is closed, or why not what it should be. */
  readonly reason: string | null;
}

/** The label of each pull request. */
const label = "promotion";

/** The longest text, in characters. Each Git host takes it. */
const maxBody = 60_000;

/**
 * The pull requests of a stack's branches. A pull request stands for one version: when the branch gets another one, it is
 * closed and the next is opened, so that no approval carries over.
 */
export class PromotionPullRequests {
  readonly #results: PromotionPullRequest[] = [];
  /** Those that are closed for another version, by branch. */
  readonly #superseded = new Map<string, PullRequest>();

  private constructor(
    private readonly host: GitHost,
    /** The main branch. */
    private readonly base: string,
    /** The open ones by branch. */
    private readonly open: Map<string, PullRequest>,
    private readonly folder: string,
    private readonly terminal: Terminal,
  ) {}

  /** @param folder the folder of the stack's branches */
  static async read(host: GitHost, base: string, folder: string, terminal: Terminal): Promise<PromotionPullRequests> {
    terminal.step("reading the pull requests");
    const listed = (await host.openPullRequests(base)).filter(({ branch }) => branch.startsWith(`${folder}/`));
    const open = new Map(listed.map((one) => [one.branch, one]));
    return new PromotionPullRequests(host, base, open, folder, terminal);
  }

  /**
   * Closes those whose version the branch is not to have any more.
   *
   * @returns why not, for each branch whose pull request stays open: the branch must stay too
   */
  async closeOld(promotions: readonly TenantPromotion[]): Promise<ReadonlyMap<string, string>> {
    const known = new Map(promotions.map((one) => [one.branch, one]));
    for (const [branch, pullRequest] of [...this.open]) {
      const promotion = known.get(branch);
      const tenant = branch.slice(this.folder.length + 1);
      if (promotion !== undefined && hasBranch(promotion)) {
        const isSuperseded = promotion.state !== "edited" && readMarker(pullRequest)?.tag !== promotion.to;
        if (!isSuperseded) continue;
        await this.#try({ tenant, branch }, pullRequest, async () => {
          await this.#close(pullRequest, "superseded");
          this.#superseded.set(branch, pullRequest);
          return undefined;
        });
      } else {
        const reason = promotion?.reason ?? (promotion === undefined ? "its branch is gone" : "no release may run");
        await this.#try({ tenant, branch }, pullRequest, async () => {
          await this.#close(pullRequest, "closed");
          await this.host.addComment(threadOf(pullRequest), `Closed: ${printable(reason)}.`);
          return { state: "closed", reason };
        });
      }
    }
    const failed = this.#results.filter(({ state, branch }) => state === "failed" && this.open.has(branch));
    return new Map(
      failed.map(({ branch, reason }) => [branch, `its pull request cannot be closed: ${String(reason)}`]),
    );
  }

  /** Opens and updates those of the branches that the Git host has now. @returns what was done with all of them */
  async openNew(promotions: readonly TenantPromotion[]): Promise<readonly PromotionPullRequest[]> {
    for (const promotion of promotions.filter((one) => hasBranch(one) && one.pushed)) {
      const { tenant, branch } = promotion;
      const pullRequest = this.open.get(branch);
      if (this.#results.some((one) => one.branch === branch)) continue;
      await this.#try({ tenant, branch }, pullRequest, () =>
        pullRequest === undefined ? this.#open(promotion) : this.#update(pullRequest, promotion),
      );
    }
    for (const [branch, { number, url }] of this.#superseded) {
      if (this.#results.some((one) => one.branch === branch)) continue;
      const tenant = branch.slice(this.folder.length + 1);
      const reason = "its version is superseded, and the branch of the next one is not pushed";
      this.#results.push({ tenant, branch, state: "closed", number, url, reason });
    }
    return this.#results;
  }

  async #open(promotion: TenantPromotion): Promise<Done | undefined> {
    const { branch, to } = promotion;
    if (promotion.title === null) return undefined;
    const title = pullRequestTitle(promotion.title);
    const earlier = await this.host.pullRequestsFrom(branch, this.base);
    const same = earlier.find((one) => readMarker(one)?.tag === to);
    if (same?.state === "closed" && readMarker(same)?.closed === undefined) {
      const reason = `somebody has closed the pull request of ${String(to)}; open it again, or deny the version`;
      return { state: "declined", reason, pullRequest: same };
    }
    this.terminal.step(`opening the pull request of ${branch}`);
    const body = promotionBody(promotion, maxBody);
    const opened = await this.host.openPullRequest({ branch, base: this.base, title, body, label });
    const [before] = earlier;
    if (before !== undefined && readMarker(before)?.closed === "superseded") {
      const text = `${this.host.reference(opened.number)} replaces this pull request: ${title}.`;
      await this.host.addComment(threadOf(before), text);
    }
    return { state: "opened", pullRequest: opened };
  }

  async #update(pullRequest: PullRequest, promotion: TenantPromotion): Promise<Done> {
    // Somebody has changed the branch, or a fact of the release cannot be read now.
    if (promotion.title === null) return { state: "unchanged" };
    const title = pullRequestTitle(promotion.title);
    const body = promotionBody(promotion, maxBody);
    if (pullRequest.title === title && pullRequest.body.trimEnd() === body) return { state: "unchanged" };
    await this.host.changePullRequest(pullRequest.number, { title, body });
    return { state: "updated" };
  }

  async #close({ number, body, branch }: PullRequest, closed: "closed" | "superseded"): Promise<void> {
    this.terminal.step(`closing the pull request of ${branch}`);
    const marker = readMarker({ body, branch });
    const text = marker === undefined ? body : body.replace(marker.text, "");
    const next = promotionMarker(branch, marker?.tag ?? "-", closed);
    await this.host.changePullRequest(number, { body: `${text.trimEnd()}\n\n${next}`, close: true });
    this.open.delete(branch);
  }

  /** One pull request that fails does not stop the others. */
  async #try(
    place: Pick<PromotionPullRequest, "tenant" | "branch">,
    pullRequest: PullRequest | undefined,
    act: () => Promise<Done | undefined>,
  ): Promise<void> {
    let done: Done | undefined;
    try {
      done = await act();
    } catch (error) {
      if (!(error instanceof GitHostError)) throw error;
      done = { state: "failed", reason: error.message };
    }
    if (done === undefined) return;
    const { number = null, url = null } = done.pullRequest ?? pullRequest ?? {};
    this.#results.push({ ...place, state: done.state, number, url, reason: done.reason ?? null });
  }
}

interface Done extends Pick<PromotionPullRequest, "state"> {
  readonly reason?: string | null;
  readonly pullRequest?: PullRequest;
}

/** Whether the promotion has a branch after the push. */
function hasBranch({ state }: TenantPromotion): boolean {
  return state !== "deleted" && state !== "blocked";
}

function threadOf({ number }: PullRequest): { readonly kind: "pull-request"; readonly number: number } {
  return { kind: "pull-request", number };
}
