import { createColors } from "picocolors";
import { type Colors, takesColors } from "../src/cli/terminal";

/** Where the story is told, and whether a terminal is watching. */
export interface StoryOutput {
  readonly isTTY?: boolean;
  write(text: string): void;
}

/** Tells the story in plain lines, with colours where the terminal takes them (`NO_COLOR` is respected). */
export class StoryPrinter {
  private chapters = 0;
  private readonly colors: Colors;

  constructor(private readonly output: StoryOutput) {
    this.colors = createColors(takesColors(output, process.env));
  }

  title(text: string): void {
    this.line(this.colors.bold(text));
  }

  /** The next step of the story. */
  chapter(title: string): void {
    this.chapters += 1;
    this.line(`\n${this.colors.cyan(String(this.chapters))}  ${this.colors.bold(title)}`);
  }

  /** What happened, in the story's words. */
  say(text: string): void {
    for (const line of text.split("\n")) this.line(`   ${line}`);
  }

  /** A command, with the time that it took once it has ended. */
  async command<Result>(command: string, run: () => Promise<Result>): Promise<Result> {
    const begun = performance.now();
    this.output.write(`   ${this.colors.dim("$")} ${command}`);
    try {
      return await run();
    } finally {
      this.line(this.colors.dim(`  (${((performance.now() - begun) / 1000).toFixed(1)} s)`));
    }
  }

  /** What another program said, word for word. */
  quote(text: string): void {
    for (const line of text.split("\n")) this.line(`   ${this.colors.yellow("│")} ${line}`.trimEnd());
  }

  /** What the step shows, checked before it is said. */
  shown(text: string): void {
    this.line(`   ${this.colors.green("✓")} ${text}`);
  }

  line(text = ""): void {
    this.output.write(`${text}\n`);
  }
}
