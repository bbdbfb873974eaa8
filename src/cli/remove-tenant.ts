import { existsSync } from "node:fs";
import { join } from "node:path";
import { objectName } from "../config/object-name";
import { valueAt } from "../config/report";
import type { StackConfig, Tenant } from "../config/stack-config";
import type { StackFile } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import { withoutKey, withValue } from "../config/tenant-edit";
import { type DecisionOptions, decide, refuseUnprintable, type Subject, subjectOf } from "./decision";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import type { Session } from "./session";
import { otherUsers, tenantFolder } from "./tenant-folder";

/** Options of `authority remove-tenant`. */
export interface RemoveTenantOptions extends DecisionOptions {
  readonly reason: string;
  readonly by: string;
}

/** Removes a tenant from a stack, and declares that it is to be deleted. */
export async function removeTenant(name: string, options: RemoveTenantOptions, session: Session): Promise<ExitCode> {
  const { reason, by } = options;
  refuseUnprintable("--by", by);
  const subject = await subjectOf("remove-tenant", name, options, session);
  const { config, tenant, files } = subject;
  refuseDeclared(subject);
  const file = withoutTenant(files.stack, tenant, { reason, by });
  const title = `Remove ${name} from ${config.stack}`;
  const notes = [consequence(config, tenant), ...leftFolder(config, tenant)];
  return decide(
    subject,
    { title, tenants: [name], trailers: { From: tenant.tag, Namespace: tenant.namespace, By: by }, file, notes },
    options,
    session,
  );
}

/** The stack file without the tenant, and with the declaration of that. */
export function withoutTenant(
  file: StackFile,
  tenant: Pick<Tenant, "name" | "formerly" | "namespace">,
  { by, reason }: Pick<RemoveTenantOptions, "by" | "reason">,
): StackFile {
  const declared = { namespace: tenant.namespace, by, reason };
  return withValue(withoutKey(file, ["tenants", tenant.name]), ["removed", objectName(tenant)], declared);
}

/** There is one declaration for each name: of a namespace that the tenant has left. */
function refuseDeclared({ files, config, tenant }: Subject): void {
  const declared = valueAt(settingsOf(files.stack), ["removed", objectName(tenant)]);
  if (declared === undefined) return;
  throw new InputError(
    `\`shared-authority:removed\` has an entry ${objectName(tenant)} already, for the namespace ` +
      `${String(valueAt(declared, ["namespace"]))}. When \`authority up --stack ${config.stack}\` has deleted that one, ` +
      "remove the entry, and run this again.",
  );
}

function consequence({ stack, delivery }: StackConfig, { namespace }: Tenant): string {
  const who = delivery.kind === "manifests" ? "After the push, Flux" : `\`authority up --stack ${stack}\``;
  return `${who} uninstalls its release and deletes the namespace ${namespace} with everything in it.`;
}

/** Nothing is deleted that nobody asked for: the folder may hold what the tenant needs when it comes back. */
function leftFolder(config: StackConfig, { name }: Tenant): string[] {
  const folder = tenantFolder(name);
  if (!existsSync(join(config.root, folder))) return [];
  const users = otherUsers(config, name);
  return [
    users.length > 0
      ? `The folder ${folder} stays: ${users.join(", ")} ${users.length === 1 ? "uses" : "use"} it.`
      : `The folder ${folder} stays, and no stack uses it. \`git rm -r ${folder}\` removes it.`,
  ];
}
