/** One thing that is wrong with the files, with everything needed to fix it. */
export interface Problem {
  /** The file, relative to the project's folder. */
  readonly file: string;
  /** 1-based. Absent where the problem concerns the whole file. */
  readonly line?: number;
  readonly column?: number;
  /** The path in the config, such as `shared-authority:tenants.podinfo.policy.range`. */
  readonly path?: string;
  /** What is wrong, what was found and what was expected, in one sentence. */
  readonly message: string;
  /** How to fix it, where the message does not make that plain. */
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

/** Bad input, with all problems at once. Its message is for people and needs no stack trace. */
export class ProblemsError extends Error {
  override readonly name = "ProblemsError";

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(describeProblem).join("\n"));
  }
}
