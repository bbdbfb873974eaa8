/** A report as Markdown, for a comment of a pull request: bounded, and with the largest parts folded. */
import type { Block, Change, Report, StackReport, TenantReport } from "./model";
import { code, codeBlock, folded, htmlText } from "../config/markdown-text";
import { countOf } from "../config/count";
import {
  changeWord,
  chartTitle,
  commitsTitle,
  evidenceOf,
  imageWords,
  isOldSource,
  type Row,
  reasonsOf,
  rowsOf,
  stepOf,
  titleOf,
  unchangedOf,
  verdictWords,
  whatChanges,
} from "./words";

/** GitHub takes 65,536 characters. */
export const largestMarkdown = 60_000;

/** The rows of the summary together, and the reason in one of them. */
const largestTable = 30_000;
const longestReason = 160;
const mostProblems = 10;

/** A part of the text. The larger ones are left out first. */
interface Part {
  readonly text: string;
  /** The text that replaces it if it is left out. Absent: it is never left out. */
  readonly instead?: string;
}

/** The report as Markdown, of at most `largest` characters. */
export function markdownReport(report: Report, largest = largestMarkdown): string {
  const rows = rowsOf(report);
  const fixed = [heading(report), summary(report, rows), ...problems(report)];
  const parts = [...rows.flatMap(tenantParts), ...report.stacks.flatMap(stackParts), ...outside(report)];
  return fit(fixed, parts, largest);
}

function heading(report: Report): string {
  const { sign } = verdictWords[report.verdict];
  const { base, head } = report;
  const to =
    head.name === null
      ? `the work tree on ${code(head.commit.slice(0, 10))}`
      : `${code(head.name)} at ${code(head.commit.slice(0, 10))}`;
  return `## ${sign} ${titleOf(report)}\n\nFrom ${code(base.name ?? "")} at ${code(base.commit.slice(0, 10))} to ${to}.`;
}

function summary(report: Report, rows: readonly Row[]): string {
  const unchanged = unchangedOf(report);
  const lines: string[] = [];
  let length = 0;
  for (const row of rows) {
    const line = summaryRow(row);
    if ((length += line.length) > largestTable) break;
    lines.push(line);
  }
  const table = ["| verdict | stack | tenant | from → to | why |", "| --- | --- | --- | --- | --- |", ...lines].join(
    "\n",
  );
  return [
    ...(rows.length === 0 ? [] : [table]),
    ...(rows.length > lines.length ? [`And ${countOf(rows.length - lines.length, "tenant")} more.`] : []),
    ...(unchanged === undefined ? [] : [unchanged]),
  ].join("\n\n");
}

function summaryRow({ stack, tenant }: Row): string {
  const { sign, word } = verdictWords[tenant.verdict];
  const reasons = reasonsOf(tenant);
  const more = reasons.length > 2 ? ` and ${reasons.length - 2} more` : "";
  const shown = reasons.slice(0, 2).map((text) => code(text, longestReason));
  const why = reasons.length === 0 ? whatChanges(tenant) : `${shown.join("; ")}${more}`;
  return `| ${sign} ${word} | ${code(stack.stack, 100)} | ${code(tenant.tenant, 100)} | ${step(tenant)} | ${why} |`;
}

function step(tenant: TenantReport): string {
  const { from, to } = stepOf(tenant);
  return from === to ? code(to, 80) : `${code(from, 80)} → ${code(to, 80)}`;
}

function problems(report: Report): string[] {
  if (report.problems.length === 0) return [];
  const shown = report.problems.slice(0, mostProblems).map((problem) => `- ${code(problem)}`);
  const more = report.problems.length > mostProblems ? [`- and ${report.problems.length - mostProblems} more`] : [];
  return [["### 🔴 Problems in the files\n", ...shown, ...more].join("\n")];
}

