import { createHash } from "node:crypto";

/** The digest of a blob or manifest: `sha256:...`. */
export function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
