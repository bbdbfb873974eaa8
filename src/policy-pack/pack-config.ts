import * as z from "zod";
import { type Problem, ProblemsError } from "../config/problem";
import { suggestion } from "../config/suggestion";
import type { Level, PackConfig } from "./judge";
import { policies } from "./policies";

const level: z.ZodType<Level> = z.enum(["advisory", "mandatory", "disabled"]);

/**
 * Parses the file of `--policy-pack-config`, as strictly as the engine, which only ignores names that no policy has.
 *
 * @param file for messages
 * @throws ProblemsError with everything that is wrong with it
 */
export function parsePackConfig(text: string, file: string): PackConfig {
  const schema = z.strictObject({
    all: level.optional(),
    ...Object.fromEntries(policies.map(({ name, settings = z.strictObject({}) }) => [name, policySchema(settings)])),
  });
  const { data, error } = schema.safeParse(parseJson(text, file), {
    error: ({ code, input }) => (code === "invalid_type" && input === undefined ? "This key is missing." : undefined),
  });
  if (error === undefined) return data;
  throw new ProblemsError(error.issues.flatMap((issue) => problemsOf(issue, file)));
}

function problemsOf(issue: z.core.$ZodIssue, file: string): Problem[] {
  const path = issue.path.length === 0 ? undefined : issue.path.map(String).join(".");
  if (issue.code !== "unrecognized_keys") return [{ file, path, message: issue.message }];
  const names = policies.map(({ name }) => name);
  return issue.keys.map((key) =>
    path === undefined
      ? { file, message: `There is no policy \`${key}\`.`, fix: suggestion(key, names) }
      : { file, path: `${path}.${key}`, message: "This key is unknown." },
  );
}

/** A level alone, or the policy's settings with a level. */
function policySchema(own: z.ZodObject) {
  const whole = own.extend({ enforcementLevel: level.optional() });
  return z.preprocess((given) => (typeof given === "string" ? { enforcementLevel: given } : given), whole.optional());
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const message = "The policy pack's config is not JSON.";
    throw new ProblemsError([{ file, message, fix: 'Write it as in `{ "pin-not-expired": "mandatory" }`.' }]);
  }
}
