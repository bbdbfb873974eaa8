/** A report as one HTML file that loads nothing. */
import type { Block, Change, Chart, Report, StackReport, TenantReport } from "./model";
import { htmlText } from "../config/markdown-text";
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

/** The report as a page. */
export function htmlReport(report: Report): string {
  const rows = rowsOf(report);
  const { base, head } = report;
  const to =
    head.name === null
      ? `the work tree on ${code(head.commit.slice(0, 10))}`
      : `${code(head.name)} at ${code(head.commit.slice(0, 10))}`;
  const unchanged = unchangedOf(report);
  const body = [
    `<header><h1>${badge(report.verdict)} ${titleOf(report)}</h1>`,
    `<p class="quiet">From ${code(base.name ?? "")} at ${code(base.commit.slice(0, 10))} to ${to}.</p></header>`,
    rows.length === 0 ? "" : summary(rows),
    unchanged === undefined ? "" : `<p class="quiet">${unchanged}</p>`,
    report.problems.length === 0
      ? ""
      : `<section class="blocked"><h2>Problems in the files</h2>${list(report.problems.map(code))}</section>`,
    ...rows.map(tenantSection),
    ...report.stacks.map(stackSection),
    report.project.length === 0
      ? ""
      : `<section><h2>${code("Pulumi.yaml")}</h2>${changes("setting", { shown: report.project, more: 0 })}</section>`,
    report.files.shown.length === 0
      ? ""
      : `<section>${folded(`${countOf(report.files.shown.length + report.files.more, "other file")} changed`, list([...report.files.shown.map(code), ...more(report.files.more)]))}</section>`,
  ];
  return page(titleOf(report), body.filter((part) => part !== "").join("\n"));
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${htmlText(title)}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>`;
}

const style = `
:root { color-scheme: light; --line: #d8dee4; --quiet: #57606a; --red: #b42318; --amber: #8a5a00; --green: #1a7f37; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1f2328; max-width: 1080px; margin: 24px auto; padding: 0 24px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 18px; margin: 0 0 8px; } h3 { font-size: 15px; margin: 16px 0 4px; }
p, ul { margin: 6px 0; } ul { padding-left: 22px; }
code { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; background: #f0f2f4; padding: 1px 5px; border-radius: 4px; overflow-wrap: anywhere; }
h2 code { font-size: 15px; font-weight: 600; }
tbody td:not(.why) { white-space: nowrap; } details tbody td { white-space: normal !important; }
.quiet { color: var(--quiet); }
table { border-collapse: collapse; width: 100%; margin: 14px 0; } th { text-align: left; color: var(--quiet); font-weight: 600; }
th, td { border-bottom: 1px solid var(--line); padding: 6px 10px 6px 0; vertical-align: top; }
section { border: 1px solid var(--line); border-left: 5px solid var(--line); border-radius: 6px; padding: 14px 18px; margin: 18px 0; }
section.blocked { border-left-color: var(--red); } section.look { border-left-color: #d4a72c; } section.fine { border-left-color: var(--green); }
.badge { display: inline-block; font-size: 13px; font-weight: 600; border-radius: 12px; padding: 0 10px; color: #fff; vertical-align: 2px; white-space: nowrap; }
.badge.blocked { background: var(--red); } .badge.look { background: var(--amber); } .badge.fine { background: var(--green); }
.step { white-space: nowrap; } .step b { font-weight: 400; color: var(--quiet); }
.notes { background: #fff8e5; border-radius: 6px; padding: 8px 12px 8px 30px; } .notes li { margin: 2px 0; }
.block { background: #fff1f0; border-radius: 6px; padding: 8px 12px; margin: 8px 0; }
pre { font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; margin: 6px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.diff { border: 1px solid var(--line); border-radius: 6px; padding: 6px 0; }
.diff span { display: block; padding: 0 10px; } .diff .add { background: #e6ffec; } .diff .del { background: #ffebe9; } .diff .at { color: var(--quiet); }
details { margin: 6px 0; } summary { cursor: pointer; font-weight: 600; }
del { color: var(--red); text-decoration: none; } ins { color: var(--green); text-decoration: none; }
`;

function code(text: string): string {
  return `<code>${text === "" ? "(empty)" : htmlText(text)}</code>`;
}

function badge(verdict: Report["verdict"]): string {
  return `<span class="badge ${verdict}">${verdictWords[verdict].word}</span>`;
}

function list(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${item}</li>`).join("")}</ul>`;
}

function more(number: number): string[] {
  return number === 0 ? [] : [`and ${number} more`];
}

function folded(title: string, body: string, isOpen = false): string {
  return `<details${isOpen ? " open" : ""}><summary>${title}</summary>${body}</details>`;
}

function step(tenant: TenantReport): string {
  const { from, to } = stepOf(tenant);
  return from === to ? code(to) : `<span class="step">${code(from)} <b>→</b> ${code(to)}</span>`;
}

function summary(rows: readonly Row[]): string {
  const lines = rows.map(({ stack, tenant }) => {
    const reasons = reasonsOf(tenant);
    const why = reasons.length === 0 ? whatChanges(tenant) : reasons.map((text) => htmlText(text)).join("<br>");
    return `<tr><td>${badge(tenant.verdict)}</td><td>${code(stack.stack)}</td><td>${code(tenant.tenant)}</td><td>${step(tenant)}</td><td class="why">${why}</td></tr>`;
  });
  return `<table><thead><tr><th>verdict</th><th>stack</th><th>tenant</th><th>from → to</th><th>why</th></tr></thead><tbody>${lines.join("\n")}</tbody></table>`;
}

function tenantSection({ stack, tenant }: Row): string {
  const { notes, settings, values, deleted, chart, verdict } = tenant;
  const isReplaced = deleted.every(isOldSource);
  const parts = [
    `<h2>${badge(verdict)} ${code(`${stack.stack}/${tenant.tenant}`)} ${step(tenant)}</h2>`,
    notes.length === 0 ? "" : `<ul class="notes">${notes.map((note) => `<li>${htmlText(note)}</li>`).join("")}</ul>`,
    ...tenant.blocks.map(block),
    isReplaced ? "" : deletions(deleted),
    changes("platform setting", settings),
    changes("value", values),
    chart === null ? "" : chartPart(chart),
    images(tenant),
    commits(tenant),
    isReplaced ? deletions(deleted) : "",
    evidence(tenant),
  ];
  return `<section class="${verdict}">${parts.filter((part) => part !== "").join("\n")}</section>`;
}

function deletions(deleted: readonly string[]): string {
  if (deleted.length === 0) return "";
  return deleted.every(isOldSource)
    ? `<p class="quiet">Deleted with this change: ${deleted.map(code).join(", ")}</p>`
    : `<h3>Deleted from the cluster</h3>${list(deleted.map(code))}`;
}

function block({ policy, isAdvisory, message }: Block): string {
  return `<div class="block"><b>${isAdvisory ? "Advice of" : "Blocked by"}</b> ${code(policy)}<pre>${lines(message)}</pre></div>`;
}

function lines(text: string): string {
  return text.split("\n").map(htmlText).join("\n");
}

function changes(noun: string, { shown, more: others }: TenantReport["values"]): string {
  if (shown.length === 0) return "";
  const title = `${countOf(shown.length + others, noun)} changed`;
  const body = list([...shown.map(change), ...more(others)]);
  return shown.length > 8 ? folded(title, body) : `<h3>${title}</h3>${body}`;
}

function change(one: Change): string {
  const { path, before, after, isHidden } = one;
  if (isHidden) return `${code(path)}: ${changeWord(one)}; not shown, because it is named or looks like a credential`;
  if (before === null) return `${code(path)}: new, <ins>${code(after ?? "")}</ins>`;
  return after === null
    ? `${code(path)}: removed, was <del>${code(before)}</del>`
    : `${code(path)}: <del>${code(before)}</del> → <ins>${code(after)}</ins>`;
}

function images({ images: found }: TenantReport): string {
  if (found.length === 0) return "";
  const items = found.map(({ image, isNew, verdict }) => {
    const isGood = verdict === "release" || verdict === "also";
    return `${isGood ? "✓" : "⚠"} ${code(image)}: ${imageWords[verdict]}${isNew ? ", new" : ""}`;
  });
  return `<h3>${countOf(found.length, "image")} in the chart</h3>${list(items)}`;
}

function commits({ commits: found, compare }: TenantReport): string {
  const link =
    compare === null ? "" : `<p><a href="${htmlText(compare)}" rel="noreferrer">Compare the two releases</a></p>`;
  if (found === null) return link;
  if (found.unread !== null) return `<p>The application's commits cannot be read: ${code(found.unread)}</p>${link}`;
  if (found.shown.length === 0) return link;
  const items = found.shown.map(
    ({ commit, author, subject }) =>
      `${code(commit.slice(0, 10))} ${htmlText(subject)} <span class="quiet">by ${htmlText(author)}</span>`,
  );
  return folded(commitsTitle(found), list([...items, ...more(found.more)]), found.shown.length <= 10) + link;
}

function evidence(tenant: TenantReport): string {
  const cell = (text: string) => `<td>${text === "" ? "" : code(text)}</td>`;
  const rows = evidenceOf(tenant).map(
    ([what, before, after]) => `<tr><td>${what}</td>${cell(before)}${cell(after)}</tr>`,
  );
  return folded(
    "Evidence",
    `<table><thead><tr><th></th><th>from</th><th>to</th></tr></thead><tbody>${rows.join("")}</tbody></table>`,
  );
}

function chartPart(chart: Chart): string {
  const { objects, notes, unread } = chart;
  if (unread !== null) return `<p>The objects of the chart are not compared: ${code(unread)}</p>`;
  const { title, others } = chartTitle(chart);
  const diffs = objects.shown.map(({ object, change: what, diff, cut }) =>
    folded(
      `${what}: ${code(object)}`,
      diffOf(diff) + (cut === 0 ? "" : `<p class="quiet">${countOf(cut, "more line")} not shown.</p>`),
      objects.shown.length + objects.more <= 3,
    ),
  );
  return [
    `<h3>${title}${others.length === 0 ? "" : ` <span class="quiet">(${others.join(", ")})</span>`}</h3>`,
    notes.length === 0 ? "" : list(notes.map((note) => htmlText(note))),
    ...diffs,
  ].join("\n");
}

const lineKinds: Readonly<Record<string, string>> = { "+": "add", "-": "del", "@": "at" };

function diffOf(diff: string): string {
  const spans = diff
    .split("\n")
    .map((line) => `<span class="${lineKinds[line[0] ?? ""] ?? "same"}">${htmlText(line) || " "}</span>`);
  return `<pre class="diff">${spans.join("")}</pre>`;
}

function stackSection({ stack, settings, blocks, notes }: StackReport): string {
  if (settings.length + blocks.length + notes.length === 0) return "";
  const isBlocked = blocks.some(({ isAdvisory }) => !isAdvisory);
  const parts = [
    `<h2>The stack ${code(stack)} as a whole</h2>`,
    notes.length === 0 ? "" : `<ul class="notes">${notes.map((note) => `<li>${htmlText(note)}</li>`).join("")}</ul>`,
    ...blocks.map(block),
    changes("setting", { shown: settings, more: 0 }),
  ];
  return `<section${isBlocked ? ' class="blocked"' : ""}>${parts.filter((part) => part !== "").join("\n")}</section>`;
}
