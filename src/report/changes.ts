/** How two trees of values differ, leaf by leaf. */
import { isMapping } from "../config/report";
import { isSecretContent, type Secrets } from "./hidden";
import type { Change, Listed } from "./model";

/** The longest text of a value that is shown. */
const longestText = 200;
const mostChanges = 100;

type Keys = readonly (string | number)[];

/** The leaves that differ, in the order of the new tree; what goes comes last. */
export function changesBetween(before: unknown, after: unknown, secrets: Secrets): Change[] {
  const [old, now] = [leavesOf(before), leavesOf(after)];
  const paths = [...new Set([...now.keys(), ...old.keys()])];
  return paths.flatMap((path): Change[] => {
    const [one, other] = [old.get(path), now.get(path)];
    if (one !== undefined && other !== undefined && textOf(one.value) === textOf(other.value)) return [];
    const keys = (other ?? one)?.keys ?? [];
    const parts = [one, other].flatMap((leaf) =>
      Array.isArray(leaf?.value) ? (leaf.value as unknown[]) : [leaf?.value],
    );
    const isHidden =
      [one, other].some((leaf) => leaf?.isSecret === true) ||
      parts.some((part) => part !== undefined && secrets.isHidden(keys, part));
    const shown = (leaf: Leaf | undefined) => (leaf === undefined ? null : isHidden ? "" : shortText(leaf.value));
    return [{ path: secrets.withoutSecrets(path), before: shown(one), after: shown(other), isHidden }];
  });
}

/** The beginning of a list. */
export function listed<Item>(items: readonly Item[], most = mostChanges): Listed<Item> {
  return { shown: items.slice(0, most), more: Math.max(0, items.length - most) };
}

interface Leaf {
  readonly keys: Keys;
  readonly value: unknown;
  /** Whether it is the content of a Secret, such as a chart makes of a value. */
  readonly isSecret: boolean;
}

/** By path. An empty mapping, and a list of nothing but texts and numbers, is a leaf too. */
function leavesOf(tree: unknown): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const add = (value: unknown, keys: Keys, path: string, isSecret: boolean): void => {
    if (Array.isArray(value) && value.some((item) => typeof item === "object" && item !== null)) {
      value.forEach((item: unknown, index) => add(item, [...keys, index], `${path}[${index}]`, isSecret));
    } else if (isMapping(value) && Object.keys(value).length > 0) {
      for (const [key, item] of Object.entries(value)) {
        add(item, [...keys, key], path === "" ? key : `${path}.${key}`, isSecret || isSecretContent(value, key));
      }
    } else if (value !== undefined && path !== "") {
      leaves.set(path, { keys, value, isSecret });
    }
  };
  add(tree, [], "", false);
  return leaves;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function shortText(value: unknown): string {
  const text = textOf(value);
  return text.length > longestText ? `${text.slice(0, longestText)}...` : text;
}
