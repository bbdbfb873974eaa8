/** One thing that is wrong with what people wrote, with everything that is needed to fix it. */
export interface Problem {
  /** The file, relative to the project's folder. */
  readonly file: string;
  /** 1-based; absent where the whole file is meant. */
  readonly line?: number;
  readonly column?: number;
  /** The path in the config, such as `shared-authority:tenants.podinfo.policy.range`. */
  readonly path?: string;
  /** What was wrong, what came and what was expected, in one sentence. */
  readonly message: string;
  /** How to fix it, where that is not plain from the message. */
  readonly fix?: string;
}

/** `file:line:column: path: message (fix)`, as editors and CI logs link it. */
export function describeProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.line === undefined ? undefined : problem.column]
    .filter((part) => part !== undefined)
    .join(":");
  const path = problem.path === undefined ? "" : `${problem.path}: `;
  const fix = problem.fix === undefined ? "" : ` ${problem.fix}`;
  return `${place}: ${path}${problem.message}${fix}`;
}

/** Bad input, all of it at once. Its message is fit to be shown as it is, without a stack trace. */
export class ProblemsError extends Error {
  override readonly name = "ProblemsError";

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(describeProblem).join("\n"));
  }
}
