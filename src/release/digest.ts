/** Whether the text is a digest as registries give it: algorithm and hexadecimal digits in full. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/.test(text);
}
