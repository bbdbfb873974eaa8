/** What is generated from the schema: JSON Schemas for editors, and the reference of all keys. */
import * as z from "zod";
import { projectPrefix } from "./report";
import {
  applicationSchema,
  defaultsSchema,
  projectFileSchema,
  stackFileSchema,
  stackSchema,
  tenantSchema,
} from "./schema";

/** The part of JSON Schema that our schema uses. `fallback` is ours. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  fallback?: string;
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

const generated = "Generated from src/config/schema.ts by src/config/generate-schema.ts. Do not edit.";

/** The JSON Schema of a stack file, as text. Other projects' config passes; an unknown key of ours does not. */
export function stackFileJsonSchema(): string {
  const schema = withEntries(jsonSchema(stackFileSchema()), "tenants", gitNeedsRepository(["chart", "image"]));
  const follow = `${projectPrefix}:follow`;
  const config = {
    type: "object",
    description: "The decisions of this stack. Each key has the prefix of its project or provider.",
    required: [follow],
    ...properties(schema.properties, `^(?!${projectPrefix}:)[^:]+:`),
    if: { type: "object", required: [follow], properties: { [follow]: { const: "tags" } } },
    then: {
      type: "object",
      properties: { [`${projectPrefix}:tenants`]: { type: "object", additionalProperties: releaseNeeds } },
    },
  };
  return fileSchema("A stack file of Shared Authority", { required: ["config"], properties: { config } });
}

/** The JSON Schema of `Pulumi.yaml`, as text. Everything that is not ours passes. */
export function projectFileJsonSchema(): string {
  const schema = withEntries(jsonSchema(projectFileSchema()), "applications", gitNeedsRepository(["chart"]));
  const declared = Object.entries(schema.properties ?? {}).map(([key, value]): [string, JsonSchema] => [
    key,
    needs("value", "Pulumi expects the content of this key below `value:`.", { properties: { value } }),
  ]);
  const config = { type: "object", ...properties(Object.fromEntries(declared), `^(?!${projectPrefix}:)`) };
  return fileSchema("The project file of Shared Authority", { properties: { config } });
}

function fileSchema(title: string, rest: JsonSchema): string {
  const $schema = "http://json-schema.org/draft-07/schema#";
  return `${JSON.stringify({ $schema, title, description: generated, type: "object", ...rest }, undefined, 2)}\n`;
}

/** Our keys with their prefix, and a pattern for those of others. */
function properties(schemas: JsonSchema["properties"] = {}, others: string): JsonSchema {
  const prefixed = Object.entries(schemas).map(([key, schema]) => [`${projectPrefix}:${key}`, schema] as const);
  const names = { anyOf: [{ enum: prefixed.map(([key]) => key) }, { type: "string", pattern: others }] };
  return { properties: Object.fromEntries(prefixed), propertyNames: names };
}

/** A mapping that must have a key. The YAML language server shows `errorMessage` where it is missing. */
function needs(key: string, errorMessage: string, rest: JsonSchema = {}): JsonSchema {
  return { type: "object", required: [key], errorMessage, properties: { [key]: {} }, ...rest };
}

const rangeMissing =
  'The stack follows tags: write which versions may run, such as `policy: { range: ">=6.0.0 <7.0.0" }`.';

/** What a tenant says itself where the stack follows tags: nothing that it could inherit. */
const releaseNeeds: JsonSchema = {
  type: "object",
  allOf: [
    needs("tag", 'The stack follows tags: name the release to run, such as `tag: "6.15.0"`.'),
    needs("policy", rangeMissing),
  ],
  properties: { policy: needs("range", rangeMissing) },
};

/** A chart in Git needs a repository; a tenant that does not state all of `stated` may inherit it. */
function gitNeedsRepository(stated: readonly string[]): JsonSchema {
  const inGit = { type: "string", not: { pattern: "^[a-zA-Z][a-zA-Z0-9+.-]*://" } };
  const properties = { image: {}, chart: inGit, application: { not: {} } };
  return {
    if: { type: "object", required: stated, properties },
    then: needs("repository", "The chart is a path in a Git repository: name it with `repository`."),
  };
}

/** The schema with rules for each entry of one of its mappings. */
function withEntries(schema: JsonSchema, key: string, rules: JsonSchema): JsonSchema {
  const map = schema.properties?.[key] ?? {};
  const entry = { ...(map.additionalProperties as JsonSchema), ...rules };
  return { ...schema, properties: { ...schema.properties, [key]: { ...map, additionalProperties: entry } } };
}

