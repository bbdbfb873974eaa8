import { annotation } from "../src/manifests/annotation";
import { releaseAnnotations, branchAnnotations } from "../src/manifests/evidence-annotations";
import { branchReasons, expectationsOf, promiseReasons } from "../src/release/promise";
import { createEvidenceReader, type EvidenceReader } from "../src/release/evidence-reader";
import { definePolicy, type Policy } from "./define-policy";
import { type Carried, carriedEvidence, mustBe } from "./release-evidence";

/** The policy's own settings. */
interface Settings {
  /** Default: `on` where the environment has `CI`, as every CI service sets it, otherwise `off`. */
  readonly mode?: "off" | "on";
}

/**
 * Reads Git and the registry itself, and trusts neither the program's evidence nor its lock.
 *
 * By default it is on in CI, which decides what is merged, and off elsewhere, so that a local preview needs no network.
 *
 * @param createReader called on first use
 * @param isContinuousIntegration the default, used if the pack's config has no `mode`
 */
export function evidenceVerifiedBy(createReader: () => EvidenceReader, isContinuousIntegration: () => boolean): Policy {
  let reader: EvidenceReader | undefined;
  return definePolicy<Settings>(
    {
      name: "evidence-verified",
      displayName: "The evidence is true",
      description: "What Git and the registry say now is what the evidence of a release says.",
      severity: "critical",
      enforcementLevel: "mandatory",
      remediationSteps:
        "run `authority verify` to see what changed; if a tag or an image was moved, ask the team for a new release, " +
        "and if Git or the registry cannot be read, give this machine the credentials and run again.",
      configSchema: {
        properties: {
          mode: {
            type: "string",
            enum: ["off", "on"],
            description: "Whether Git and the registry are read. Default: on where the environment has CI, else off.",
          },
        },
      },
    },
    {
      applies: (object, { settings }) =>
        object.isFluxKind("HelmRelease") && (settings.mode ?? (isContinuousIntegration() ? "on" : "off")) === "on",
      judge: async (object, { config }) => {
        const carried = carriedEvidence(object, config);
        if (typeof carried === "string") return [carried];
        return readAndCompare((reader ??= createReader()), carried, object.annotations);
      },
    },
  );
}

/** The policy as the pack uses it. */
export const evidenceVerified = evidenceVerifiedBy(
  () => createEvidenceReader(),
  () => !["", "0", "false"].includes(process.env.CI ?? ""),
);

async function readAndCompare(
  reader: EvidenceReader,
  carried: Carried,
  annotations: Readonly<Record<string, string>>,
): Promise<string[]> {
  const { tenant } = carried;
  if (carried.kind === "branch") {
    const read = await reader.readBranch(tenant);
    if ("missing" in read) return [...read.missing];
    return [
      ...branchReasons(read.evidence, tenant),
      ...differences(annotations, branchAnnotations(tenant.name, read.evidence)),
    ];
  }
  if (tenant.tag === undefined) return [`the stack file gives "${tenant.name}" no tag, so there is nothing to read`];
  const read = await reader.readRelease(tenant);
  if ("missing" in read) return [...read.missing];
  return [
    ...promiseReasons(read.evidence, expectationsOf(tenant)),
    ...differences(annotations, releaseAnnotations(tenant.name, read.evidence), lastingFacts),
  ];
}

/**
 * Every fact but the branch: a commit can be on several branches, and a release branch is deleted after its merge. That
 * the commit is on a release branch is checked here for what was read, and in `release-synced` for the annotations.
 */
const lastingFacts = Object.values(annotation).filter((key) => key !== annotation.branch);

/** The facts in the annotations that differ from Git and the registry. */
function differences(
  carried: Readonly<Record<string, string>>,
  read: Readonly<Record<string, string>>,
  facts: readonly string[] = Object.values(annotation),
): string[] {
  return facts.flatMap((key) => mustBe(`the evidence \`${key}\``, carried[key], read[key]));
}
