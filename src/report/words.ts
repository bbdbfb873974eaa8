/** What Markdown and HTML say in the same words. */
import { countOf } from "../config/count";
import type { Change, Chart, Commits, Decided, Image, Report, StackReport, TenantReport, Verdict } from "./model";

/** The sign and the word of a verdict. */
export const verdictWords: Readonly<Record<Verdict, { readonly sign: string; readonly word: string }>> = {
  blocked: { sign: "🔴", word: "blocked" },
  look: { sign: "🟡", word: "look" },
  fine: { sign: "🟢", word: "fine" },
};

/** A tenant with its stack: the most urgent first. */
export interface Row {
  readonly stack: StackReport;
  readonly tenant: TenantReport;
}

const urgency: readonly Verdict[] = ["blocked", "look", "fine"];

export function rowsOf({ stacks }: Report): Row[] {
  const rows = stacks.flatMap((stack) => stack.tenants.map((tenant) => ({ stack, tenant })));
  return rows.sort((one, other) => urgency.indexOf(one.tenant.verdict) - urgency.indexOf(other.tenant.verdict));
}

/** Such as `3 tenants change in 2 stacks`. */
export function titleOf(report: Report): string {
  const tenants = rowsOf(report).length;
  if (tenants > 0) {
    const stacks = report.stacks.filter((stack) => stack.tenants.length > 0).length;
    return `${countOf(tenants, "tenant")} ${tenants === 1 ? "changes" : "change"} in ${countOf(stacks, "stack")}`;
  }
  if (report.problems.length > 0) return "the files have problems";
  if (report.stacks.length + report.project.length > 0) return "no tenant changes";
  return report.files.shown.length > 0 ? "no decision changes" : "nothing changes";
}

export function unchangedOf({ stacks }: Report): string | undefined {
  const unchanged = stacks.reduce((sum, stack) => sum + stack.unchanged, 0);
  return unchanged === 0
    ? undefined
    : `${countOf(unchanged, "other tenant")} of these stacks ${unchanged === 1 ? "does" : "do"} not change.`;
}

/** From and to; a side that is missing says what that means. */
export function stepOf({ from, to, change }: TenantReport): { readonly from: string; readonly to: string } {
  const [before, after] = [from?.shown ?? "", to?.shown ?? ""];
  if (change === "added") return { from: "new", to: after };
  return change === "removed" ? { from: before, to: "removed" } : { from: before, to: after };
}

/** Why it is not fine, in sentences from outside. */
export function reasonsOf({ blocks, notes }: TenantReport): string[] {
  const blocking = blocks.filter(({ isAdvisory }) => !isAdvisory).map(({ policy }) => `blocked by ${policy}`);
  const advice = blocks.filter(({ isAdvisory }) => isAdvisory).map(({ policy }) => `advice of ${policy}`);
  return [...new Set([...blocking, ...notes, ...advice])];
}

/** What changes, in a few words of ours. */
export function whatChanges({ values, settings, from, to, chart }: TenantReport): string {
  const objects = (chart?.objects.shown.length ?? 0) + (chart?.objects.more ?? 0);
  const changes = [
    ...(from?.shown === to?.shown ? [] : ["version"]),
    ...(total(values) === 0 ? [] : [countOf(total(values), "value")]),
    ...(total(settings) === 0 ? [] : [countOf(total(settings), "platform setting")]),
    ...(objects === 0 ? [] : [`${countOf(objects, "object")} of the chart`]),
  ];
  return changes.length === 0 ? "comments or order only" : changes.join(", ");
}

/** Whether nothing else is deleted than what each promotion replaces. */
export function isOldSource(object: string): boolean {
  return /^(?:Git|OCI)Repository /.test(object);
}

function total({ shown, more }: { readonly shown: readonly unknown[]; readonly more: number }): number {
  return shown.length + more;
}

/** The facts of the two sides, as rows: what, before, after. A fact that neither has is left out. */
export function evidenceOf({ from, to }: TenantReport): (readonly [what: string, before: string, after: string])[] {
  const facts: readonly (readonly [string, (side: Decided) => string | null])[] = [
    ["image tag", ({ tag }) => tag],
    ["Git tag", ({ gitTag }) => gitTag],
    ["commit", ({ commit }) => commit],
    ["chart", ({ chart }) => chart],
    ["chart version", ({ chartVersion }) => chartVersion],
    ["appVersion", ({ appVersion }) => appVersion],
    ["chart digest", ({ chartDigest }) => chartDigest],
    [
      "images",
      ({ images }) =>
        images.map(({ reference, digest }) => (digest === null ? reference : `${reference}@${digest}`)).join(" ") ||
        null,
    ],
    [
      "facts from",
      ({ source }) => ({ lock: "releases.lock.yaml", read: "Git, registry", none: "cannot be read" })[source],
    ],
  ];
  const sides = [from, to] as const;
  return facts.flatMap(([what, of]) => {
    const [before, after] = sides.map((side) => (side === null ? null : of(side)));
    return before === null && after === null ? [] : [[what, before ?? "", after ?? ""] as const];
  });
}

export function commitsTitle({ areTakenBack, shown, more }: Commits): string {
  const all = countOf(shown.length + more, "commit");
  return areTakenBack ? `${all} of the application that the older release does not have` : `${all} of the application`;
}

export const imageWords: Readonly<Record<Image["verdict"], string>> = {
  release: "the release's",
  also: "declared",
  "other-tag": "another tag than the release's",
  undeclared: "not declared",
};

/** What a change does, in a word, where one of its sides is missing. */
export function changeWord({ before, after }: Change): "added" | "removed" | "changed" {
  return before === null ? "added" : after === null ? "removed" : "changed";
}

/** How many objects of a rendered chart change, and what of it is not shown one by one. */
export function chartTitle({ objects, relabelled, unchanged }: Chart): {
  readonly title: string;
  readonly others: readonly string[];
} {
  const all = total(objects);
  return {
    title: `${all === 0 ? "No object" : countOf(all, "object")} of the rendered chart ${all > 1 ? "change" : "changes"}`,
    others: [
      ...(relabelled.length === 0 ? [] : [`${countOf(relabelled.length, "object")} with a new version label only`]),
      ...(unchanged === 0 ? [] : [`${unchanged} unchanged`]),
      ...(objects.more === 0 ? [] : [`${objects.more} changed objects more than are shown`]),
    ],
  };
}
