import type { Writable } from "node:stream";
import { createColors } from "picocolors";

/** The world as a command line sees it: `process`, or what a test gives in its place. */
export interface Surroundings {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  cwd(): string;
}

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The colours of one stream; where it takes none, each gives the text as it is. */
export type Colors = ReturnType<typeof createColors>;

/** Where a verb's result and its messages go: the result to stdout, all else to stderr. */
export class Terminal {
  /** For the result. */
  readonly colors: Colors;
  /** For messages. */
  readonly messageColors: Colors;
  #progress = "";

  constructor(private readonly surroundings: Surroundings) {
    const { stdout, stderr, env } = surroundings;
    this.colors = createColors(takesColors(stdout, env));
    this.messageColors = createColors(takesColors(stderr, env));
  }

  /** Prints the result, or a part of it. */
  print(text: string): void {
    this.#clearProgress();
    this.surroundings.stdout.write(`${text}\n`);
  }

  /** Prints the result as JSON. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, undefined, 2));
  }

  /** Prints a message. */
  tell(text: string): void {
    this.#clearProgress();
    this.surroundings.stderr.write(`${text}\n`);
  }

  /** Tells what is being done: a line of its own, or, where a person is watching, one line that changes. */
  step(text: string): void {
    if (this.#isWatched) this.#rewrite(text);
    else this.tell(text);
  }

  /** Tells how far the work is, where a person is watching; otherwise each of these would be a line. */
  count(text: string): void {
    if (this.#isWatched) this.#rewrite(text);
  }

  /** Takes away the line that says what is being done. */
  done(): void {
    this.#clearProgress();
  }

  get #isWatched(): boolean {
    return this.surroundings.stderr.isTTY === true && this.surroundings.env.TERM !== "dumb";
  }

  #rewrite(text: string): void {
    const { stderr } = this.surroundings;
    const line = printable(text).slice(0, (stderr.columns ?? 80) - 1);
    if (line === this.#progress) return;
    stderr.write(`\r\u001b[2K${this.messageColors.dim(line)}`);
    this.#progress = line;
  }

  #clearProgress(): void {
    if (this.#progress === "") return;
    this.surroundings.stderr.write("\r\u001b[2K");
    this.#progress = "";
  }
}

/** The text's lines, each of them printable. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/**
 * The text without control characters: a Chart.yaml or a Git host says whatever it likes, and none of it may steer the
 * terminal.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Bidi_Control}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Whether a stream takes colours: a terminal does, unless `NO_COLOR` says no (https://no-color.org: any value but the
 * empty one). A log of CI does not, whatever `picocolors` thinks of it by itself.
 */
export function takesColors(stream: Pick<OutputStream, "isTTY">, env: Surroundings["env"]): boolean {
  if ((env.NO_COLOR ?? "") !== "") return false;
  if ((env.FORCE_COLOR ?? "") !== "") return env.FORCE_COLOR !== "0";
  return stream.isTTY === true && env.TERM !== "dumb";
}