function tenantParts({ stack, tenant }: Row): Part[] {
  const title = `${stack.stack}/${tenant.tenant}`;
  const { sign } = verdictWords[tenant.verdict];
  const notes = tenant.notes.map((note) => `- ${code(note)}`);
  const left = (what: string) => `_${what} left out: ${code(title)} has too much for this text._`;
  const section = (what: string, body: string): Part[] => (body === "" ? [] : [{ text: body, instead: left(what) }]);
  return [
    {
      text: [`### ${sign} ${code(title)} ${step(tenant)}`, ...(notes.length === 0 ? [] : [notes.join("\n")])].join(
        "\n\n",
      ),
      instead: "",
    },
    ...tenant.blocks.flatMap((block) => section("A reason", blockText(block))),
    ...section("Platform settings", changesText("platform setting", tenant.settings)),
    ...section("Values", changesText("value", tenant.values)),
    ...chartParts(tenant, left),
    ...section("Images", imagesText(tenant)),
    ...section("Commits", commitsText(tenant)),
    ...section("What would be deleted", deletedText(tenant)),
    ...section("Evidence", evidenceText(tenant)),
  ];
}

function blockText({ policy, isAdvisory, message }: Block): string {
  return `**${isAdvisory ? "Advice of" : "Blocked by"}** ${code(policy)}\n\n${codeBlock(message, "text")}`;
}

/** A few changes are shown at once, more are folded. */
function changesText(noun: string, { shown, more }: TenantReport["values"]): string {
  if (shown.length === 0) return "";
  const lines = [...shown.map(changeLine), ...(more === 0 ? [] : [`- and ${more} more`])].join("\n");
  const title = `${countOf(shown.length + more, noun)} changed`;
  return shown.length > 8 ? folded(title, lines) : `**${title}**\n\n${lines}`;
}

function changeLine(change: Change): string {
  const { path, before, after, isHidden } = change;
  if (isHidden)
    return `- ${code(path)}: ${changeWord(change)}; not shown, because it is named or looks like a credential`;
  if (before === null) return `- ${code(path)}: new, ${code(after ?? "", 200)}`;
  return after === null
    ? `- ${code(path)}: removed, was ${code(before, 200)}`
    : `- ${code(path)}: ${code(before, 200)} → ${code(after, 200)}`;
}

function deletedText({ deleted }: TenantReport): string {
  if (deleted.length === 0) return "";
  if (deleted.every(isOldSource))
    return `Deleted with this change: ${deleted.map((object) => code(object)).join(", ")}.`;
  return `**Deleted from the cluster**\n\n${deleted.map((object) => `- ${code(object)}`).join("\n")}`;
}

function imagesText({ images }: TenantReport): string {
  if (images.length === 0) return "";
  const lines = images.map(({ image, isNew, verdict }) => {
    const isGood = verdict === "release" || verdict === "also";
    return `- ${isGood ? "🟢" : "🟡"} ${code(image)}: ${imageWords[verdict]}${isNew ? ", new" : ""}`;
  });
  const title = `${countOf(images.length, "image")} in the chart`;
  return images.length > 5 ? folded(title, lines.join("\n")) : `**${title}**\n\n${lines.join("\n")}`;
}

function commitsText({ commits, compare }: TenantReport): string {
  const link = compare === null ? "" : `[Compare the two releases](<${compare}>)`;
  if (commits === null) return link;
  if (commits.unread !== null) {
    return `The application's commits cannot be read: ${code(commits.unread)}${link === "" ? "" : `. ${link}`}`;
  }
  const { shown, more } = commits;
  const lines = shown.map(
    ({ commit, author, subject }) => `- ${code(commit.slice(0, 10))} ${code(subject)} by ${code(author)}`,
  );
  if (more > 0) lines.push(`- and ${more} older`);
  const title = commitsTitle(commits);
  const list = shown.length === 0 ? "" : folded(title, lines.join("\n"));
  return [list, link].filter((text) => text !== "").join("\n\n");
}

function evidenceText(tenant: TenantReport): string {
  const cell = (text: string) => (text === "" ? " " : code(text));
  const rows = evidenceOf(tenant).map(([what, before, after]) => `| ${what} | ${cell(before)} | ${cell(after)} |`);
  return folded("Evidence", ["| | from | to |", "| --- | --- | --- |", ...rows].join("\n"));
}

