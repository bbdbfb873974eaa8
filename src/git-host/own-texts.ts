/** Texts that `authority` writes on a Git host, and finds again by a hidden marker and their author. */
import { codeBlock } from "../config/markdown-text";
import type { GitHost, Thread } from "./git-host";

/** What was done with a comment or an issue. */
export type Written = "created" | "updated" | "unchanged";

/** A line that the host does not show. @param name is encoded, so that it cannot end the comment */
export function hiddenMarker(kind: string, name: string): string {
  return `<!-- shared-authority:${kind} ${encodeURIComponent(name)} -->`;
}

/** A plain text, such as a log, as a block of code. */
export function fenced(text: string): string {
  return codeBlock(text.trimEnd().replaceAll("\r\n", "\n"), "text");
}

/** The end of a text that is too long: what failed is there. */
export function lastPart(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const note = "(The beginning is left out.)\n";
  const end = text.slice(note.length - maxLength);
  return note + end.slice(end.indexOf("\n") + 1);
}

/** Writes the one comment of this name: adds it, or edits the one that the token's author has written. */
export async function writeComment(host: GitHost, thread: Thread, name: string, text: string): Promise<Written> {
  const marker = hiddenMarker("comment", name);
  const body = `${text.trimEnd()}\n\n${marker}`;
  const marked = (await host.comments(thread)).filter((one) => endsWith(one.body, marker));
  const self = marked.length === 0 ? "" : await host.self();
  const own = marked.find(({ author }) => author === self);
  if (own?.body.trimEnd() === body) return "unchanged";
  if (own === undefined) await host.addComment(thread, body);
  else await host.editComment(thread, own.id, body);
  return own === undefined ? "created" : "updated";
}

/** An issue as it is now. */
export interface OwnIssue {
  readonly number: number;
  readonly url: string;
}

/** Opens the one issue of this title, or changes the text of the open one that the token's author has written. */
export async function writeIssue(host: GitHost, title: string, text: string): Promise<OwnIssue & { state: Written }> {
  const body = `${text.trimEnd()}\n\n${hiddenMarker("issue", title)}`;
  const own = await findIssue(host, title);
  if (own === undefined) return { ...(await host.openIssue(title, body)), state: "created" };
  if (own.body.trimEnd() === body) return { ...own, state: "unchanged" };
  await host.changeIssue(own.number, { body });
  return { ...own, state: "updated" };
}

/** Closes the one issue of this title with a comment, if it is open. */
export async function closeIssue(host: GitHost, title: string, comment: string): Promise<OwnIssue | undefined> {
  const own = await findIssue(host, title);
  if (own === undefined) return undefined;
  await host.changeIssue(own.number, { close: true });
  await host.addComment({ kind: "issue", number: own.number }, comment);
  return own;
}

/** A marker before the end is quoted from elsewhere, such as from a log. */
function endsWith(body: string, marker: string): boolean {
  return body.trimEnd().endsWith(marker);
}

async function findIssue(host: GitHost, title: string): Promise<(OwnIssue & { readonly body: string }) | undefined> {
  const marker = hiddenMarker("issue", title);
  const marked = (await host.openIssues()).filter(({ body }) => endsWith(body, marker));
  if (marked.length === 0) return undefined;
  const self = await host.self();
  return marked.find(({ author }) => author === self);
}
