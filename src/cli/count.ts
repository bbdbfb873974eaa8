/** A number with its noun, such as `1 tag` or `2 tags`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
