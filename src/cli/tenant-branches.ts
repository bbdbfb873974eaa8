import { existsSync } from "node:fs";
import { join } from "node:path";
import { printable, shortSubject } from "../config/printable";
import type { ConfigRepository, StackConfig, Tenant } from "../config/stack-config";
import type { ConfigFiles, StackFile } from "../config/stack-file";
import type { DecidingCommit } from "../release/decision-history";
import type { Evidence } from "../release/evidence";
import { lockFile, lockText } from "../release/lock";
import { notAllowed } from "../version/range";
import { versionOfTag } from "../version/version";
import { type Decision, messageOf } from "./decision";
import { type JudgedRelease, judgeReleaseBy, promotionTitle, type PromotionSources } from "./promote";
import { branchTrailer, candidates, isOwn, notProposed, personText, tagIn } from "./promotion-branch";
import type { BranchUpdate, PromotionRepository, Tip, TreeChanges } from "./promotion-repository";
import type { Session } from "./session";
import { filesByTenant, renderOfTenant } from "./tenant-render";

/** The promotion of one tenant. */
export interface TenantPromotion {
  readonly stack: string;
  readonly tenant: string;
  readonly branch: string;
  /** `edited`: others have changed the branch, so it stays. `blocked`: there is none, and no release may run. */
  readonly state: "created" | "updated" | "unchanged" | "deleted" | "edited" | "blocked";
  /** The tags, as the stack file has them. */
  readonly from: string | null;
  readonly to: string | null;
  /** The subject of the commit. */
  readonly title: string | null;
  readonly commit: string | null;
  /** What was judged. */
  readonly evidence: Evidence | null;
  /** Why the branch is deleted, or left as it is. */
  readonly reason: string | null;
  /** What Flux or the branch proposes, and may not run. */
  readonly blocked: readonly BlockedVersion[];
  /** The commit by which a person has taken the proposed version back. */
  readonly takenBack: TakenBack | null;
  /** Whether the Git host has the branch in this state. */
  readonly pushed: boolean;
}

/** A version that may not run. */
export interface BlockedVersion {
  readonly version: string;
  /** `broken`: the release breaks the promise. `not-allowed`: the tenant's policy excludes it. `unread`: nobody can tell now. */
  readonly cause: "broken" | "not-allowed" | "unread";
  readonly reasons: readonly string[];
}

/** A commit that took a version back. */
export interface TakenBack {
  readonly commit: string;
  readonly by: string;
  /** `YYYY-MM-DD`. */
  readonly day: string;
  readonly subject: string;
}

/** What a person has to know before a version is promoted again. */
export function takenBackText(tag: string | null, { commit, by, day, subject }: TakenBack): string {
  return (
    `${printable(by)} took ${String(tag)} back on ${day} in ${commit.slice(0, 10)} (${JSON.stringify(shortSubject(subject))}). ` +
    "To merge this branch is a decision to run it again."
  );
}

/** The main branch, written into a folder: what judges, and what the branches are built from. */
export interface MainBranch {
  readonly commit: string;
  readonly files: ConfigFiles;
  readonly config: StackConfig;
  readonly sources: PromotionSources;
  readonly lockText: string;
}

/** What a push does to a tenant's branch. */
export function updateOf({ branch, state, commit }: TenantPromotion, tips: ReadonlyMap<string, Tip>): BranchUpdate[] {
  if (state !== "created" && state !== "updated" && state !== "deleted") return [];
  return [{ branch, from: tips.get(branch)?.id, to: state === "deleted" ? undefined : (commit ?? undefined) }];
}

/** The branches of a stack's tenants, as they are and as they are to be. */
export class TenantBranches {
  readonly #automation: string;
  #rendered?: ReadonlyMap<string, readonly string[]>;

  constructor(
    private readonly repository: PromotionRepository,
    private readonly main: MainBranch,
    private readonly place: {
      readonly folder: string;
      readonly tips: ReadonlyMap<string, Tip>;
      readonly author: ConfigRepository["author"];
      readonly scratch: string;
    },
    private readonly session: Session,
  ) {
    this.#automation = personText(place.author);
  }

