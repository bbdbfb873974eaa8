import { emergencyReason } from "../config/emergency";
import { objectName } from "../config/object-name";
import type { StackConfig, Tenant } from "../config/stack-config";
import { annotation } from "../manifests/annotation";
import { enforcedModes, stackObjects, type StackObject } from "../manifests/stack-objects";
import type { BranchEvidence, Evidence } from "../release/evidence";
import { JudgedObject } from "./judged-object";

/** An object that the stack's config yields. */
export interface ExpectedObject extends StackObject {
  readonly key: string;
  /** `HelmRelease flux-system/podinfo`. */
  readonly title: string;
  /** The tenant that it belongs to; absent if it belongs to the whole stack. */
  readonly tenant?: Tenant;
}

/**
 * Every object that a stack's config yields: those that need no evidence at once, those of a tenant's release when its
 * evidence is there.
 */
export class ExpectedObjects {
  readonly #byKey = new Map<string, ExpectedObject>();
  /** By tenant; `undefined`: of the whole stack. */
  readonly #byTenant = new Map<string | undefined, ExpectedObject[]>();

  readonly #tenants: ReadonlyMap<string, Tenant>;

  constructor(readonly config: StackConfig) {
    this.#tenants = new Map(config.tenants.map((tenant) => [objectName(tenant), tenant]));
    for (const one of this.#expected(config.tenants, anyEvidence)) {
      if (dependsOnEvidence(one)) continue;
      this.#byKey.set(one.key, one);
      const ofTenant = this.#byTenant.get(one.tenant?.name) ?? [];
      ofTenant.push(one);
      this.#byTenant.set(one.tenant?.name, ofTenant);
    }
  }

  /** The object of this key that needs no evidence, if there is one. */
  find(key: string): ExpectedObject | undefined {
    return this.#byKey.get(key);
  }

  /**
   * The objects that need no evidence, of the whole stack and of one tenant. The program goes on without the stack's admission
   * policy where the cluster does not have the API and nothing is to be denied.
   */
  required(tenant: Tenant): readonly ExpectedObject[] {
    const isAdmissionRequired = enforcedModes(this.config).includes("deny");
    return [undefined, tenant.name]
      .flatMap((name) => this.#byTenant.get(name) ?? [])
      .filter(({ owner }) => isAdmissionRequired || owner.component !== "ImageAdmission");
  }

  /** The objects of a tenant's release: its source, its special config, and the HelmRelease, in this order. */
  ofRelease(tenant: Tenant, evidence: Evidence | BranchEvidence): readonly ExpectedObject[] {
    return [...this.#expected([tenant], evidence)].filter(dependsOnEvidence);
  }

  /** The tenant whose objects have this name, if the stack has one. */
  tenant(name: string | undefined): Tenant | undefined {
    return this.#tenants.get(name ?? "");
  }

  *#expected(tenants: readonly Tenant[], evidence: Evidence | BranchEvidence): Generator<ExpectedObject> {
    const resolved = tenants.map((tenant) => ({ tenant, source: "lock" as const, evidence, reasons: [] }));
    const stack = { config: { ...this.config, tenants }, tenants: resolved };
    for (const one of stackObjects(stack, { emergency: emergencyReason() })) {
      const { component, name } = one.owner;
      const { key, title } = new JudgedObject(one.object);
      yield { ...one, key, title, tenant: tenantComponents.includes(component) ? this.tenant(name) : undefined };
    }
  }
}

/** The components that are named after their tenant. The others are named after the stack. */
const tenantComponents: readonly string[] = ["Tenant", "ReleasePolicy", "HelmReleaseWithValues"];

/** An object that needs no evidence is the same with any. */
const anyEvidence: Evidence = { version: "0.0.0", chart: "", images: [] };

/** Whether evidence is part of the object: in its annotations, or as the digest in the special config. */
function dependsOnEvidence({ object, owner }: ExpectedObject): boolean {
  return owner.component === "HelmReleaseWithValues" || object.metadata.annotations?.[annotation.follow] !== undefined;
}
