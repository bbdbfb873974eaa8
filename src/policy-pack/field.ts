/** Reads fields of unvalidated objects. A value of an unexpected type counts as missing. */

export type FieldMap = Readonly<Record<string, unknown>>;

/** Whether the value is a map: not a list, a scalar or null. */
export function isMap(value: unknown): value is FieldMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The value at a path of keys.
 *
 * @throws UnknownValueError if the engine does not know the value yet
 */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (!isMap(current)) return undefined;
    current = current[key];
  }
  return current;
}

/** The string at a path; `undefined` if it is missing or empty. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** The map at a path; empty if it is missing. */
export function mapAt(value: unknown, ...path: readonly string[]): FieldMap {
  const found = valueAt(value, ...path);
  return isMap(found) ? found : {};
}

/** The string entries of the map at a path. */
export function textMapAt(value: unknown, ...path: readonly string[]): Readonly<Record<string, string>> {
  const entries = Object.entries(mapAt(value, ...path));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
