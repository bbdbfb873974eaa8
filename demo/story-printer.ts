import { createColors } from "picocolors";
import { type Colors, takesColors } from "../src/cli/terminal";

/** The output stream of the demo. */
export interface StoryOutput {
  readonly isTTY?: boolean;
  write(text: string): void;
}

/** Prints the demo as plain lines, in colour if the terminal supports it (`NO_COLOR` is respected). */
export class StoryPrinter {
  private chapters = 0;
  private readonly colors: Colors;

  constructor(private readonly output: StoryOutput) {
    this.colors = createColors(takesColors(output, process.env));
  }

  title(text: string): void {
    this.line(this.colors.bold(text));
  }

  /** The heading of the next step, with its number. */
  chapter(title: string): void {
    this.chapters += 1;
    this.line(`\n${this.colors.cyan(String(this.chapters))}  ${this.colors.bold(title)}`);
  }

  /** An explanation. */
  say(text: string): void {
    this.line(`   ${text}`);
  }

  /** A command, followed by its duration when it has ended. */
  async command<Result>(command: string, run: () => Promise<Result>): Promise<Result> {
    const begun = performance.now();
    this.output.write(`   ${this.colors.dim("$")} ${command}`);
    try {
      return await run();
    } finally {
      this.line(this.colors.dim(`  (${((performance.now() - begun) / 1000).toFixed(1)} s)`));
    }
  }

  /** The output of another program. */
  quote(text: string): void {
    for (const line of text.split("\n")) this.line(`   ${this.colors.yellow("│")} ${line}`.trimEnd());
  }

  /** A verified result. */
  shown(text: string): void {
    this.line(`   ${this.colors.green("✓")} ${text}`);
  }

  line(text = ""): void {
    this.output.write(`${text}\n`);
  }
}
