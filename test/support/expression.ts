/** GitHub's expressions, as far as the workflows of `template/` use them: `${{ !cancelled() && needs.a.result == 'success' }}`. */

/** What an expression reads: `github`, `vars`, `secrets`, `steps`, `needs`, `matrix`. */
export type ExpressionContext = Readonly<Record<string, unknown>>;

/** The state of a job or a run so far. */
export interface RunState {
  readonly failed: boolean;
}

const status = /\b(?:always|cancelled|failure|success)\(\)/;

/** The value of the text between `${{` and `}}`. @throws Error for what is not known here */
export function evaluate(expression: string, context: ExpressionContext, { failed }: RunState): unknown {
  const functions = {
    always: () => true,
    cancelled: () => false,
    failure: () => failed,
    success: () => !failed,
    contains: (all: unknown, one: unknown) => (Array.isArray(all) ? all : [String(all)]).includes(one),
    toJSON: (value: unknown) => JSON.stringify(value, undefined, 2),
    valuesOf: (object: Readonly<Record<string, Record<string, unknown>>>, key: string) =>
      Object.values(object).map((one) => one[key]),
  };
  const known = { ...context, ...functions };
  const source = expression
    .split(/('[^']*')/)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/\b(\w+)\.\*\.(\w+)/g, 'valuesOf($1, "$2")').replace(/(?<=\w)\.(?=[A-Za-z_])/g, "?."),
    )
    .join("");
  if (/[^\w\s.?!&|=()'",*/:-]/.test(source)) throw new Error(`This expression is not known here: ${expression}`);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const run = new Function(...Object.keys(known), `"use strict"; return (${source});`) as (
    ...args: unknown[]
  ) => unknown;
  return run(...Object.values(known));
}

/** A text with its expressions replaced. Nothing becomes an empty text, as on GitHub. */
export function interpolate(text: string, context: ExpressionContext, state: RunState): string {
  return text.replace(/\$\{\{(.*?)\}\}/g, (_, expression: string) => {
    const value = evaluate(expression.trim(), context, state);
    return typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
  });
}

/** Whether a step or a job runs. Without a function of the state, it does if nothing has failed. */
export function isToRun(condition: string | undefined, context: ExpressionContext, state: RunState): boolean {
  if (condition === undefined) return !state.failed;
  const expression = condition.replace(/^\s*\$\{\{|\}\}\s*$/g, "").trim();
  if (!status.test(expression) && state.failed) return false;
  return Boolean(evaluate(expression, context, state));
}
