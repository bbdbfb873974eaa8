import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { projectRoot } from "../../support/project";

/**
 * The section of docs/recovery.md for an error message of the engine: its paragraph `You see: ...` quotes only parts of
 * the message. There must be exactly one.
 */
export async function recoveryFor(message: string): Promise<string> {
  const sections = (await readFile(join(projectRoot, "docs/recovery.md"), "utf8")).split(/^## /m).slice(1);
  const meant = sections.filter((section) => {
    const [, seen = ""] = /^You see: ([^]*?)\.(?:\s|$)/m.exec(section) ?? [];
    const quotations = [...seen.matchAll(/`([^`]+)`/g)].map(([, quotation = ""]) => quotation);
    return quotations.length > 0 && quotations.every((quotation) => message.includes(quotation));
  });
  assert.equal(meant.length, 1, `docs/recovery.md has ${meant.length} sections for:\n${message}`);
  return meant[0] ?? "";
}
