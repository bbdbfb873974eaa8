/** Whether the text is a complete digest, as registries write it: `sha256:` or `sha512:` and hexadecimal digits. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/.test(text);
}
