/** What changes in a Pulumi file outside of its tenants. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ProblemsError } from "../config/problem";
import { isMapping, projectPrefix } from "../config/report";
import { largestFile } from "../config/stack-file";
import { parseYaml, readTextFile } from "../config/yaml-file";
import { changesBetween } from "./changes";
import { secretsOf } from "./hidden";
import type { Change } from "./model";

/** What Pulumi encrypts secrets with, and encrypted values, say nothing to a reader. */
const encrypted = ["encryptionsalt", "encryptedkey", "secure"];

/** The settings that differ. Tenants have a part of their own, and removals are told with them. */
export async function fileChanges(before: string, after: string, path: string): Promise<Change[]> {
  const [old, now] = [before, after].map((folder) => contentOf(folder, path));
  const secrets = await secretsOf([old, now]);
  return changesBetween(old, now, {
    ...secrets,
    isHidden: (keys, value) =>
      keys.some((key) => encrypted.includes(String(key))) || secrets.isHidden(isOurs(keys) ? [] : keys, value),
  });
}

/** The names of Secrets are settings of ours, and no secrets: there, only what looks like one is. */
function isOurs(keys: readonly (string | number)[]): boolean {
  return keys[0] === "config" && String(keys[1]).startsWith(`${projectPrefix}:`);
}

function contentOf(folder: string, path: string): unknown {
  if (!existsSync(join(folder, path))) return {};
  try {
    const document = parseYaml(path, readTextFile(join(folder, path), path, largestFile), () => undefined)?.document;
    for (const key of ["tenants", "removed"]) {
      const place = ["config", `${projectPrefix}:${key}`];
      if (document?.hasIn(place) === true) document.deleteIn(place);
    }
    const content: unknown = document?.toJS({ maxAliasCount: 1000 });
    return isMapping(content) ? content : {};
  } catch (error) {
    // It was reported, or is the base's.
    if (error instanceof ProblemsError || error instanceof ReferenceError) return {};
    throw error;
  }
}