function chartParts({ chart }: TenantReport, left: (what: string) => string): Part[] {
  if (chart === null) return [];
  if (chart.unread !== null) {
    return [{ text: `The objects of the chart are not compared: ${code(chart.unread)}`, instead: left("The chart") }];
  }
  const { objects, notes } = chart;
  const { title, others } = chartTitle(chart);
  const head = [
    `**${title}**${others.length === 0 ? "" : ` (${others.join(", ")})`}`,
    ...notes.map((note) => `- ${code(note)}`),
  ].join("\n\n");
  return [
    { text: head, instead: left("The chart") },
    ...objects.shown.map(({ object, change, diff, cut }) => {
      const name = `${change}: <code>${htmlText(object.slice(0, 300))}</code>`;
      const rest = cut === 0 ? "" : `\n\n${countOf(cut, "more line")} not shown.`;
      return {
        text: folded(name, `${codeBlock(diff, "diff")}${rest}`),
        instead: `- ${change}: ${code(object)} (its ${countOf(diff.split("\n").length + cut, "line")} of difference are left out)`,
      };
    }),
  ];
}

function stackParts({ stack, settings, blocks, notes }: StackReport): Part[] {
  const changes = settings.map(changeLine);
  if (changes.length + blocks.length + notes.length === 0) return [];
  const head = [
    `### ${blocks.some(({ isAdvisory }) => !isAdvisory) ? "🔴 " : ""}The stack ${code(stack)} as a whole`,
    ...notes.map((note) => `- ${code(note)}`),
  ].join("\n\n");
  return [
    { text: head, instead: "" },
    ...blocks.map((block) => ({ text: blockText(block), instead: "_A reason is left out._" })),
    ...(changes.length === 0 ? [] : [{ text: changes.join("\n"), instead: "_Settings are left out._" }]),
  ];
}

function outside({ project, files }: Report): Part[] {
  return [
    ...(project.length === 0
      ? []
      : [
          {
            text: `### ${code("Pulumi.yaml")}\n\n${project.map(changeLine).join("\n")}`,
            instead: "_What changes in Pulumi.yaml is left out._",
          },
        ]),
    ...(files.shown.length === 0
      ? []
      : [
          {
            text: folded(
              `${countOf(files.shown.length + files.more, "other file")} changed`,
              [
                ...files.shown.map((path) => `- ${code(path)}`),
                ...(files.more > 0 ? [`- and ${files.more} more`] : []),
              ].join("\n"),
            ),
            instead: "_Other files are left out._",
          },
        ]),
  ];
}

/** Leaves out the largest parts until the text is short enough, and says what is missing. */
function fit(fixed: readonly string[], parts: readonly Part[], largest: number): string {
  const texts = parts.map(({ text }) => text);
  const note = (count: number) =>
    count === 0
      ? []
      : [
          `_${countOf(count, "part")} left out: this text may have ${largest} characters. \`authority report --format html\` shows more._`,
        ];
  let left = 0;
  const whole = () => [...fixed, ...texts, ...note(left)].filter((text) => text !== "").join("\n\n");
  const bySize = parts
    .map(({ text, instead }, index) => ({ index, instead, gain: text.length - (instead?.length ?? 0) }))
    .filter((part) => part.instead !== undefined && part.gain > 0)
    .sort((one, other) => other.gain - one.gain);
  let length = whole().length;
  for (const { index, instead = "", gain } of bySize) {
    if (length <= largest) break;
    texts[index] = instead;
    left += 1;
    length -= gain;
    length = length <= largest ? whole().length : length;
  }
  // Thousands of tenants: what was put in the place of the parts is still too much.
  for (let index = texts.length - 1; index >= 0 && whole().length > largest; index = Math.floor(index / 2) - 1) {
    texts.splice(Math.max(0, index));
    left = parts.length - texts.length;
  }
  return whole();
}
