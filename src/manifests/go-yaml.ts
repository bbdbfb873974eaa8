/**
 * YAML with the very bytes of Go's `sigs.k8s.io/yaml`, in which kubectl, Flux and the Pulumi Kubernetes provider write
 * objects. No YAML library for JavaScript gives these bytes, and a render that differs from the engine's would be a
 * diff in every file of the repository that deploys it.
 */
import { compareKeys } from "./go-yaml-key-order";
import { isOneLine, scalar } from "./go-yaml-scalar";

/** What JSON can hold; a field that is `undefined` counts as absent. */
type Plain = string | number | boolean | null | readonly Plain[] | PlainMap;
interface PlainMap {
  readonly [key: string]: Plain | undefined;
}

/** The columns by which each level is indented. Lists in maps stand at the column of their key. */
const step = 2;

/** A key that is longer, in UTF-8 bytes, is written after a `?`. */
const longestSimpleKey = 128;

/**
 * The object as YAML, with a line break at the end.
 *
 * @param object plain values only: what JSON can hold
 * @throws Error where a text holds a character that the provider cannot write
 */
export function goYaml(object: object): string {
  const map = object as PlainMap;
  const keys = keysOf(map);
  return keys.length === 0 ? "{}\n" : block(map, keys, 0);
}

function keysOf(map: PlainMap): string[] {
  const keys = Object.keys(map).filter((key) => map[key] !== undefined);
  return keys.length < 2 ? keys : keys.sort(compareKeys);
}

/** The entries of a map, one a line; the first of them without its indentation, which the caller has written. */
function block(map: PlainMap, keys: readonly string[], indent: number): string {
  const margin = " ".repeat(indent);
  let out = "";
  for (const key of keys) {
    out += out === "" ? entry(key, map[key] ?? null, indent) : margin + entry(key, map[key] ?? null, indent);
  }
  return out;
}

function entry(key: string, value: Plain, indent: number): string {
  if (isSimpleKey(key)) {
    const written = scalar(key, { column: indent, indent: indent + step, foldable: false });
    return `${written}:${valueAfterKey(value, indent, indent + columns(written) + 1)}`;
  }
  const written = scalar(key, { column: indent + step, indent: indent + step, foldable: true });
  return `? ${terminated(written, key)}${" ".repeat(indent)}: ${inline(value, indent + step)}`;
}

function isSimpleKey(key: string): boolean {
  return (key.length <= longestSimpleKey / 4 || Buffer.byteLength(key) <= longestSimpleKey) && isOneLine(key);
}

/** Everything beyond the basic plane is escaped, so a UTF-16 unit is a column. */
function columns(written: string): number {
  return written.length;
}

/** What follows `key:`, which ends at `column`. */
function valueAfterKey(value: Plain, indent: number, column: number): string {
  if (typeof value === "string") {
    return ` ${terminated(scalar(value, { column: column + 1, indent: indent + step, foldable: true }), value)}`;
  }
  if (typeof value !== "object" || value === null) return ` ${token(value)}\n`;
  const margin = " ".repeat(indent);
  if (isList(value)) {
    if (value.length === 0) return " []\n";
    return `\n${value.map((item) => `${margin}- ${inline(item, indent + step)}`).join("")}`;
  }
  const keys = keysOf(value);
  return keys.length === 0 ? " {}\n" : `\n${margin}  ${block(value, keys, indent + step)}`;
}

/** A value that begins at `indent`, on a line that has begun with `-`, `?` or `:`. */
function inline(value: Plain | undefined, indent: number): string {
  if (typeof value === "string") {
    return terminated(scalar(value, { column: indent, indent, foldable: true }), value);
  }
  if (typeof value !== "object" || value === null) return `${token(value ?? null)}\n`;
  if (isList(value)) {
    if (value.length === 0) return "[]\n";
    const margin = " ".repeat(indent);
    return value.map((item) => `- ${inline(item, indent + step)}`).join(margin);
  }
  const keys = keysOf(value);
  return keys.length === 0 ? "{}\n" : block(value, keys, indent);
}

function isList(value: readonly Plain[] | PlainMap): value is readonly Plain[] {
  return Array.isArray(value);
}

/** Ends the line, unless a block scalar's own last line break has ended it. */
function terminated(written: string, text: string): string {
  const isBlock = written.startsWith("|");
  return isBlock && /[\n\u2028\u2029]$/.test(text) ? written : `${written}\n`;
}

function token(value: number | boolean | null): string {
  return typeof value === "number" ? goNumber(value) : String(value);
}

/**
 * The number as Go writes what it has read from JSON: an integer of 64 bits in full, anything else as `%g` does, with an
 * exponent of at least two digits below 1e-4 and from 1e6 on.
 */
function goNumber(value: number): string {
  if (Number.isInteger(value) && value > -(2 ** 63) && value < 2 ** 64) return String(value === 0 ? 0 : value);
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  const sign = power < 0 ? "-" : "+";
  return `${mantissa}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
}
