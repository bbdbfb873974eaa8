/** What a new repository says about its first application: only what has been read and judged. */
import { branchName } from "../config/schema-kinds";
import { printable } from "../config/printable";
import { stackConfigOf } from "../config/read-stack-config";
import type { Prefix, Tenant } from "../config/stack-config";
import { parseProjectFile, parseStackFile, projectFilePath, stackFilePath } from "../config/stack-file";
import { bestPrefix, validVersions } from "../release/audit";
import type { Evidence } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import { GitError, withRepository } from "../release/git";
import { expectationsOf, promiseReasons } from "../release/promise";
import { resolveBranch } from "../release/resolve";
import { isPrerelease } from "../version/version";
import { auditRepository } from "./audit";
import { countOf } from "./count";
import type { AnsweredApplication } from "./init-answers";
import type { Files, NewApplication } from "./init-files";
import { InputError } from "./input-error";
import type { Session } from "./session";

/** An application that was read. */
export interface ReadApplication {
  readonly application: NewApplication;
  /** That of the release that staging and prod run. */
  readonly evidence?: Evidence;
  /** What was found. */
  readonly found: readonly string[];
  /** What is missing, each with its reasons on further lines. Empty if every stack runs the application. */
  readonly missing: readonly string[];
}

/** How many of the newest releases may break the promise before the search ends. */
const mostBroken = 3;

/**
 * Audits the application and judges what each stack would run.
 *
 * @param draft the files of a repository that has the application, with the template's folder
 * @throws InputError if it cannot be read
 */
export async function readApplication(
  answered: AnsweredApplication,
  draft: (application: NewApplication) => { readonly files: Files; readonly folder: string },
  session: Session,
): Promise<ReadApplication> {
  const { name, repository, chart, insecureRegistry } = answered;
  const audited = await auditRepository(
    { repository, chart, insecureRegistry, prefix: flagOf(answered.prefix) },
    session,
  );
  const prefix = answered.prefix ?? bestPrefix(audited);
  const branch = answered.branch ?? (await headOf(repository));
  const versions = validVersions(audited, prefix).filter((version) => !isPrerelease(version));
  const declared: NewApplication = {
    ...answered,
    ...{ branch, prefix, releasedFrom: answered.releasedFrom ?? [branch], inDev: !chart.startsWith("oci://") },
  };
  const tenantOf = (stack: string, version = "0.0.0"): Tenant | undefined => {
    const { files, folder } = draft({ ...declared, release: { version } });
    return tenantIn(files, folder, stack);
  };
  const reader = session.reader();
  const dev = await judgeDev(tenantOf("dev"), reader);
  if (dev.chart === undefined && !audited.tags.some(({ chartVersion }) => chartVersion !== null)) {
    throw new InputError(
      [`No readable chart at ${chart} in ${repository}. Check \`--chart\`. Nothing was written.`, ...dev.reasons].join(
        "\n  - ",
      ),
    );
  }
  const { release, evidence, reasons } = await newestRelease(versions, (version) => tenantOf("prod", version), reader);
  const title = (stacks: string) => `${name} is not in ${stacks}:`;
  return {
    application: {
      ...declared,
      inDev: declared.inDev && dev.reasons.length === 0,
      ...(release !== undefined && { release }),
    },
    ...(evidence !== undefined && { evidence }),
    found: [
      `${countOf(validVersions(audited, prefix).length, "version")} of ${countOf(audited.tags.length, "Git tag")} of ${repository} keep the promise.`,
      ...(answered.prefix === undefined ? describePrefix(prefix) : []),
      ...(release === undefined ? [] : reasons.map((reason) => `Passed over: ${reason}.`)),
    ],
    missing: [
      ...(dev.reasons.length > 0 ? [[title("Pulumi.dev.yaml"), ...dev.reasons].join("\n  - ")] : []),
      ...(release === undefined
        ? [[title("Pulumi.staging.yaml and Pulumi.prod.yaml"), ...reasons].join("\n  - ")]
        : []),
    ].map((text) => text.split("\n").map(printable).join("\n")),
  };
}

function flagOf(prefix: Prefix | undefined): string | undefined {
  return prefix && `git=${prefix.git},chart=${prefix.chart},image=${prefix.image}`;
}

function describePrefix(prefix: Prefix): string[] {
  const used = Object.entries(prefix).filter(([, text]) => text !== "");
  if (used.length === 0) return [];
  return [`With the prefixes ${used.map(([place, text]) => `${place}=${text}`).join(", ")}, its newest tag keeps it.`];
}

/**
 * The branch of the remote's HEAD. It is written into the file: a default that moves with the remote would let the
 * application's team redirect production.
 */
async function headOf(repository: string): Promise<string> {
  let head: string | undefined;
  try {
    head = await withRepository(repository, {}, (git) => git.readHead());
  } catch (error) {
    if (error instanceof GitError) throw new InputError(`${repository}: ${error.message}`);
    throw error;
  }
  if (head !== undefined && branchName().safeParse(head).success && printable(head) === head) return head;
  const what = head === undefined ? "no branch" : `${JSON.stringify(head)}, which is not the name of a branch`;
  throw new InputError(
    `The HEAD of ${repository} names ${what}. Name the branch with \`--branch\`. Nothing was written.`,
  );
}

/** The application's tenant in a stack, as `check` reads it. */
function tenantIn(files: Files, root: string, stack: string): Tenant | undefined {
  const project = parseProjectFile(files[projectFilePath] ?? "");
  return stackConfigOf({ root, project, stack: parseStackFile(stack, files[stackFilePath(stack)] ?? "") }).tenants[0];
}

/** @param tenant Absent: the chart is in a registry, which has no branch */
async function judgeDev(
  tenant: Tenant | undefined,
  reader: EvidenceReader,
): Promise<{ readonly chart?: string; readonly reasons: readonly string[] }> {
  if (tenant === undefined) {
    return {
      reasons: ["the chart is in a registry, so it is on no branch; `branchChart` says which charts dev follows"],
    };
  }
  const { evidence, reasons } = await resolveBranch(tenant, reader);
  return { ...(evidence?.chartVersion !== undefined && { chart: evidence.chartVersion }), reasons };
}

interface FoundRelease {
  readonly release?: NewApplication["release"];
  readonly evidence?: Evidence;
  /** Why there is none, or why no newer one. */
  readonly reasons: readonly string[];
}

/** The newest release whose image is there too. What cannot be read is not passed over for an older one. */
async function newestRelease(
  versions: readonly string[],
  tenantOf: (version: string) => Tenant | undefined,
  reader: EvidenceReader,
): Promise<FoundRelease> {
  const broken: string[] = [];
  for (const version of versions.slice(0, mostBroken)) {
    const tenant = tenantOf(version);
    if (tenant === undefined) throw new Error(`the draft has no tenant for ${version}`);
    const result = await reader.readRelease(tenant);
    if ("missing" in result)
      return { reasons: [...broken, ...result.missing.map((reason) => `${version}: ${reason}`)] };
    const { evidence } = result;
    const reasons = promiseReasons(evidence, expectationsOf(tenant));
    if (reasons.length === 0) {
      const [image] = evidence.images;
      return {
        release: { version, ...(image?.digest !== undefined && { digest: image.digest }) },
        evidence,
        reasons: broken,
      };
    }
    broken.push(...reasons.map((reason) => `${version}: ${reason}`));
  }
  return {
    reasons: broken.length > 0 ? broken : ["no Git tag keeps the promise; `npx authority audit` says why"],
  };
}
