import { createInterface, type Interface } from "node:readline";
import { printable } from "../config/printable";
import { InputError } from "./input-error";
import type { InputStream, Terminal } from "./terminal";

/** A question to the person at the terminal. */
export interface Question {
  readonly text: string;
  /** Lines that explain it. */
  readonly explanation?: readonly string[];
  /** The answer to an empty line. Absent: an empty line is not an answer. */
  readonly fallback?: string;
  /** What is expected, if the answer is not valid. */
  readonly problem: (answer: string) => string | undefined;
}

/** Asks a person. */
export type Ask = (question: Question) => Promise<string>;

/** Asks questions, one after the other. Lines that are typed ahead are kept. */
export class Questions {
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;

  constructor(
    private readonly terminal: Terminal,
    input: InputStream,
  ) {
    // The terminal edits the line and ends the process on Ctrl-C.
    this.#interface = createInterface({ input, terminal: false });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /**
   * Asks until the answer is valid.
   *
   * @throws InputError if the input ends
   */
  async ask({ text, explanation = [], fallback, problem }: Question): Promise<string> {
    for (const line of explanation) this.terminal.log(line);
    for (;;) {
      const shown = fallback === undefined || fallback === "" ? "" : ` [${printable(fallback)}]`;
      this.terminal.prompt(`${text}${shown}: `);
      const next = await this.#lines.next();
      if (next.done === true)
        throw new InputError("The input ended before all questions were answered. Nothing was written.");
      const typed = next.value.trim();
      const answer = typed === "" ? fallback : typed;
      const expected = answer === undefined ? "an answer" : problem(answer);
      if (expected === undefined) return answer ?? "";
      this.terminal.log(printable(`Expected ${expected}.`));
    }
  }

  /** Ends the reading of the input, so that the process can end. */
  close(): void {
    this.#interface.close();
  }
}
