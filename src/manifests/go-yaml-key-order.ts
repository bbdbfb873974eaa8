/**
 * The order in which Go's yaml.v2 writes the keys of a map: letters by code point, other characters before letters, and
 * runs of digits as numbers, so that `port2` comes before `port10`.
 */

const letter = /^\p{L}$/u;
const digit = /^\p{Nd}$/u;

/** Below zero where `left` comes first, as `Array.prototype.sort` wants it. */
export function compareKeys(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  let index = 0;
  while (index < shorter && left.charCodeAt(index) === right.charCodeAt(index)) index += 1;
  if (index === shorter) return left.length - right.length;
  const one = left.charCodeAt(index);
  const other = right.charCodeAt(index);
  if (isAsciiLetter(one) && isAsciiLetter(other)) return one - other;
  return compareCharacters(Array.from(left), Array.from(right));
}

function isAsciiLetter(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a);
}

/** Both lists differ somewhere within the length of the shorter one. */
function compareCharacters(left: readonly string[], right: readonly string[]): number {
  const index = left.findIndex((character, at) => character !== right[at]);
  const one = left[index] ?? "";
  const other = right[index] ?? "";
  if (letter.test(one) && letter.test(other)) return codePoint(one) - codePoint(other);
  if (letter.test(one) || letter.test(other)) return letter.test(other) ? -1 : 1;
  return compareNumbers(left, right, index) || codePoint(one) - codePoint(other);
}

/** Compares the runs of digits that begin where the keys differ: by value, then by length. */
function compareNumbers(left: readonly string[], right: readonly string[], index: number): number {
  // A zero that differs stands for more than nothing only where a number has begun: `10` against `1`.
  const begun = (left[index] === "0" || right[index] === "0") && endsInsideNumber(left, index);
  const one = numberAt(left, index, begun);
  const other = numberAt(right, index, begun);
  if (one.value !== other.value) return one.value < other.value ? -1 : 1;
  return one.length - other.length;
}

/** Whether a digit other than zero stands in the run of digits just before `index`. */
function endsInsideNumber(characters: readonly string[], index: number): boolean {
  for (let at = index - 1; at >= 0 && digit.test(characters[at] ?? ""); at -= 1) {
    if (characters[at] !== "0") return true;
  }
  return false;
}

/** Go counts in 64 bits and lets them overflow; digits of other scripts count by their distance from `0`. */
function numberAt(characters: readonly string[], index: number, begun: boolean): { value: bigint; length: number } {
  let value = begun ? 1n : 0n;
  let end = index;
  for (; end < characters.length && digit.test(characters[end] ?? ""); end += 1) {
    value = BigInt.asIntN(64, value * 10n + BigInt(codePoint(characters[end] ?? "") - 0x30));
  }
  return { value, length: end - index };
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}
