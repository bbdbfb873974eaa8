import * as z from "zod";
import { objectName } from "../config/object-name";
import { annotation } from "../manifests/annotation";
import { resolvedSource } from "../manifests/source";
import { isRelease } from "../release/evidence";
import { createEvidenceReader, type EvidenceReader } from "../release/evidence-reader";
import { branchReasons, expectationsOf, promiseReasons } from "../release/promise";
import { definePolicy, type Policy } from "./define-policy";
import { differences } from "./difference";
import { brokenPromise, type Carried, isCurrent } from "./release-evidence";
import { configSchemaOf } from "./settings";

const settingsSchema = z.strictObject({
  mode: z
    .enum(["off", "on"])
    .optional()
    .describe("Whether Git and the registry are read. Default: on where the environment has CI, else off."),
});

/**
 * Reads Git and the registry itself, and trusts neither the program's evidence nor its lock.
 *
 * By default it is on in CI, which decides what is merged, and off elsewhere, so that a local preview needs no network.
 *
 * @param createReader called on first use
 * @param isOn the default, used if the pack's config has no `mode`
 */
export function evidenceVerifiedBy(createReader: () => EvidenceReader, isOn: () => boolean): Policy {
  let reader: EvidenceReader | undefined;
  return definePolicy<z.output<typeof settingsSchema>>(
    {
      name: "evidence-verified",
      displayName: "The evidence is true",
      description: "What Git and the registry say now is what the evidence of a release says.",
      severity: "critical",
      enforcementLevel: "mandatory",
      settings: settingsSchema,
      configSchema: configSchemaOf(settingsSchema),
    },
    async ({ object, carried }, { settings }) => {
      const mode = settings.mode ?? (isOn() ? "on" : "off");
      // An earlier release was verified when it was deployed, and its tag may be gone.
      if (mode === "off" || carried === undefined || !isCurrent(carried)) return [];
      return readAndCompare((reader ??= createReader()), carried, object.annotations);
    },
  );
}

/** The policy as the pack uses it. */
export const evidenceVerified = evidenceVerifiedBy(
  () => createEvidenceReader(),
  () => isContinuousIntegration(process.env),
);

/** Whether the environment is that of a CI service. People turn it off with `0`, `false`, `no` or nothing. */
export function isContinuousIntegration({ CI = "" }: NodeJS.ProcessEnv): boolean {
  return !/^(?:0|false|no)?$/i.test(CI);
}

/** What `release-synced` finds in the same facts is not reported again. */
async function readAndCompare(
  reader: EvidenceReader,
  carried: Carried,
  annotations: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { kind, tenant } = carried;
  const read = await (kind === "branch" ? reader.readBranch(tenant) : reader.readRelease(tenant));
  if ("missing" in read) return read.missing;
  const { evidence } = read;
  const reasons = isRelease(evidence)
    ? promiseReasons(evidence, expectationsOf(tenant))
    : branchReasons(evidence, tenant);
  const known = brokenPromise(carried);
  const now = resolvedSource(objectName(tenant), evidence).annotations;
  return [
    ...reasons.filter((reason) => !known.includes(reason)),
    ...differences(factsIn(annotations, kind), factsIn(now, kind)).map((fault) => `the evidence ${fault}`),
  ];
}

/**
 * The facts in annotations. That the commit of a release is on a release branch is judged for what was read; on which
 * one may differ. A commit can be on several, and a release branch is deleted after its merge.
 */
function factsIn(annotations: Readonly<Record<string, string>>, kind: Carried["kind"]): Record<string, unknown> {
  const facts = Object.values(annotation).filter((key) => kind === "branch" || key !== annotation.branch);
  return Object.fromEntries(facts.map((key) => [key, annotations[key]]));
}
