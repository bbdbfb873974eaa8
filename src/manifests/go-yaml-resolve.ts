/**
 * Which plain texts Go's yaml.v2 would read back as something else than a string. Its encoder quotes these. The rules
 * are YAML 1.1's, as far as yaml.v2 knows them, so `1.10`, `y` and `2024-01-01` are no strings, and `<<` is one.
 */

/** The words that stand for booleans, null and the special floats. */
const words = new Set(
  [
    ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"],
    ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"],
    ["", "~", "null", "Null", "NULL"],
    [".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"],
  ].flat(),
);

/** A number without the underscores that YAML 1.1 lets stand anywhere in it. */
const decimal = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;

/** What begins with a point is read as a Go literal, in which underscores separate digits. */
const fraction = /^\.\d+(?:_\d+)*(?:[eE][-+]?\d+(?:_\d+)*)?$/;

/** Hours, minutes and seconds: yaml.v2 reads none of these, and quotes them for the sake of those who do. */
const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

const timestamp =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?(?:Z|[-+](\d\d):(\d\d))| +(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?)?$/;

/** The longest of the words; most texts are longer, and no look-up is as fast as none. */
const longestWord = Math.max(...Array.from(words, (word) => word.length));

/** The same as `resolvesToString` for texts that begin with neither digit, sign nor point. */
export function isNoWord(text: string): boolean {
  return text.length > longestWord || !words.has(text);
}

/** Whether yaml.v2 reads the text, written plain, as a string. */
export function resolvesToString(text: string): boolean {
  const first = text.charAt(0);
  if (/[0-9+-]/.test(first)) {
    return !words.has(text) && !isTimestamp(text) && !isNumber(text.replaceAll("_", "")) && !base60.test(text);
  }
  if (first === ".") return !words.has(text) && !(fraction.test(text) && isFinite(text.replaceAll("_", "")));
  return isNoWord(text);
}

/** Go refuses a number beyond the range of a float, so `1e999` is a string. */
function isFinite(text: string): boolean {
  return Number.isFinite(Number(text));
}

function isNumber(text: string): boolean {
  return isInteger(text) || (decimal.test(text) && isFinite(text));
}

/** Go's integer literals with a base; what is beyond 64 bits is none. */
function isInteger(text: string): boolean {
  const literal =
    /^(?<sign>[-+]?)0(?:[xX](?<hex>[0-9a-fA-F]+)|[oO]?(?<octal>[0-7]+)|[bB](?<binary>[01]+))$/.exec(text) ??
    // yaml.v2 reads the digits after `0b` a second time, and then with a sign of their own.
    /^0b(?<sign>[-+]?)(?<binary>[01]+)$/.exec(text);
  if (literal?.groups === undefined) return false;
  const { sign, hex, octal, binary } = literal.groups;
  const value = BigInt(hex !== undefined ? `0x${hex}` : octal !== undefined ? `0o${octal}` : `0b${binary ?? ""}`);
  if (sign === "") return value < 1n << 64n;
  return sign === "-" ? value <= 1n << 63n : value < 1n << 63n;
}

/** A day that exists, alone or with a time; with a `T` the time has a zone. */
function isTimestamp(text: string): boolean {
  const match = timestamp.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0, ...time] = match.slice(1).map((part) => (part ? Number(part) : 0));
  const [hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0, ...zoneless] = time;
  const [otherHour = 0, otherMinute = 0, otherSecond = 0] = zoneless;
  return (
    isDay(year, month, day) &&
    Math.max(hour, otherHour) < 24 &&
    Math.max(minute, otherMinute, second, otherSecond) < 60 &&
    zoneHour <= 24 &&
    zoneMinute <= 60
  );
}

function isDay(year: number, month: number, day: number): boolean {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}