  /**
   * @param flux the stack file of Flux's branch, of which only tags are taken
   * @param findBacks where people have gone back from the tags of these tenants, by tenant
   */
  async all(
    flux: StackFile | undefined,
    findBacks: (tenants: readonly Tenant[]) => Promise<ReadonlyMap<string, Back>>,
  ): Promise<TenantPromotion[]> {
    const { folder, tips } = this.place;
    const { tenants } = this.main.config;
    const judged = await Promise.all(
      tenants.map(async (tenant) => ({ tenant, ...(await this.#judge(tenant, tagIn(flux, tenant.name))) })),
    );
    const proposed = judged.flatMap(({ tenant, proposal }) => (proposal ? [{ ...tenant, tag: proposal.tag }] : []));
    const backs = await findBacks(proposed);
    const results: TenantPromotion[] = [];
    for (const { tenant, ...one } of judged) {
      const result = await this.#promotion(tenant, one, backs.get(tenant.name));
      if (result !== undefined) results.push(result);
    }
    const known = new Set(tenants.map(({ name }) => `${folder}/${name}`));
    const gone = [...tips.keys()].filter((branch) => !known.has(branch));
    return [...results, ...gone.map((branch) => this.#goneBranch(branch))];
  }

  #ownTip(branch: string): Tip | undefined {
    const tip = this.place.tips.get(branch);
    return tip !== undefined && isOwn(tip, branch, this.#automation) ? tip : undefined;
  }

  /** The newest of what Flux and the tenant's branch propose that may run. */
  async #judge(tenant: Tenant, fluxTag: string | undefined): Promise<Judged> {
    if (notProposed(tenant) !== undefined) return { blocked: [] };
    const ownTag = this.#ownTip(`${this.place.folder}/${tenant.name}`)?.trailers.To;
    const blocked: BlockedVersion[] = [];
    if (fluxTag !== undefined && versionOfTag(fluxTag, tenant.prefix.image) === undefined) {
      const place = `${this.main.config.stack}/${tenant.name}`;
      const reason = `${place}: Flux's branch has the tag ${JSON.stringify(fluxTag.slice(0, 128))}, which is not a version`;
      blocked.push({ version: fluxTag.slice(0, 128), cause: "broken", reasons: [reason] });
    }
    for (const version of candidates(tenant, [fluxTag, ownTag])) {
      const { config, sources } = this.main;
      const tag = tenant.prefix.image + version;
      const fault = notAllowed(tenant.policy, version);
      if (fault !== undefined) {
        const reasons = [`${config.stack}/${tenant.name}: not allowed`, `  - the version ${version} ${fault}`];
        blocked.push({ version, cause: "not-allowed", reasons });
        continue;
      }
      const judged = await judgeReleaseBy({ ...this.main, tenant }, tag, sources);
      if ("release" in judged) {
        const title = promotionTitle(config.stack, tenant, tag);
        const trailers = { From: tenant.tag, To: tag };
        // Texts only: parsed stack files of many tenants would fill the memory.
        const proposal = { tag, title, trailers, evidence: judged.release.evidence, changes: this.#changes(judged) };
        return { proposal, blocked };
      }
      blocked.push({ version, cause: judged.isUnread ? "unread" : "broken", reasons: judged.reasons });
    }
    return { blocked };
  }

  async #promotion(
    tenant: Tenant,
    { proposal, blocked }: Judged,
    back: Back | undefined,
  ): Promise<TenantPromotion | undefined> {
    const { folder, tips, author, scratch } = this.place;
    const branch = `${folder}/${tenant.name}`;
    const tip = tips.get(branch);
    const own = this.#ownTip(branch);
    const ownTag = own?.trailers.To ?? null;
    const nothing = { ...this.#empty(branch, tenant.name), from: tenant.tag ?? null, blocked };
    if (tip !== undefined && own === undefined) return { ...nothing, ...edited, commit: tip.id };
    if (proposal === undefined) {
      if (own === undefined) return blocked.length === 0 ? undefined : { ...nothing, state: "blocked" };
      if (blocked.some(({ cause }) => cause === "unread")) {
        const reason = "a fact of its release cannot be read now";
        return { ...nothing, state: "unchanged", to: ownTag, commit: own.id, reason };
      }
      return { ...nothing, state: "deleted", to: ownTag, reason: deletionReason(tenant, ownTag, blocked.length > 0) };
    }
    const { tag, title, evidence } = proposal;
    const parent = this.main.commit;
    const tree = await this.repository.tree(parent, proposal.changes, scratch);
    const takenBack = back === undefined ? null : takenBackOf(back);
    const result = { ...nothing, to: tag, title, evidence, takenBack };
    if (own?.tree === tree && own.parents[0] === parent) return { ...result, state: "unchanged", commit: own.id };
    const trailers = { ...proposal.trailers, [branchTrailer]: branch };
    const body = takenBack === null ? [] : [takenBackText(tag, takenBack)];
    const message = messageOf(this.main.config.stack, { title, body, tenants: [tenant.name], trailers });
    const commit = await this.repository.commit({ tree, parent, message }, author);
    return { ...result, state: own === undefined ? "created" : "updated", commit };
  }

  /** What the commit changes, by path from the top of the repository. */
  #changes({ file, lock: next, release }: Decided): TreeChanges {
    const { config, lockText: lock } = this.main;
    const changes = new Map<string, string | undefined>([[file.path, file.text]]);
    if (next !== undefined) changes.set(lockFile, lockText(lock, next));
    const { delivery } = config;
    // Without a folder on the main branch, it is not committed, or nobody has rendered yet.
    if (delivery.kind === "manifests" && existsSync(join(config.root, delivery.directory))) {
      this.session.requireOneVersion();
      this.#rendered ??= filesByTenant(join(config.root, delivery.directory));
      for (const change of renderOfTenant(config, delivery.directory, release, this.#rendered)) changes.set(...change);
    }
    return new Map([...changes].map(([path, content]) => [this.repository.folder + path, content]));
  }

  #goneBranch(branch: string): TenantPromotion {
    const tenant = branch.slice(this.place.folder.length + 1);
    const own = this.#ownTip(branch);
    const nothing = this.#empty(branch, tenant);
    if (own === undefined) return { ...nothing, ...edited, commit: this.place.tips.get(branch)?.id ?? null };
    const reason = `the stack ${this.main.config.stack} has no tenant ${tenant}`;
    return { ...nothing, state: "deleted", to: own.trailers.To ?? null, reason };
  }

  #empty(branch: string, tenant: string): Omit<TenantPromotion, "state"> {
    const { stack } = this.main.config;
    const unknown = { from: null, to: null, title: null, commit: null, evidence: null, reason: null };
    return { stack, tenant, branch, ...unknown, blocked: [], takenBack: null, pushed: false };
  }
}

type Decided = Extract<JudgedRelease, { release: unknown }>;

/** A release that may run, and the commit that decides it. */
interface Proposal {
  readonly tag: string;
  readonly title: string;
  readonly trailers: Decision["trailers"];
  readonly evidence: Evidence;
  readonly changes: TreeChanges;
}

interface Judged {
  /** Absent: nothing that is proposed may run. */
  readonly proposal?: Proposal;
  readonly blocked: readonly BlockedVersion[];
}

/** The decision by which a person took a version back. */
type Back = Pick<DecidingCommit, "commit" | "at" | "author" | "subject">;

function takenBackOf({ commit, at, author, subject }: Back): TakenBack {
  return { commit, by: author.name, day: new Date(at).toISOString().slice(0, 10), subject };
}

const edited = {
  state: "edited",
  reason: "its last commit is not the one that `authority promotions` made; delete the branch to have it made again",
} as const;

function deletionReason(tenant: Tenant, to: string | null, isBlocked: boolean): string {
  if (to === tenant.tag) return `the main branch has ${to}`;
  return (
    notProposed(tenant) ?? (isBlocked ? "no release may run" : `the main branch has moved on to ${String(tenant.tag)}`)
  );
}
