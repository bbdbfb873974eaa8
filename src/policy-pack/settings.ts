import * as z from "zod";
import type { PolicyConfigSchema } from "@pulumi/policy";

const allowed = z
  .strictObject({
    kind: z.string().min(1).optional().describe("The Kubernetes kind, such as `Alert`."),
    group: z
      .string()
      .optional()
      .describe('The API group, such as `notification.toolkit.fluxcd.io`; "" for the core group. Absent: any.'),
    namespace: z.string().min(1).optional().describe("The object's namespace. Absent: it has none."),
    name: z
      .string()
      .min(1)
      .optional()
      .describe(
        "The object's name. Absent: each object of the kind that has a namespace, but not a tenant's or Flux's.",
      ),
    type: z
      .string()
      .regex(/^[^:]+:[^:]*:[^:]+$/, "expected the type of a Pulumi resource, such as `aws:s3/bucket:Bucket`")
      .optional()
      .describe(
        "Instead of `kind`: the type of a resource that is not a Kubernetes object, such as `aws:s3/bucket:Bucket`.",
      ),
    reason: z.string().regex(/\S/, "expected the reason").describe("Why it is allowed, for whoever reads this file."),
  })
  .refine(({ kind, type }) => (kind === undefined) !== (type === undefined), "expected either `kind` or `type`")
  .refine(({ type = "" }) => !/^(?:kubernetes|pulumi):/.test(type), "expected a Kubernetes object by `kind`");

export const settingsSchema = z.strictObject({
  scope: z
    .enum(["stack", "flux"])
    .default("stack")
    .describe(
      "`stack`: everything in the run must be decided. `flux`: only HelmReleases and their sources are judged.",
    ),
  project: z
    .string()
    .min(1)
    .default("..")
    .describe("The folder of `Pulumi.yaml` and of the values files, relative to the policy pack's folder."),
  allow: z.array(allowed).default([]).describe("What else may be in the run."),
  applications: z
    .record(z.string(), z.looseObject({}))
    .default({})
    .describe("With scope `flux`: the applications that may run, as under `shared-authority:applications`."),
});

/** What the policy pack's own config says: what is judged, and what passes besides the decided objects. */
export type Settings = z.output<typeof settingsSchema>;

/** For the engine, which checks a policy's settings before the run. */
export function configSchemaOf(settings: z.ZodObject): PolicyConfigSchema {
  return { properties: z.toJSONSchema(settings, { io: "input" }).properties as PolicyConfigSchema["properties"] };
}

/**
 * Reads the settings again: the engine that loads the pack may be one that does not check them.
 *
 * @throws z.ZodError if they are not valid
 */
export function readSettings(given: unknown): Settings {
  return settingsSchema.parse(given ?? {});
}
