import { createEvidenceReader, type EvidenceReader } from "../release/evidence-reader";
import { type Policy, reportFaults } from "./define-policy";
import { FluxScope } from "./flux-scope";
import { type Run, runOf } from "./run";
import { configSchemaOf, settingsSchema } from "./settings";

/**
 * Nothing runs that was not decided, and nothing that was decided is left out. Whether a decided object is the one that the
 * stack's config yields is judged by the policy of its kind.
 *
 * @param createReader called on first use, with the scope `flux`
 */
export function decidedObjectsBy(createReader: () => EvidenceReader): Policy {
  const scopes = new WeakMap<Run, FluxScope>();
  const scopeOf = (run: Run): FluxScope => {
    const scope = scopes.get(run) ?? new FluxScope(run.settings.applications, createReader());
    scopes.set(run, scope);
    return scope;
  };
  return {
    name: "decided-objects",
    displayName: "Exactly what was decided",
    description: "Every resource in the pack's scope is one that was decided, once, on the stack's provider.",
    severity: "critical",
    enforcementLevel: "mandatory",
    settings: settingsSchema,
    configSchema: configSchemaOf(settingsSchema),
    async validateResource(resource, report) {
      const run = runOf(resource.urn);
      run.configure(resource.getConfig());
      const { title, faults } = run.verdictOf(resource);
      reportFaults(report, title, faults);
      reportFaults(report, resource.name, await run.fluxFaults(() => scopeOf(run).faultsOf(resource)));
    },
    /** The engine calls it after the steps: it fails a preview, but blocks no `up`. */
    validateStack({ resources }, report) {
      const run = resources[0] && runOf(resources[0].urn);
      if (run === undefined) return;
      const missing = run.unfinished.map(
        (tenant) => `the HelmRelease of "${tenant}" is missing: it would be uninstalled`,
      );
      reportFaults(report, "The stack", missing);
    },
  };
}

/** The policy as the pack uses it. */
export const decidedObjects = decidedObjectsBy(() => createEvidenceReader());
