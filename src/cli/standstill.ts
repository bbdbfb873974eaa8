/** A pin and a hold are written alike: who, why and until when, and no marker by which Flux would write another version. */
import { withMarkers, withoutMarkers } from "../config/marker-edit";
import { objectName } from "../config/object-name";
import { isCalendarDay } from "../config/schema-kinds";
import type { StackFile } from "../config/stack-file";
import { withValue } from "../config/tenant-edit";
import type { DecisionOptions, Subject } from "./decision";
import { InputError } from "./input-error";

/** Options of `authority pin` and `authority hold`. */
export interface StandstillOptions extends DecisionOptions {
  readonly reason: string;
  readonly by: string;
  readonly until?: string;
}

/** The stack file with a tenant's pin or hold, and without its markers. */
export function withStandstill(
  file: StackFile,
  tenant: string,
  key: "pin" | "hold",
  { reason, by, until }: Pick<StandstillOptions, "reason" | "by" | "until">,
): StackFile {
  const entry = { reason, by, ...(until === undefined ? {} : { until }) };
  return withoutMarkers(withValue(file, ["tenants", tenant, "policy", key], entry), tenant);
}

/** The stack file with the tenant's markers if Flux writes its version. */
export function withOwnMarkers(file: StackFile, { config, tenant }: Pick<Subject, "config" | "tenant">): StackFile {
  const isAutomated = tenant.policy.automation !== "manual";
  const target = `${config.authorityNamespace}:${objectName(tenant)}`;
  return withMarkers(file, tenant.name, (field) => (isAutomated ? `${target}:${field}` : undefined));
}

/** @throws InputError if the text is not a day, or one that is over */
export function refuseDay(until: string | undefined): void {
  if (until === undefined) return;
  if (!isCalendarDay(until))
    throw new InputError(`Expected a day, YYYY-MM-DD, after \`--until\`, got ${JSON.stringify(until)}.`);
  const today = new Date().toISOString().slice(0, 10);
  if (until < today) throw new InputError(`The day ${until} of \`--until\` is over; name today or a later one.`);
}
