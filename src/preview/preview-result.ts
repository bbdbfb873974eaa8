/** What a judged preview finds, and how people read it. Pure functions. */
import { printable, printableLines } from "../config/printable";
import { codeBlock, folded, htmlText } from "../config/markdown-text";
import type { Upgrade } from "./upgrade";

/** The judgement of a pull request. */
export interface PreviewResult {
  /** The commits. Absent where Git cannot tell. */
  readonly base: string | null;
  readonly head: string | null;
  /** Why nothing was judged, one sentence each. */
  readonly refused: readonly string[];
  /** What blocks and belongs to no stack. */
  readonly blocks: readonly string[];
  readonly stacks: readonly PreviewedStack[];
  /** The changed files that are not data. They were not run; code owners judge them. */
  readonly code: readonly string[];
  readonly upgrade: (Upgrade & { readonly changes: readonly UpgradeChange[] }) | null;
  /** What a reviewer should know, one sentence each. */
  readonly notes: readonly string[];
}

/** One stack of a judged preview. */
export interface PreviewedStack {
  readonly stack: string;
  /** What blocks it. */
  readonly blocks: readonly string[];
  /** What `pulumi preview` wrote, if it failed. */
  readonly output?: string;
}

/** An object that the new version of the package writes in another way. */
export interface UpgradeChange {
  readonly stack: string;
  /** The file of the object, in the folder of a render. */
  readonly file: string;
  readonly kind: "added" | "changed" | "removed";
  /** Unified, without the names of the files. */
  readonly diff: string;
}

/** Whether nothing blocks. */
export function isFine({ refused, blocks, stacks }: PreviewResult): boolean {
  return refused.length === 0 && blocks.length === 0 && stacks.every((stack) => stack.blocks.length === 0);
}

/** GitHub takes 65,536 characters in a comment, and the report may have 60,000. */
const longest = 5000;
const longestOutput = 2000;
const longestDiff = 600;

/** The beginning of the report: what blocks, what needs code owners, and what an upgrade changes. */
export function previewMarkdown(result: PreviewResult): string {
  const { refused, blocks, stacks, code, upgrade, notes } = result;
  const blocked = stacks.filter((stack) => stack.blocks.length > 0);
  const parts = [
    isFine(result) ? "### ✅ Nothing blocks this change" : "### ❌ This change is blocked",
    ...(refused.length > 0 ? [section("Not judged", refused)] : []),
    ...(blocks.length > 0 ? [section("All stacks", blocks)] : []),
    ...blocked.map((stack) => section(stack.stack, stack.blocks)),
    ...(code.length === 0 || upgrade !== null
      ? []
      : [section("Needs the code owners: the base branch's version of these files has judged the data", code, "`")]),
    ...(upgrade === null ? [] : upgradeParts(upgrade)),
    ...(notes.length > 0 ? [section("Notes", notes)] : []),
    ...blocked.flatMap(({ stack, output }) =>
      output === undefined ? [] : [foldedBlock(`pulumi preview of ${stack}`, output.slice(-longestOutput))],
    ),
  ];
  return bounded(parts);
}

function upgradeParts({ from, to, changes }: NonNullable<PreviewResult["upgrade"]>): string[] {
  const title = `**shared-authority ${from} → ${to}**, judged by ${to}`;
  if (changes.length === 0) return [`${title}. It changes no object.`];
  const files = changes.map(({ stack, file, kind }) => `${stack}: ${file}: ${kind}`);
  return [
    section(`${title}. It changes these objects of unchanged decisions`, files, "`"),
    ...changes
      .slice(0, 3)
      .map(({ stack, file, diff }) => foldedBlock(`${stack}: ${file}`, diff.slice(0, longestDiff), "diff")),
  ];
}

/** The most lines of a list. */
const mostLines = 20;

function section(title: string, lines: readonly string[], quote: "`" | "" = ""): string {
  const shown = lines.slice(0, mostLines).map((line) => `- ${quote === "`" ? code(line) : escaped(line)}`);
  const more = lines.length > mostLines ? [`- and ${lines.length - mostLines} more`] : [];
  return [title.startsWith("**") ? title : `**${title}**`, "", ...shown, ...more].join("\n");
}

function foldedBlock(title: string, text: string, language = "text"): string {
  // Markdown's own escapes mean nothing in a line of HTML.
  return folded(htmlText(title), codeBlock(text.trimEnd(), language));
}

/** Text from outside in Markdown, where none of it means anything: no link, mention, heading or HTML. */
function escaped(text: string): string {
  const sentence = text.slice(0, 500).replace(/:\n\s*- /g, ": ");
  const line = printable(sentence.replace(/\s*\n\s*(?:- )?/g, "; "));
  return line
    .replace(/[\\`*_{}[\]<>()#!|~]/g, "\\$&")
    .replace(/&/g, "&amp;")
    .replace(/@/g, "@\u2060");
}

function code(text: string): string {
  return `\`${printable(text.slice(0, 300)).replaceAll("`", "'")}\``;
}

/** Cuts only between parts, so that every code block is closed. */
function bounded(parts: readonly string[]): string {
  const kept: string[] = [];
  let length = 0;
  for (const part of parts) {
    length += part.length + 2;
    if (length > longest) {
      kept.push("More does not fit here; the log of the pipeline has it.");
      break;
    }
    kept.push(part);
  }
  return `${kept.join("\n\n")}\n`;
}

/** The judgement as lines for a terminal or a log. */
export function previewLines(result: PreviewResult): string[] {
  const { refused, blocks, stacks, code: files, upgrade, notes } = result;
  const said = [
    ...refused.map((reason) => `not judged: ${reason}`),
    ...blocks,
    ...stacks.flatMap((stack) => stack.blocks.map((block) => `${stack.stack}: ${block}`)),
    ...(upgrade === null ? [] : [`shared-authority ${upgrade.from} -> ${upgrade.to}, judged by ${upgrade.to}`]),
    ...(upgrade?.changes ?? []).map(({ stack, file, kind }) => `${stack}: ${file}: ${kind} by the upgrade`),
    ...(upgrade === null ? files.map((file) => `needs the code owners: ${file}`) : []),
    ...notes,
    ...stacks.map(({ stack, blocks: own }) => `${stack}: ${own.length === 0 ? "fine" : "blocked"}`),
    isFine(result) ? "Nothing blocks this change." : "This change is blocked.",
  ];
  return said.map(printableLines);
}
