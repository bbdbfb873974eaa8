import { parseConfig } from "./parse-config";
import { Report } from "./report";
import type { Tenant } from "./stack-config";

/**
 * Parses applications that no stack file declares. Each is a tenant of its own name, without a tag.
 *
 * @param applications as under `shared-authority:applications`
 * @param file where they are written, for messages
 * @throws ProblemsError if they are not valid
 */
export function parseApplications(applications: Readonly<Record<string, unknown>>, file: string): readonly Tenant[] {
  const tenants = Object.fromEntries(Object.keys(applications).map((name) => [name, { application: name }]));
  const report = new Report({ follow: "tags", applications, tenants }, { at: () => ({ file }) });
  const facts = { stack: "", root: "", file, valuesOf: () => [], lineOf: () => 1 };
  return parseConfig(report, facts).config().tenants;
}
