/** What is generated from the schema: the JSON Schema for editors, and the documentation of every key. */
import * as z from "zod";
import { projectPrefix, stackSchema } from "./schema";

/** As much of JSON Schema as our schema comes out in. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly fallback?: string;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly [keyword: string]: unknown;
}

/** The JSON Schema of a whole stack file, as text. Other projects' config passes; an unknown key of ours does not. */
export function stackFileJsonSchema(): string {
  const { properties = {}, required = [] } = withoutFallback(settingsSchema());
  const prefixed = Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [`${projectPrefix}:${key}`, value]),
  );
  const schema: JsonSchema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "A stack file of Shared Authority",
    description: "Generated from src/config/schema.ts by src/config/generate-schema.ts. Do not edit.",
    type: "object",
    required: ["config"],
    properties: {
      config: {
        type: "object",
        description: "The decisions of this stack. Every key carries the prefix of its project or provider.",
        required: required.map((key) => `${projectPrefix}:${key}`),
        properties: prefixed,
        propertyNames: {
          anyOf: [{ enum: Object.keys(prefixed) }, { type: "string", pattern: `^(?!${projectPrefix}:)[^:]+:` }],
        },
      },
    },
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** The reference of all keys in Markdown. */
export function configurationReference(): string {
  const settings = settingsSchema();
  const tenants = settings.properties?.tenants;
  const tenant = typeof tenants?.additionalProperties === "object" ? tenants.additionalProperties : {};
  return [
    "<!-- Generated from src/config/schema.ts by `node --require tsx/cjs src/config/generate-schema.ts`. Do not edit. -->",
    "",
    "# Configuration",
    "",
    "A stack is an environment, and its file `Pulumi.<stack>.yaml` holds the decisions. Every key of ours stands below",
    `\`config:\` and carries the prefix \`${projectPrefix}:\`. With this first line editors complete and check what you write:`,
    "",
    "```yaml",
    "# yaml-language-server: $schema=./stack.schema.json",
    "```",
    "",
    "All problems of a stack file and of the values files are reported at once, each with file, line and path. Write versions,",
    "tags and dates in quotes: unquoted, `1.10` is a number and `2027-01-31` a point in time. Anchors, aliases, YAML tags and",
    "encrypted values (`secure:`) are refused below our keys: each decision must be readable in its own place.",
    "",
    `## The stack: \`${projectPrefix}:<key>\``,
    "",
    ...entries(settings, "", (path) => path === "tenants"),
    "",
    `## A tenant: \`${projectPrefix}:tenants\` → \`<name>\` → \`<key>\``,
    "",
    "The name of a tenant is what its namespace and its release are called, unless `namespace` says otherwise. The namespace",
    "may not be the authority namespace, `default`, or one of the cluster's own (`kube-system`, `kube-public`,",
    "`kube-node-lease`).",
    "",
    ...entries(tenant, "", () => false),
    "",
    "## Values files",
    "",
    "A values file is a regular file of this repository (reached by no symbolic link): UTF-8, one YAML document, a mapping or",
    "empty, without duplicate keys. All files of a tenant together fit into a ConfigMap: 1 MiB. The key in it is the file's path",
    "below the tenant's folder, with `__` for `/`; so `eu/a.yaml` and `eu__a.yaml` cannot stand together, and `pinned-image.yaml`",
    "is kept for the values by which the program pins the image.",
    "",
    "In a stack file and in a values file no character may stand that one reader of YAML takes and another refuses, or takes for a",
    "line break: control characters, U+0085, a carriage return alone, and outside of quotes U+2028 and U+2029.",
    "",
  ].join("\n");
}

function settingsSchema(): JsonSchema {
  return z.toJSONSchema(stackSchema(), { io: "input", target: "draft-7" }) as JsonSchema;
}

/** `fallback` is ours, for the documentation; to a JSON Schema it would be an unknown keyword. */
function withoutFallback<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutFallback) as Value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key, inner]) => key !== "fallback" || typeof inner !== "string");
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutFallback(inner)])) as Value;
}

/** One line a key, each before the keys inside it. */
function entries(schema: JsonSchema, above: string, isLeaf: (path: string) => boolean): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = above === "" ? key : `${above}.${key}`;
    const absent = defaultText(value, schema.required?.includes(key) ?? false);
    const entry = `- **${code(path)}**: ${typeText(value)}${absent === "" ? "" : `; ${absent}`}. ${meaning(value)}`;
    return [entry, ...(isLeaf(path) ? [] : innerEntries(value, path, isLeaf))];
  });
}

function innerEntries(schema: JsonSchema, path: string, isLeaf: (path: string) => boolean): string[] {
  if (schema.properties !== undefined) return entries(schema, path, isLeaf);
  if (schema.items !== undefined) return innerEntries(schema.items, `${path}[]`, isLeaf);
  return (schema.anyOf ?? []).flatMap((one) => innerEntries(one, path, isLeaf));
}

function typeText(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(" or ");
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(", ");
  if (schema.const !== undefined) return code(JSON.stringify(schema.const).replaceAll('"', ""));
  if (schema.type === "array") return `list of ${typeText(schema.items ?? {})}`;
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return typeof values === "object" && schema.properties === undefined ? `mapping to ${typeText(values)}` : "mapping";
  }
  return { string: "text", integer: "number", boolean: "`true`, `false`" }[schema.type ?? ""] ?? schema.type ?? "any";
}

function defaultText(schema: JsonSchema, required: boolean): string {
  if (schema.fallback !== undefined) return `default: ${schema.fallback}`;
  if (required) return "required";
  if (schema.default === undefined) return "";
  const isGroup = schema.properties !== undefined && JSON.stringify(schema.default) === "{}";
  return isGroup ? "" : `default: ${code(JSON.stringify(schema.default))}`;
}

function meaning(schema: JsonSchema): string {
  const examples = (schema.examples ?? []).map((example) => code(JSON.stringify(example)));
  const description = schema.description ?? "";
  return examples.length === 0 ? description : `${description} Example: ${examples.join(", ")}.`;
}

function code(text: string): string {
  return `\`${text}\``;
}
