import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { objectName } from "../config/object-name";
import { printable } from "../config/printable";
import { valueAt } from "../config/report";
import type { StackConfig, Tenant } from "../config/stack-config";
import type { StackFile } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import { defaultValuesFiles } from "../config/values";
import { withName, withValue } from "../config/tenant-edit";
import { type Lock, readLock, withEvidence } from "../release/lock";
import { refuseTenantName } from "./application-answers";
import { type DecisionOptions, decide, type FileChange, type Subject, subjectOf } from "./decision";
import type { ExitCode } from "./exit-code";
import { InputError } from "./input-error";
import type { Session } from "./session";
import { otherStacksWith, otherUsers, tenantFolder } from "./tenant-folder";

/** Gives a tenant another name in a stack. Everything in the cluster keeps the first one, so nothing changes there. */
export async function renameTenant(
  before: string,
  name: string,
  options: DecisionOptions,
  session: Session,
): Promise<ExitCode> {
  const subject = await subjectOf("rename-tenant", before, options, session);
  const { config, tenant, files } = subject;
  refuseName(subject, name);
  const isDeclared = (application: string) =>
    valueAt(settingsOf(files.project), ["applications", application]) !== undefined;
  const file = renamed(files.stack, tenant, name, isDeclared);
  const others = otherStacksWith(config, before);
  const values = movedValues(config, tenant, name);
  const title = `Rename ${before} to ${name} in ${config.stack}`;
  const lock = renamedLock(readLock(session.root), tenant, name);
  return decide(
    subject,
    {
      title,
      tenants: [name],
      trailers: { Formerly: before },
      file,
      values,
      lock,
      notes: notesOf(subject, name, others, values),
    },
    options,
    session,
  );
}

/** The stack file with another name for the tenant. Its first name stays, and so does its application. */
export function renamed(
  file: StackFile,
  { name: before, formerly }: Pick<Tenant, "name" | "formerly">,
  name: string,
  isDeclared: (application: string) => boolean,
): StackFile {
  const path = ["tenants", name];
  const own = valueAt(settingsOf(file), ["tenants", before, "application"]);
  const next = ownValues(withName(file, ["tenants", before], name), before, name);
  const withApplication =
    own === undefined && isDeclared(before) ? withValue(next, [...path, "application"], before) : next;
  return formerly === undefined ? withValue(withApplication, [...path, "formerly"], before) : withApplication;
}

/** A path of the tenant's own folder would be another key of the ConfigMap. */
function ownValues(file: StackFile, before: string, name: string): StackFile {
  const listed = valueAt(settingsOf(file), ["tenants", name, "values"]);
  return (Array.isArray(listed) ? listed : []).reduce<StackFile>((current, path, index) => {
    const own = `${tenantFolder(before)}/`;
    if (typeof path !== "string" || !path.startsWith(own)) return current;
    return withValue(current, ["tenants", name, "values", index], `${tenantFolder(name)}/${path.slice(own.length)}`);
  }, file);
}

function refuseName({ files, config, tenant }: Subject, name: string): void {
  refuseTenantName(name);
  const { stack, tenants } = config;
  if (name === tenant.name) throw new InputError(`The tenant has the name ${name} already.`);
  const first = objectName(tenant);
  if (name === first) {
    throw new InputError(
      `${name} is the first name of ${tenant.name}, which its objects in the cluster have. Give the entry that name by hand, and remove \`formerly\`.`,
    );
  }
  const other = tenants.find((one) => one.name === name || objectName(one) === name);
  if (other !== undefined) {
    throw new InputError(
      other.name === name
        ? `The stack ${stack} has a tenant ${name} already.`
        : `The objects of the tenant ${other.name} have the name ${name} in the cluster. Choose another one.`,
    );
  }
  const settings = settingsOf(files.stack);
  const applications = settingsOf(files.project).applications;
  const inherits = valueAt(settings, ["tenants", tenant.name, "application"]) ?? valueAt(applications, [tenant.name]);
  if (inherits !== undefined || valueAt(applications, [name]) === undefined) return;
  throw new InputError(
    `\`Pulumi.yaml\` declares an application ${name}, and the tenant, which declares everything itself, would inherit from it. ` +
      "Choose another name.",
  );
}

/**
 * The tenant's values files in the folder of the new name.
 *
 * @throws InputError if there is another file
 */
function movedValues(config: StackConfig, tenant: Tenant, name: string): FileChange[] {
  const { root, stack } = config;
  const own = `${tenantFolder(tenant.name)}/`;
  const isShared = otherUsers(config, tenant.name).length > 0;
  return tenant.values
    .filter(({ path }) => path.startsWith(own))
    .flatMap(({ path }): FileChange[] => {
      const text = readFileSync(join(root, path), "utf8");
      const to = `${tenantFolder(name)}/${path.slice(own.length)}`;
      const present = textOf(root, to);
      if (present !== undefined && present !== text) {
        throw new InputError(
          `${printable(to)} exists already, and differs from ${printable(path)}. Make them equal, or remove one.`,
        );
      }
      // Another stack may need what is for all stacks.
      const keeps = isShared && path !== defaultValuesFiles(tenant.name, stack).at(-1);
      return [
        ...(present === undefined ? [{ path: to, after: text, isMoved: true }] : []),
        ...(keeps ? [] : [{ path, before: text, isMoved: true }]),
      ];
    });
}

function textOf(root: string, path: string): string | undefined {
  const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
  return stat?.isFile() === true ? readFileSync(join(root, path), "utf8") : undefined;
}

/** Entries under the first name are found. Those under a second one would not be. */
function renamedLock(lock: Lock, { name: before, formerly }: Tenant, name: string): Lock | undefined {
  const entries = formerly === undefined ? undefined : lock.releases.get(before);
  return entries && [...entries.values()].reduce((next, evidence) => withEvidence(next, name, evidence), lock);
}

function notesOf(
  { tenant }: Subject,
  name: string,
  others: readonly string[],
  values: readonly FileChange[],
): string[] {
  const added = values.filter(({ after }) => after !== undefined).map(({ path }) => path);
  const removed = values.filter(({ after }) => after === undefined).map(({ path }) => path);
  return [
    `Everything in the cluster keeps the name ${objectName(tenant)}; nothing is deployed anew.`,
    ...(added.length > 0 ? [`Added with the same content as before: ${added.join(", ")}.`] : []),
    ...(removed.length > 0 ? [`Removed: ${removed.join(", ")}.`] : []),
    ...others.map(
      (stack) =>
        `The stack ${stack} still calls it ${tenant.name}. \`authority rename-tenant ${tenant.name} ${name} --stack ${stack}\` renames it there.`,
    ),
  ];
}
