import { withoutCredentials } from "../config/address";
import { isMap } from "./field";

/** More differences of one object than anybody reads. */
const mostDifferences = 10;
const longestText = 200;

/**
 * What differs between an object and the one that is expected, one sentence for each path, with what came and what was
 * expected. Empty if both are the same.
 *
 * @throws UnknownValueError if the engine does not know a value yet
 */
export function differences(actual: unknown, expected: unknown): string[] {
  const found = [...differencesAt("", actual, expected)];
  const more = found.length - mostDifferences;
  return more > 0 ? [...found.slice(0, mostDifferences), `${more} more fields differ`] : found;
}

function* differencesAt(path: string, actual: unknown, expected: unknown): Generator<string> {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    if (actual.length !== expected.length) {
      yield `${path} has ${actual.length} items, must have ${expected.length}`;
    }
    const both = Math.min(actual.length, expected.length);
    for (let index = 0; index < both; index++) {
      yield* differencesAt(`${path}[${index}]`, actual[index], expected[index]);
    }
  } else if (isMap(actual) && isMap(expected)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      yield* differencesAt(path === "" ? key : `${path}.${key}`, ownValue(actual, key), ownValue(expected, key));
    }
  } else if (actual !== expected) {
    yield mustBe(path, actual, expected);
  }
}

/** A key such as `constructor` is not a value, although each map inherits it. */
function ownValue(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function mustBe(path: string, actual: unknown, expected: unknown): string {
  // Special config may hold what nobody should read in a log.
  const isShown = !path.startsWith("data.") && !path.startsWith("binaryData.");
  if (!isShown && typeof actual === "string" && typeof expected === "string") return `${path} is another text`;
  return `${path} is ${isShown ? shown(actual) : kindOf(actual)}, must be ${isShown ? shown(expected, "absent") : kindOf(expected, "absent")}`;
}

function shown(value: unknown, missing?: string): string {
  if (typeof value === "string") {
    const text = withoutCredentials(value);
    return JSON.stringify(text.length > longestText ? `${text.slice(0, longestText)}...` : text);
  }
  return typeof value === "number" || typeof value === "boolean" ? String(value) : kindOf(value, missing);
}

function kindOf(value: unknown, missing = "missing"): string {
  if (value === undefined) return missing;
  if (value === null) return "null";
  if (typeof value !== "object") return `a ${typeof value}`;
  return `${Object.keys(value).length === 0 ? "an empty" : "a"} ${Array.isArray(value) ? "list" : "map"}`;
}
