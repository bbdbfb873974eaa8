import type { StackConfig, Tenant } from "../config/stack-config";
import type { StackFile } from "../config/stack-file";
import { withoutKey } from "../config/tenant-edit";
import {
  type DecisionOptions,
  decide,
  refuseUnprintable,
  type StackSubject,
  stackSubjectOf,
  tenantOf,
} from "./decision";
import type { ExitCode } from "./exit-code";
import { describePaths, holdPaths } from "./hold-paths";
import { InputError } from "./input-error";
import { promotionNotes } from "./pin";
import { refuseToWrite } from "./releases";
import type { Session } from "./session";
import { refuseDay, type StandstillOptions, withOwnMarkers, withStandstill } from "./standstill";

/** Options of `authority hold`. */
export interface HoldOptions extends StandstillOptions {
  /** Whether a path may stay open. */
  readonly acceptOpen?: boolean;
}

/** Closes every path by which something else than a commit of people changes what tenants run. Default: all of the stack. */
export async function hold(names: readonly string[], options: HoldOptions, session: Session): Promise<ExitCode> {
  const { reason, by, until } = options;
  refuseUnprintable("--by", by);
  refuseDay(until);
  const subject = await stackSubjectOf("hold", options, session);
  const { files, config } = subject;
  const { stack } = config;
  const tenants = chosen(subject, names, ({ policy }) => policy.hold === undefined);
  const held = tenants.find(({ policy }) => policy.hold !== undefined);
  if (held?.policy.hold !== undefined) {
    const { by: holder, reason: why } = held.policy.hold;
    throw new InputError(
      `${held.name} is held already by ${holder}: ${why}. \`authority resume ${held.name} --stack ${stack}\` ends that hold first.`,
    );
  }
  if (tenants.length === 0) throw new InputError(`All tenants of the stack ${stack} are held already.`);
  const paths = tenants.map((tenant) => ({ tenant, paths: holdPaths(config, tenant) }));
  const open = describePaths(paths, "open");
  if (open.length > 0 && options.acceptOpen !== true) {
    return refuseToWrite(session.terminal, [
      `${stack}: what runs could still change`,
      ...open.map((one) => `  - ${one}`),
      "  - `--accept-open` holds the tenants nevertheless, and the commit says what stays open",
    ]);
  }
  const file = tenants.reduce((current, { name }) => withHold(current, name, { reason, by, until }), files.stack);
  const title = `Hold ${namesText(tenants)} in ${stack}`;
  const notes = [...describePaths(paths, "closed"), ...open, ...applyNotes(config, tenants)];
  const trailers = { By: by, Until: until, "Accepted-Open": open.length === 0 ? undefined : open.join("; ") };
  return decide(subject, { title, tenants: tenants.map(({ name }) => name), trailers, file, notes }, options, session);
}

/** Ends the holds of tenants, and restores their markers. Default: all held tenants of the stack. */
export async function resume(names: readonly string[], options: DecisionOptions, session: Session): Promise<ExitCode> {
  const subject = await stackSubjectOf("resume", options, session);
  const { files, config } = subject;
  const tenants = chosen(subject, names, ({ policy }) => policy.hold !== undefined);
  const running = tenants.find(({ policy }) => policy.hold === undefined);
  if (running !== undefined) throw new InputError(`${running.name} is not held in the stack ${config.stack}.`);
  if (tenants.length === 0) throw new InputError(`No tenant of the stack ${config.stack} is held.`);
  const file = tenants.reduce((current, tenant) => withoutHold(current, { config, tenant }), files.stack);
  const title = `Resume ${namesText(tenants)} in ${config.stack}`;
  const unpinned = tenants.filter(({ policy }) => policy.pin === undefined);
  const notes = [...applyNotes(config, tenants), ...promotionNotes(config, unpinned)];
  return decide(subject, { title, tenants: tenants.map(({ name }) => name), file, notes }, options, session);
}

/** The stack file with the hold, and without the tenant's markers. */
export function withHold(file: StackFile, tenant: string, hold: Parameters<typeof withStandstill>[3]): StackFile {
  return withStandstill(file, tenant, "hold", hold);
}

/** The stack file without the hold, and with the tenant's markers if Flux writes its version. */
export function withoutHold(
  file: StackFile,
  { config, tenant }: { readonly config: StackConfig; readonly tenant: Tenant },
): StackFile {
  const resumed = withoutKey(file, ["tenants", tenant.name, "policy", "hold"]);
  return tenant.policy.pin === undefined ? withOwnMarkers(resumed, { config, tenant }) : resumed;
}

/** The tenants of these names, or without any those that the verb has something to do with. */
function chosen({ config }: StackSubject, names: readonly string[], isMeant: (tenant: Tenant) => boolean): Tenant[] {
  if (names.length === 0) return config.tenants.filter(isMeant);
  return [...new Set(names)].map((name) => tenantOf(config, name, `The stack ${config.stack}`));
}

function namesText(tenants: readonly Tenant[]): string {
  return tenants.length > 3 ? `${tenants.length} tenants` : tenants.map(({ name }) => name).join(", ");
}

/** What a push does not do yet. */
function applyNotes({ stack, follow, delivery }: StackConfig, tenants: readonly Tenant[]): string[] {
  if (follow !== "branch" || delivery.kind !== "cluster" || tenants.every(({ branchImage }) => branchImage)) return [];
  return [`This needs an \`up\`: \`authority up --stack ${stack}\`. Until then Flux does as before.`];
}
