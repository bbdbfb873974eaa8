/** What a new repository says about its first application: only what has been read and judged. */
import { printable } from "../config/printable";
import { stackConfigOf } from "../config/read-stack-config";
import type { Tenant } from "../config/stack-config";
import { parseProjectFile, parseStackFile, projectFilePath, stackFilePath } from "../config/stack-file";
import { validVersions } from "../release/audit";
import type { Evidence } from "../release/evidence";
import type { EvidenceReader } from "../release/evidence-reader";
import { firstRelease, passedOver } from "../release/newest-release";
import { resolveBranch, resolveUnlocked } from "../release/resolve";
import { isPrerelease } from "../version/version";
import type { AnsweredApplication } from "./application-answers";
import { declareApplication, describeDeclared } from "./declare-application";
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
  const { name, repository, chart } = answered;
  const { audited, declared } = await declareApplication(answered, session);
  const { prefix } = declared;
  const versions = validVersions(audited, prefix).filter((version) => !isPrerelease(version));
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
  const { newest, release, broken } = await firstRelease(versions, (version) => {
    const tenant = tenantOf("prod", version);
    if (tenant === undefined) throw new Error(`the draft has no tenant for ${version}`);
    return resolveUnlocked(tenant, reader);
  });
  const evidence = release?.evidence;
  const unreleased =
    broken.length === 0
      ? ["no Git tag keeps the promise; `npx authority audit` says why"]
      : broken.flatMap(({ version, reasons }) => reasons.map((reason) => `${version}: ${reason}`));
  const missing = (stacks: string[], why: readonly string[]) => {
    const files = stacks.map(stackFilePath).join(" and ");
    const commands = stacks.map((stack) => `\`npx authority add-tenant ${name} --stack ${stack}\``).join(" and ");
    return [`${name} is not in ${files}:`, ...why, `when that is corrected, run ${commands}`].join("\n  - ");
  };
  return {
    application: {
      ...declared,
      inDev: declared.inDev && dev.reasons.length === 0,
      ...(newest !== undefined && { release: { version: newest, digest: evidence?.images[0]?.digest } }),
    },
    ...(evidence !== undefined && { evidence }),
    found: [...describeDeclared(audited, declared, answered), ...(newest === undefined ? [] : passedOver(broken))],
    missing: [
      ...(dev.reasons.length > 0 ? [missing(["dev"], dev.reasons)] : []),
      ...(newest === undefined ? [missing(["staging", "prod"], unreleased)] : []),
    ].map((text) => text.split("\n").map(printable).join("\n")),
  };
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
