import * as z from "zod";
import type { Report } from "./report";
import { projectPrefix, stackSchema, type StackSettings } from "./schema";
import { nearest, suggestion } from "./suggestion";

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

/** Checks the settings against the schema; each issue becomes a problem with its place. */
export function checkSchema(report: Report, settings: unknown): StackSettings | undefined {
  const result = stackSchema().safeParse(settings);
  if (result.success) return result.data;
  for (const issue of result.error.issues) reportIssue(report, settings, issue, []);
  return undefined;
}

function reportIssue(report: Report, settings: unknown, issue: Issue, above: Path): void {
  const path = [...above, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))];
  // An alias or a duplicate key has its own problem, and no value that could be judged.
  if (report.has(path)) return;
  switch (issue.code) {
    case "unrecognized_keys":
      for (const key of issue.keys) reportUnknownKey(report, path, key);
      return;
    case "invalid_key":
      report.add(
        path,
        `Expected ${issue.issues[0]?.message ?? issue.message}, got ${JSON.stringify(path.at(-1))}.`,
        keyHint(path),
        "key",
      );
      return;
    case "invalid_union": {
      const meant = meantAlternative(issue.errors);
      if (meant === undefined) report.expected(path, issue.message);
      else for (const inner of meant) reportIssue(report, settings, inner, path);
      return;
    }
    case "invalid_value": {
      const value = valueAt(settings, path);
      const meant = typeof value === "string" ? nearest(value, issue.values.map(String)) : undefined;
      report.expected(path, meant === undefined ? issue.message : `${issue.message} (did you mean \`${meant}\`?)`);
      return;
    }
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_type":
    case "not_multiple_of":
    case "too_big":
    case "too_small":
      report.expected(path, issue.message);
  }
}

/** The alternative of a union that was probably meant: one whose trouble lies deeper, else one of the right type. */
function meantAlternative(alternatives: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const deeper = alternatives.find((issues) =>
    issues.every((issue) => issue.path.length > 0 || issue.code === "unrecognized_keys"),
  );
  return (
    deeper ??
    alternatives.find((issues) =>
      issues.every((issue) => issue.code !== "invalid_type" && issue.code !== "invalid_value"),
    )
  );
}

function reportUnknownKey(report: Report, path: Path, key: string): void {
  const known = knownKeys(path);
  if (path.length === 0) {
    const nested = known.find((name) => key.startsWith(`${name}.`) || key.startsWith(`${name}[`));
    report.add(
      [key],
      `The key \`${projectPrefix}:${key}\` is unknown.`,
      nested === undefined
        ? suggestion(key, known)
        : `Write it as a mapping below \`${projectPrefix}:${nested}\`, as \`pulumi config set --path\` does.`,
      "key",
    );
    return;
  }
  report.add([...path, key], `The key \`${key}\` is unknown.`, suggestion(key, known), "key");
}

function keyHint(path: Path): string | undefined {
  const name = String(path.at(-1));
  const lower = name.toLowerCase().replaceAll(/[_. ]/g, "-");
  return path[0] === "tenants" &&
    path.length === 2 &&
    lower !== name &&
    /^[a-z0-9](?:[a-z0-9-]{0,51}[a-z0-9])?$/.test(lower)
    ? `Call it \`${lower}\`.`
    : undefined;
}

/** The keys that the object at the path takes. */
function knownKeys(path: Path): string[] {
  let schema: z.core.$ZodType | undefined = stackSchema();
  for (const part of path) {
    schema = inner(schema)
      .map((one) => child(one, part))
      .find((one) => one !== undefined);
    if (schema === undefined) return [];
  }
  return inner(schema).flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : []));
}

function child(schema: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject)
    return Object.hasOwn(schema.shape, part) ? (schema.shape[part] as z.core.$ZodType) : undefined;
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodArray) return schema.element;
  return undefined;
}

/** What is left when defaults, optionality and transformations are taken off; of a union, its alternatives. */
function inner(schema: z.core.$ZodType | undefined): z.core.$ZodType[] {
  if (schema === undefined) return [];
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return inner(schema.def.innerType);
  }
  if (schema instanceof z.ZodPipe) return inner(schema.def.in);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => inner(option));
  return [schema];
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<string | number, unknown>)[part];
  }
  return current;
}
