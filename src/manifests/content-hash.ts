import { createHash } from "node:crypto";

/** The content of a ConfigMap: text, and base64 of what is not UTF-8. */
export interface ConfigMapContent {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** kustomize replaces these digits so that no hash spells a word. */
const replacedDigits: Readonly<Record<string, string>> = { "0": "g", "1": "h", "3": "k", a: "m", e: "t" };

/** Go's JSON encoder escapes these so that JSON is safe in HTML and JavaScript. */
const escapedByGo: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/**
 * The ten characters that kustomize appends to the name of a ConfigMap that it generates.
 *
 * Source of the rule: kustomize's hasher (`api/hasher`), which `kubectl kustomize` uses. The hash covers the content but
 * not the name, so equal content has the same hash in every tenant.
 */
export function contentHash(content: ConfigMapContent): string {
  const hashed = {
    ...(isEmpty(content.binaryData) ? {} : { binaryData: sorted(content.binaryData) }),
    data: isEmpty(content.data) ? "" : sorted(content.data),
    kind: "ConfigMap",
    name: "",
  };
  const hex = createHash("sha256").update(goJson(hashed)).digest("hex");
  return hex.slice(0, 10).replace(/[013ae]/g, (digit) => replacedDigits[digit] ?? digit);
}

function isEmpty(map: Readonly<Record<string, string>> | undefined): map is undefined {
  return map === undefined || Object.keys(map).length === 0;
}

/** Go sorts map keys by their UTF-8 bytes; JavaScript sorts by UTF-16 units. */
function sorted(map: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(map).sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}

function goJson(value: string | [string, string][] | Record<string, string | [string, string][]>): string {
  if (typeof value === "string") return goString(value);
  const entries = Array.isArray(value) ? value : Object.entries(value);
  return `{${entries.map(([key, item]) => `${goString(key)}:${goJson(item)}`).join(",")}}`;
}

/** Since 1.22 Go writes `\b` and `\f` as JavaScript does, so only the five characters above differ. */
function goString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (char) => escapedByGo[char] ?? char);
}
