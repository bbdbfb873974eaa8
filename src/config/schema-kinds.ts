/**
 * The kinds of values that the schema uses. Each `error` text is a phrase that says what is expected; problems put
 * what was found behind it.
 */
import { isIP } from "node:net";
import * as z from "zod";
import { gitUrlError, isBranchName, isInnerPath } from "./address";
import { containerResource, dnsLabel, dnsSubdomain } from "./kubernetes-name";
import { quantity } from "./quantity";

declare module "zod" {
  interface GlobalMeta {
    /** What applies where the key is missing, in words, where no constant can say it. */
    fallback?: string;
  }
}

/** Control characters, which no rendered object or message may hold, and halves of characters. */
const unprintable = /[^\P{Cc}\t\n\r]|[\p{Cs}\ufffe\uffff]/u;

/** A text that `errorOf` accepts. Where it does not, it returns a phrase that says what is expected. */
export function textWithout(errorOf: (text: string) => string | undefined, kind: string) {
  return z.string({ error: kind }).superRefine((value, context) => {
    const message = unprintable.test(value) ? `${kind}, without control characters` : errorOf(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

type Check = RegExp | ((text: string) => boolean);

/** A text; `expected` says in one phrase what it must be. */
export function text(expected: string, check: Check = /\S/): z.ZodString {
  const printable = z
    .string({ error: expected })
    .refine((value) => !unprintable.test(value), { error: `${expected}, without control characters`, abort: true });
  return check instanceof RegExp
    ? printable.regex(check, { error: expected })
    : printable.refine(check, { error: expected });
}

/** The value of a key that may be missing, with its documentation. */
export function key<S extends z.ZodType>(schema: S, description: string, more: z.GlobalMeta = {}) {
  // JSON Schema drops the default of what is transformed; the reference shows it all the same.
  const fallback = more.default === undefined ? undefined : `\`${JSON.stringify(more.default)}\``;
  return schema.optional().meta({ description, ...(fallback !== undefined && { fallback }), ...more });
}

/** A mapping with these keys and no others. */
export function keys<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? `a mapping with ${nameList(Object.keys(shape))}` : undefined),
  });
}

function nameList(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** One of a few words. */
export function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  return z.enum(values, { error: `one of ${nameList(values)}` });
}

/** A list; `of` says of what. */
export function list<Element extends z.ZodType>(element: Element, of: string) {
  return z.array(element, { error: `a list of ${of}` });
}

/** The address of a Git repository that Flux can read, without credentials. */
export const gitUrl = () => textWithout(gitUrlError, "the address of a Git repository");

/** A path in a chart's values. */
export const valuesPath = () =>
  text("a path in the chart's values such as `image.tag`", /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*$/);

/** The name of one Git branch. */
export const branchName = () => text("the name of a Git branch", isBranchName);

/** The name of a namespace. */
export const namespace = () => text("a namespace: lower-case letters, digits and `-`, at most 63 characters", dnsLabel);

/** The name of a Secret. */
export const secretName = () => text("the name of a Secret: lower-case letters, digits, `-` and `.`", dnsSubdomain);

/** A Go duration. */
export const duration = () =>
  text(
    "a Go duration longer than zero, such as `1m0s`, `30s` or `1h30m`",
    /^(?=.*[1-9])(?:[0-9]{1,6}(?:\.[0-9]{1,6})?(?:ms|s|m|h))+$/,
  );

/** A Go duration without hours: the definitions of Flux's sources accept none as a timeout. */
export const sourceTimeout = () =>
  text(
    "a Go duration in minutes, seconds or milliseconds (Flux accepts no hours for sources), such as `1m0s`",
    /^(?=.*[1-9])(?:[0-9]{1,6}(?:\.[0-9]{1,6})?(?:ms|s|m))+$/,
  );

/** A relative path that does not leave its starting folder. */
export const folder = (expected: string) => text(expected, isInnerPath);

/** The prefix of an image tag or a chart version. A digit at its end would run into the version. */
export const prefix = () =>
  text(
    'a prefix of letters, digits, `.`, `_`, `-` that does not end in a digit, such as "v", or "" for none',
    /^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,62})?(?<![0-9])$/,
  );

/** The prefix of a Git tag. */
export const gitPrefix = () =>
  text(
    'a prefix of letters, digits, `.`, `_`, `-`, `/`, `@` that does not end in a digit, such as "v", or "" for none',
    /^(?:[A-Za-z0-9_@][A-Za-z0-9._/@-]{0,99})?(?<![0-9])$/,
  );

/** A Kubernetes quantity. A plain number is accepted too. */
export const amount = () => {
  const expected = "a quantity that is not negative, such as `500m`, `256Mi` or `2`";
  return z
    .union([text(expected, quantity), z.number({ error: expected }).min(0, { error: expected })], { error: expected })
    .transform(String);
};

/** Quantities by resource. */
export const amounts = (resource: RegExp, expected: string) =>
  z.record(text(expected, resource), amount(), { error: "a mapping from resource to quantity" });

/** Quantities by container resource. */
export const containerAmounts = () =>
  amounts(containerResource, "a resource of a container, such as `cpu`, `memory` or `ephemeral-storage`");

/** Whether such a day exists: `2027-02-29` does not. */
export function isCalendarDay(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const time = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}

/** Whether it is an address block in CIDR notation, of IPv4 or IPv6. */
export function isCidr(value: string): boolean {
  const match = /^([0-9a-fA-F.:]+)\/(0|[1-9][0-9]{0,2})$/.exec(value);
  if (match === null) return false;
  const family = isIP(match[1] ?? "");
  return family !== 0 && Number(match[2]) <= (family === 4 ? 32 : 128);
}
