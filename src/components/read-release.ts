import { parseApplications } from "../config/parse-applications";
import { printable } from "../config/printable";
import { ProblemsError } from "../config/problem";
import type { Tenant } from "../config/stack-config";
import type { Evidence } from "../release/evidence";
import { createEvidenceReader } from "../release/evidence-reader";
import { expectationsOf, promiseReasons } from "../release/promise";
import { refusal } from "./refusal";

export type { BranchEvidence, Evidence, ImageEvidence } from "../release/evidence";

/** One release, and where its application publishes it. */
export interface ReadReleaseArgs {
  /** The Git repository that has the release's tag. Required for a chart in Git. Default: none. */
  readonly repository?: string;
  /** A folder of the repository, such as `./charts/podinfo`, or `oci://` and a repository without tag. */
  readonly chart: string;
  /** The image repository without tag; of several, Flux scans the first. Each must have the tag. */
  readonly image: string | readonly string[];
  /** The image tag: the version with its prefix, if it has one. */
  readonly tag: string;
  /** The text before the version in the Git tag, the chart's version and the image tag. Default: none. */
  readonly prefix?: { readonly git?: string; readonly chart?: string; readonly image?: string };
  /** Patterns of the branches that may have the release's commit. Default: `master`. */
  readonly releasedFrom?: readonly string[];
  /** Whether the registry speaks plain HTTP. For labs. Default: false. */
  readonly insecureRegistry?: boolean;
}

/** Facts that one read has are not read again. */
const reader = createEvidenceReader();

/**
 * Reads the facts of a release from Git and from the registry, with the credentials that Git and Docker have.
 *
 * @throws pulumi.RunError with all reasons: bad arguments, a fact that cannot be read, or a release that breaks the
 *   promise. So a program that awaits it deploys no such release.
 */
export async function readRelease({ tag, ...application }: ReadReleaseArgs): Promise<Evidence> {
  const tenant = { ...parse(application), tag };
  const read = await reader.readRelease(tenant);
  const reasons = "missing" in read ? read.missing : promiseReasons(read.evidence, expectationsOf(tenant));
  if ("evidence" in read && reasons.length === 0) return read.evidence;
  throw refusal([`The release ${printable(tag)} is not deployed:`, ...reasons].join("\n  "));
}

function parse(release: Omit<ReadReleaseArgs, "tag">): Tenant {
  try {
    const [tenant] = parseApplications({ release }, "the arguments of readRelease");
    if (tenant !== undefined) return tenant;
  } catch (error) {
    if (error instanceof ProblemsError) throw refusal(error.message);
    throw error;
  }
  throw new TypeError("expected one application");
}
