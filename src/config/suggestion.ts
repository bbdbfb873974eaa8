import { closest, distance } from "fastest-levenshtein";

/** The known word that was probably meant, or nothing when none is similar. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const best = closest(word.toLowerCase(), [...known]);
  return distance(word.toLowerCase(), best.toLowerCase()) <= Math.max(2, Math.floor(word.length / 3))
    ? best
    : undefined;
}

/** `Did you mean ...?`, or the list of known words. */
export function suggestion(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  if (meant !== undefined) return `Did you mean \`${meant}\`?`;
  return known.length === 0 ? "There is none." : `There are: ${known.map((name) => `\`${name}\``).join(", ")}.`;
}