/** The reference of all keys in Markdown. */
export function configurationReference(): string {
  const ofApplication = entries(jsonSchema(applicationSchema(), true), "");
  const ofTenant = entries(jsonSchema(tenantSchema(), true), "").filter((line) => !ofApplication.includes(line));
  const inDefaults = Object.keys(defaultsSchema().shape).map((key) =>
    code(key === "policy" ? "policy.automation" : key),
  );
  return `<!-- Generated from src/config/schema.ts by \`node --require tsx/cjs src/config/generate-schema.ts\`. Do not edit. -->

# Configuration

\`Pulumi.yaml\` declares what each application publishes, once. A stack is an environment: its file \`Pulumi.<stack>.yaml\`
holds the decisions. Our keys are below \`config:\` and have the prefix \`${projectPrefix}:\`. The first line of each example
lets editors complete and check what you write.

All problems of these files and of the values files are reported at once, each with file, line and path. Quote versions, tags
and dates: unquoted, \`1.10\` is a number and \`2027-01-31\` a point in time. Anchors, aliases, YAML tags and encrypted values
(\`secure:\`) are refused below our keys, because each decision must be readable in its own place.

## Declare an application

In \`Pulumi.yaml\`, where Pulumi expects the content of a key below \`value:\`:

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/shared-authority/project.schema.json
config:
  shared-authority:applications:
    value:
      podinfo:
        repository: https://github.com/stefanprodan/podinfo
        chart: ./charts/podinfo
        image: ghcr.io/stefanprodan/podinfo
        team: [podinfo-developers]
\`\`\`

## Run it in an environment

In \`Pulumi.prod.yaml\`, which runs releases only. A stack with \`follow: branch\` needs no more than \`podinfo: {}\`:

\`\`\`yaml
# yaml-language-server: $schema=./node_modules/shared-authority/stack.schema.json
config:
  shared-authority:follow: tags
  shared-authority:tenants:
    podinfo:
      tag: "6.15.0"
      policy: { range: ">=6.0.0 <7.0.0" }
\`\`\`

A tenant runs the application of its own name. To run one under another name, write \`application: podinfo\`. A tenant may
override each key of its application. A tenant without an application needs all required keys in its own entry.

## Set defaults for all tenants

\`${projectPrefix}:defaults\` in \`Pulumi.yaml\` (below \`value:\`) or in a stack, which then replaces that of \`Pulumi.yaml\` as a
whole. It may hold these keys:

${inDefaults.join(", ")}.

A value comes from the tenant, else from its application, else from the defaults, else (\`branch\` only) from
\`${projectPrefix}:branch\` of the stack, else from the default below. \`policy\`, \`prefix\`, \`limits\` and \`network\` are merged key by
key; lists and \`quota\` are replaced.

## Keys of an application: \`applications\` → \`<name>\` → \`<key>\`

A tenant may have the same keys. \`chart\` and \`image\` are required in one of the two.

${ofApplication.join("\n")}

## Keys of a tenant: \`tenants\` → \`<name>\` → \`<key>\`

The name of a tenant is that of its namespace and its release, unless \`namespace\` says otherwise. The namespace may not be the
authority namespace, \`default\`, or one of the cluster's own (\`kube-system\`, \`kube-public\`, \`kube-node-lease\`).

${ofTenant.join("\n")}

## Keys of a stack: \`${projectPrefix}:<key>\`

${entries(jsonSchema(stackSchema(), true), "").join("\n")}

## Values files

A values file is a regular file of this repository (no symbolic link leads to it): UTF-8, one YAML document, a mapping or empty,
without duplicate keys. All files of a tenant together fit into a ConfigMap: 1 MiB. The key in it is the file's path below the
tenant's folder, with \`__\` for \`/\`. So \`eu/a.yaml\` and \`eu__a.yaml\` exclude each other, and \`pinned-image.yaml\` is reserved
for the values by which the program pins the image.
`;
}

/** `fallback` is ours, for the documentation; a JSON Schema has no such keyword. */
function jsonSchema(schema: z.ZodType, withFallback = false): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    target: "draft-7",
    override: ({ jsonSchema: one }) => {
      if (!withFallback) delete (one as JsonSchema).fallback;
    },
  }) as JsonSchema;
}

/** One line for each key, before the keys inside it. */
function entries(schema: JsonSchema, above: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = above === "" ? key : `${above}.${key}`;
    const absent = defaultText(value, schema.required?.includes(key) ?? false);
    const entry = `- **${code(path)}**: ${typeText(value)}${absent === "" ? "" : `; ${absent}`}. ${meaning(value)}`;
    return [entry, ...innerEntries(value, path)];
  });
}

function innerEntries(schema: JsonSchema, path: string): string[] {
  if (schema.properties !== undefined) return entries(schema, path);
  if (schema.items !== undefined) return innerEntries(schema.items, `${path}[]`);
  return (schema.anyOf ?? []).flatMap((one) => innerEntries(one, path));
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
