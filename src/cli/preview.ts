import { isBranchName } from "../config/address";
import { printableLines } from "../config/printable";
import { plainHttpRegistries } from "../preview/plain-http";
import { isFine, previewLines, previewMarkdown, type PreviewResult } from "../preview/preview-result";
import { type PullRequest, readPullRequest } from "../preview/pull-request";
import { writeScratchProject } from "../preview/scratch-project";
import { GitError } from "../release/git-command";
import { withScratchFolder } from "../release/scratch-folder";
import { type ExitCode, exitCode } from "./exit-code";
import { judgeProject } from "./judged-project";
import type { Session } from "./session";

/** Options of `authority preview`. */
export interface PreviewOptions {
  /** The base branch, as Git names it in this clone. */
  readonly base: string;
  /** The last commit of the pull request. */
  readonly head: string;
  /** The file for the report. */
  readonly output?: string;
  /** Names of variables that the judged project may see. */
  readonly env?: readonly string[];
  /** In the base branch. */
  readonly policyPackConfig?: string;
  readonly json?: boolean;
}

/**
 * Judges a pull request: runs `check` and `pulumi preview` with the policy pack in a scratch folder that has the code of the
 * base branch and the data of the pull request.
 */
export async function preview(options: PreviewOptions, session: Session): Promise<ExitCode> {
  const { terminal } = session;
  const { result, report } = await withScratchFolder("authority-preview-", (scratch) =>
    judge(options, scratch, session),
  );
  terminal.done();
  if (options.output !== undefined) {
    const text = [previewMarkdown(result), ...(report === undefined ? [] : [report])].join("\n");
    const { default: writeFileAtomic } = await import("write-file-atomic");
    await writeFileAtomic(session.path(options.output), text);
  }
  if (options.json === true) terminal.printJson(result);
  else terminal.print(previewLines(result).join("\n"));
  return isFine(result) ? exitCode.fine : exitCode.blocked;
}

interface Judgement {
  readonly result: PreviewResult;
  /** What `authority report` writes. */
  readonly report?: string;
}

async function judge(options: PreviewOptions, scratch: string, session: Session): Promise<Judgement> {
  const { root, terminal } = session;
  const pullRequest = await readOrRefuse(root, options);
  if (typeof pullRequest === "string") return { result: { ...nothing, refused: [pullRequest] } };
  const { base, head, code, refused, noUpgrade } = pullRequest;
  const known = { ...nothing, base, head, code, refused };
  if (refused.length > 0) return { result: known };
  terminal.step("writing the base branch's code and the pull request's data into a scratch folder");
  const project = await writeScratchProject(root, pullRequest, branchName(options.base), scratch);
  const notes = [
    ...[...project.removed].flatMap(([path, keys]) => {
      // What only opens other values is missed by nobody.
      const values = keys.filter((key) => key.startsWith("config."));
      return values.length === 0 ? [] : [`${path}: judged without the encrypted ${values.join(", ")}`];
    }),
    ...(noUpgrade === undefined ? [] : [`judged as a change of code, not as an upgrade: ${noUpgrade}`]),
  ];
  const changed = project.changesProject ? [...code, `${pullRequest.folder}Pulumi.yaml, beside config`].sort() : code;
  // Without variables of the pipeline there are no credentials.
  const plainHttp = options.env === undefined ? [] : await plainHttpRegistries(root, base, scratch);
  const judged = await judgeProject(project, { ...options, ...pullRequest, scratch, plainHttp }, session);
  return {
    result: { ...known, ...judged.result, code: changed, notes: [...notes, ...judged.result.notes] },
    report: judged.report,
  };
}

const nothing: PreviewResult = {
  base: null,
  head: null,
  refused: [],
  blocks: [],
  stacks: [],
  code: [],
  upgrade: null,
  notes: [],
};

/** A pull request that Git cannot show is refused like one that must not be judged, so that the report says why. */
async function readOrRefuse(root: string, { base, head }: PreviewOptions): Promise<PullRequest | string> {
  try {
    return await readPullRequest(root, base, head);
  } catch (error) {
    if (error instanceof GitError) return printableLines(error.message);
    throw error;
  }
}

/** The branch's own name, for the clone that is judged: `main` of `origin/main`. */
function branchName(ref: string): string {
  const name = ref.replace(/^refs\/(?:heads|remotes)\//, "").replace(/^origin\//, "");
  return isBranchName(name) && !/^[0-9a-f]{40,}$/.test(name) ? name : "main";
}
