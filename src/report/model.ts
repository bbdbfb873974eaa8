/** What a report says, as `--format json` prints it. Texts from outside are bounded, and not escaped. */

/** The version of this shape. It is raised when a field changes its meaning or goes. */
export const reportVersion = 1;

/** `look`: nothing blocks it, and a reviewer should see why it is not `fine`. */
export type Verdict = "blocked" | "look" | "fine";

/** The report. */
export interface Report {
  readonly version: typeof reportVersion;
  readonly verdict: Verdict;
  readonly base: Revision;
  readonly head: Revision;
  /** Problems in the files, each in one sentence. A stack with problems is not compared. */
  readonly problems: readonly string[];
  readonly stacks: readonly StackReport[];
  /** What changes in `Pulumi.yaml`. */
  readonly project: readonly Change[];
  /** The other files of the project that change: code, pipelines, documents. */
  readonly files: Listed;
}

/** One side of the comparison. */
export interface Revision {
  /** As it was given. `null`: the work tree. */
  readonly name: string | null;
  /** The commit; of a work tree, the one that it is based on. */
  readonly commit: string;
}

/** The beginning of a list, and how many more there are. */
export interface Listed<Item = string> {
  readonly shown: readonly Item[];
  readonly more: number;
}

/** A stack in which something changes. */
export interface StackReport {
  readonly stack: string;
  /** The tenants that change, by name. */
  readonly tenants: readonly TenantReport[];
  /** How many tenants do not change. */
  readonly unchanged: number;
  /** What changes in the stack file outside of its tenants. */
  readonly settings: readonly Change[];
  /** What blocks the stack as a whole. */
  readonly blocks: readonly Block[];
  /** What a reviewer should know, one sentence each. */
  readonly notes: readonly string[];
}

/** A tenant that changes. */
export interface TenantReport {
  readonly tenant: string;
  readonly change: "added" | "changed" | "removed";
  readonly verdict: Verdict;
  /** What is decided at the base, and at the head. */
  readonly from: Decided | null;
  readonly to: Decided | null;
  /** What a reviewer should know first, one sentence each. */
  readonly notes: readonly string[];
  /** What blocks it, with the fix. */
  readonly blocks: readonly Block[];
  /** A page of the application's Git host that compares the two releases. */
  readonly compare: string | null;
  readonly commits: Commits | null;
  /** What changes in the merged special config. */
  readonly values: Listed<Change>;
  /** What the platform changes: quota, policy, pin, hold. */
  readonly settings: Listed<Change>;
  readonly chart: Chart | null;
  /** The images of the chart as it would be rendered. */
  readonly images: readonly Image[];
  /** The objects of ours that would be deleted, such as `GitRepository flux-system/podinfo-6.14.0`. */
  readonly deleted: readonly string[];
}

/** What runs by one side's decision. */
export interface Decided {
  /** The image tag; where a branch is followed without one, what is followed. */
  readonly shown: string;
  readonly tag: string | null;
  readonly gitTag: string | null;
  readonly commit: string | null;
  readonly chart: string;
  readonly chartVersion: string | null;
  readonly appVersion: string | null;
  readonly chartDigest: string | null;
  readonly images: readonly { readonly reference: string; readonly digest: string | null }[];
  /** Where the evidence comes from. `none`: it cannot be read. */
  readonly source: "lock" | "read" | "none";
}

/** A policy, or the promise, that keeps it from being deployed. */
export interface Block {
  /** The policy's name; `promise` for facts of the release. */
  readonly policy: string;
  readonly isAdvisory: boolean;
  /** What is wrong and how to fix it, in lines. */
  readonly message: string;
}

/** A value that changes. */
export interface Change {
  /** Such as `resources.limits.memory`. */
  readonly path: string;
  /** `null`: it is new. */
  readonly before: string | null;
  /** `null`: it goes. */
  readonly after: string | null;
  /** Whether the two texts are hidden: the name or the value looks like a credential. */
  readonly isHidden: boolean;
}

/** The application's commits between the two releases, the newest first. */
export interface Commits {
  /** Whether the newer release loses them: the version goes back. */
  readonly areTakenBack: boolean;
  readonly shown: readonly { readonly commit: string; readonly author: string; readonly subject: string }[];
  readonly more: number;
  /** Why they cannot be read, in one sentence. */
  readonly unread: string | null;
}

/** What changes in the objects of the rendered chart. */
export interface Chart {
  readonly objects: Listed<ObjectChange>;
  /** Objects of which only the labels change that hold a version. */
  readonly relabelled: readonly string[];
  /** How many objects are the same. */
  readonly unchanged: number;
  /** What was not known when the chart was rendered. */
  readonly notes: readonly string[];
  /** Why the chart was not rendered, in one sentence. */
  readonly unread: string | null;
}

/** One object of the chart. */
export interface ObjectChange {
  /** Such as `Deployment podinfo`. */
  readonly object: string;
  readonly change: "added" | "changed" | "removed";
  /** The hunks of a unified diff; a large one is cut. */
  readonly diff: string;
  /** How many lines were cut off. */
  readonly cut: number;
}

/** An image of the rendered chart. */
export interface Image {
  readonly image: string;
  readonly isNew: boolean;
  /** `release`: the release's. `also`: of a declared repository. The others are none that is declared. */
  readonly verdict: "release" | "also" | "other-tag" | "undeclared";
}
