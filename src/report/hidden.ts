/** Values that look like credentials are never shown. */
import { isMapping } from "../config/report";
import { yamlText } from "../manifests/yaml-text";
import { findCredentials } from "../policy-pack/credential";
import { nameKind } from "../policy-pack/credential-name";

/** The text that replaces a hidden value. */
export const hidden = "(hidden)";
const hiddenChange = "(hidden, changed)";

/** Shorter texts are part of other ones by chance. */
const shortestPart = 4;

type Keys = readonly (string | number)[];

/** Says which texts of values, or of objects, must not be shown. */
export interface Secrets {
  isHidden(keys: Keys, value: unknown): boolean;
  /** A text without those that must not be shown, such as a key. */
  withoutSecrets(text: string): string;
}

/** Searches both sides of a comparison: what is a credential in one is not shown in the other. */
export async function secretsOf(sides: readonly unknown[], files: readonly string[] = []): Promise<Secrets> {
  const texts = sides.filter(isMapping).flatMap((side) => (Object.keys(side).length === 0 ? [] : yamlText(side)));
  const found = (await Promise.all([...texts, ...files].map(findCredentials))).flat();
  const isUnsearched = found.some(({ path, looks }) => path === undefined && looks.includes("cannot be searched"));
  const known = new Set(found.flatMap(({ reveal }) => reveal?.() ?? []).filter((text) => text !== ""));
  // The longest first: one may be a part of another.
  const parts = [...known]
    .filter(({ length }) => length >= shortestPart)
    .sort((one, other) => other.length - one.length);
  const holds = (text: string) => known.has(text) || parts.some((part) => text.includes(part));
  return {
    isHidden: (keys, value) => isUnsearched || isNamedSecret(keys, value) || holds(String(value)),
    withoutSecrets: (text) => parts.reduce((shown, part) => shown.replaceAll(part, hidden), text),
  };
}

/** Special config has texts only. */
const switches: readonly unknown[] = [undefined, null, "", true, false, "true", "false"];

/** Whether the name of a value, or of what holds it, says that it is a credential. A switch is none. */
function isNamedSecret(keys: Keys, value: unknown): boolean {
  if (switches.includes(value)) return false;
  const names = keys.filter((key) => typeof key === "string").map((key) => nameKind(key));
  return names.at(-1) === "secret" || names.some((kind) => kind === "password" || kind === "token");
}

/** Whether a key of an object holds the content of a Secret. */
export function isSecretContent(object: Readonly<Record<string, unknown>>, key: string): boolean {
  return object.kind === "Secret" && (key === "data" || key === "stringData");
}

/** The two sides of an object with every value replaced that must not be shown. */
export function withoutSecrets(before: unknown, after: unknown, secrets: Secrets): [before: unknown, after: unknown] {
  return [masked(before, undefined, secrets, []), masked(after, before, secrets, [])];
}

/**
 * @param other the other side: where it has another text, that is said
 * @param isSecret whether it is the content of a Secret, wherever that is
 */
function masked(value: unknown, other: unknown, secrets: Secrets, keys: Keys, isSecret = false): unknown {
  if (Array.isArray(value)) {
    const others = Array.isArray(other) ? (other as unknown[]) : [];
    return value.map((item, index) => masked(item, others[index], secrets, [...keys, index], isSecret));
  }
  if (isMapping(value)) {
    const entries = Object.entries(value).map(([key, item]) => {
      const before = isMapping(other) && Object.hasOwn(other, key) ? other[key] : undefined;
      return [key, masked(item, before, secrets, [...keys, key], isSecret || isSecretContent(value, key))] as const;
    });
    return Object.fromEntries(entries);
  }
  if (!isSecret && !secrets.isHidden(keys, value)) return value;
  return other === undefined || other === value ? hidden : hiddenChange;
}
