import type { Readable, Writable } from "node:stream";
import { createColors } from "picocolors";
import { printable, printableLines } from "../config/printable";

/** The parts of `process` that a command line uses. Tests pass their own. */
export interface ProcessContext {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Absent: nobody can answer a question. */
  readonly stdin?: InputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  cwd(): string;
}

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Where answers come from: a terminal, if a person can give them. */
export type InputStream = Readable & { readonly isTTY?: boolean };

/** Functions that colour text for one stream, or return it unchanged if the stream takes no colours. */
export type Colors = ReturnType<typeof createColors>;

/** Writes a verb's result to stdout, and messages and progress to stderr. */
export class Terminal {
  /** For the result. */
  readonly colors: Colors;
  /** For messages. */
  readonly messageColors: Colors;
  /** The progress line that is shown now. */
  #progress = "";

  constructor(private readonly context: ProcessContext) {
    const { stdout, stderr, env } = context;
    this.colors = createColors(takesColors(stdout, env));
    this.messageColors = createColors(takesColors(stderr, env));
  }

  /** Prints the result or a part of it. */
  print(text: string): void {
    this.done();
    this.context.stdout.write(`${text}\n`);
  }

  /** Prints a result that replaces the one before: on a terminal in its place, otherwise below it. */
  redraw(text: string): void {
    const isTerminal = this.context.stdout.isTTY === true && this.context.env.TERM !== "dumb";
    this.print(`${isTerminal ? "\u001b[2J\u001b[3J\u001b[H" : ""}${text}${isTerminal ? "" : "\n"}`);
  }

  /** Prints the result as JSON. */
  printJson(value: unknown): void {
    this.print(printableLines(JSON.stringify(value, undefined, 2)));
  }

  /** Prints a message. */
  log(text: string): void {
    this.done();
    this.context.stderr.write(`${text}\n`);
  }

  /** Where a person can answer questions. Nothing where nobody sees them or nobody can type. */
  get input(): InputStream | undefined {
    const { stdin, stderr } = this.context;
    return stdin?.isTTY === true && stderr.isTTY === true ? stdin : undefined;
  }

  /** Prints a question, to be answered on the same line. */
  prompt(text: string): void {
    this.done();
    this.context.stderr.write(text);
  }

  /** Shows the current step: in the progress line of an interactive terminal, otherwise as a message. */
  step(text: string): void {
    if (this.#isInteractive) this.#showProgress(text);
    else this.log(printable(text));
  }

  /** Shows how far the work is, in the progress line of an interactive terminal only. */
  count(text: string): void {
    if (this.#isInteractive) this.#showProgress(text);
  }

  /** Removes the progress line. */
  done(): void {
    if (this.#progress === "") return;
    this.context.stderr.write("\r\u001b[2K");
    this.#progress = "";
  }

  get #isInteractive(): boolean {
    return this.context.stderr.isTTY === true && this.context.env.TERM !== "dumb";
  }

  #showProgress(text: string): void {
    const { stderr } = this.context;
    const line = printable(text).slice(0, (stderr.columns ?? 80) - 1);
    if (line === this.#progress) return;
    stderr.write(`\r\u001b[2K${this.messageColors.dim(line)}`);
    this.#progress = line;
  }
}

/**
 * Whether a stream takes colours. A terminal does, unless `NO_COLOR` is set and not empty (https://no-color.org). A CI
 * log does not, although `picocolors` would colour it.
 */
export function takesColors(stream: Pick<OutputStream, "isTTY">, env: ProcessContext["env"]): boolean {
  if ((env.NO_COLOR ?? "") !== "") return false;
  if ((env.FORCE_COLOR ?? "") !== "") return env.FORCE_COLOR !== "0";
  return stream.isTTY === true && env.TERM !== "dumb";
}
