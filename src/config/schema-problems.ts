import * as z from "zod";
import { releaseName } from "./kubernetes-name";
import { applicationSchema, stackFileSchema, tenantSchema } from "./schema";
import { type ConfigPath, pathText, type Report, valueAt } from "./report";
import { nearest, suggestion } from "./suggestion";

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodType;

/**
 * Checks the value at a path against its schema. Each issue becomes a problem with its place.
 *
 * @returns the parsed value, or nothing where anything in it has a problem
 */
export function checkSchema<S extends z.ZodType>(
  report: Report,
  schema: S,
  value: unknown,
  at: ConfigPath,
): z.output<S> | undefined {
  const result = schema.safeParse(value);
  for (const issue of result.error?.issues ?? [])
    reportIssue(report, { schema: at.length === 0 ? stackFileSchema() : schema, at }, issue, at);
  return result.success && (at.length === 0 || report.isClean(at)) ? result.data : undefined;
}

interface Checked {
  readonly schema: Schema;
  readonly at: ConfigPath;
}

function reportIssue(report: Report, checked: Checked, issue: Issue, above: ConfigPath): void {
  const path = [...above, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))];
  // An alias or a duplicate key has its own problem, and no value that could be checked.
  if (report.has(path)) return;
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) reportUnknownKey(report, path, key, knownKeys(checked, path));
  } else if (issue.code === "invalid_key") {
    const message = `Expected ${issue.issues[0]?.message ?? issue.message}, got ${JSON.stringify(path.at(-1))}.`;
    report.add(path, message, nameHint(String(path.at(-1))), "key");
  } else if (issue.code === "invalid_union") {
    const meant = meantAlternative(issue.errors);
    if (meant === undefined) report.expected(path, issue.message);
    else for (const inner of meant) reportIssue(report, checked, inner, path);
  } else if (issue.code === "invalid_value") {
    const value = valueAt(report.settings, path);
    const meant = typeof value === "string" ? nearest(value, issue.values.map(String)) : undefined;
    report.expected(path, meant === undefined ? issue.message : `${issue.message} (did you mean \`${meant}\`?)`);
  } else report.expected(path, issue.message);
}

/** The alternative of a union that was probably meant: one whose problem is deeper, else one of the right type. */
function meantAlternative(alternatives: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isDeeper = (issue: Issue) => issue.path.length > 0 || issue.code === "unrecognized_keys";
  const hasType = (issue: Issue) => issue.code !== "invalid_type" && issue.code !== "invalid_value";
  return alternatives.find((issues) => issues.every(isDeeper)) ?? alternatives.find((issues) => issues.every(hasType));
}

function reportUnknownKey(report: Report, path: ConfigPath, key: string, known: readonly string[]): void {
  if (report.has([...path, key])) return;
  if (path[0] === "defaults" && knownKeys({ schema: tenantSchema(), at: ["defaults"] }, path).includes(key)) {
    const isPublished = path.length === 1 && Object.hasOwn(applicationSchema().shape, key);
    const fix = `Set it in each tenant${isPublished ? ", or in the application" : ""}.`;
    report.add([...path, key], `The key \`${key}\` is not allowed in \`defaults\`.`, fix, "key");
    return;
  }
  if (key === "address" && path[0] === "alerts") {
    const fix = "Put it into the Secret that `secret` names, below the key `address`: whoever has it can often send.";
    report.add([...path, key], "The key `address` is unknown.", fix, "key");
    return;
  }
  const shown = path.length === 0 ? pathText([key]) : key;
  const nested =
    path.length > 0 ? undefined : known.find((name) => key.startsWith(`${name}.`) || key.startsWith(`${name}[`));
  const fix =
    nested === undefined
      ? suggestion(key, known)
      : `Write it as a mapping below \`${pathText([nested])}\`, as \`pulumi config set --path\` does.`;
  report.add([...path, key], `The key \`${shown}\` is unknown.`, fix, "key");
}

function nameHint(name: string): string | undefined {
  const lower = name.toLowerCase().replaceAll(/[_. ]/g, "-");
  return lower !== name && releaseName.test(lower) ? `Call it \`${lower}\`.` : undefined;
}

/** The keys that the mapping at the path may have. */
function knownKeys({ schema, at }: Checked, path: ConfigPath): string[] {
  const found = path
    .slice(at.length)
    .reduce<Schema[]>((schemas, part) => schemas.flatMap((one) => child(one, part)).flatMap(inner), inner(schema));
  return found.flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : []));
}

function child(schema: Schema, part: string | number): Schema[] {
  if (schema instanceof z.ZodObject) return Object.hasOwn(schema.shape, part) ? [schema.shape[part] as Schema] : [];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  return schema instanceof z.ZodArray ? [schema.element] : [];
}

/** The schema without defaults, optionality and transformations; of a union, its alternatives. */
function inner(schema: Schema): Schema[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return inner(schema.def.innerType);
  }
  if (schema instanceof z.ZodPipe) return inner(schema.def.in);
  return schema instanceof z.ZodUnion ? schema.options.flatMap((option) => inner(option)) : [schema];
}
