import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { ZodError } from "zod";
import { stackConfigOfEngine } from "../config/engine-config";
import { describeProblem, ProblemsError } from "../config/problem";
import type { StackConfig, Tenant } from "../config/stack-config";
import { annotation } from "../manifests/annotation";
import { keepsPreviousSources } from "../manifests/source";
import { type Lock, lockedEvidence, readLock } from "../release/lock";
import { versionFault } from "../package-version";
import { differences } from "./difference";
import { type ExpectedObject, ExpectedObjects } from "./expected-objects";
import { policySdk, pulumiSdk } from "./engine-sdk";
import { expectedProvider, type Inputs, providerFaults } from "./expected-provider";
import { JudgedObject } from "./judged-object";
import { carriedEvidence, isCurrent } from "./release-evidence";
import { optionFaults, type Resource, typeFaults } from "./resource";
import { readSettings, type Settings } from "./settings";
import { type Decided, passed, refused, type Verdict } from "./verdict";

/** What a run is judged by, where it is not the engine that says so. */
export interface RunInputs {
  readonly config: StackConfig;
  /** The inputs of the stack's provider. */
  readonly provider: Inputs;
}

/**
 * The resources of one engine run that have been judged so far.
 *
 * The engine judges each resource before its step. Stack validation runs after the steps, too late to block. So rules
 * over several objects are judged at the last of them, the HelmRelease, which the program registers after everything
 * that it depends on. An object that has not been seen by then counts as missing.
 */
export class Run {
  /** By URN: all policies of the pack judge the same resource, one after the other. */
  readonly #verdicts = new Map<string, Verdict>();
  /** By key, each object so far, and whether it passed: a second one of its key is refused only if it did. */
  readonly #seen = new Map<string, boolean>();
  /** The objects of a tenant's release, from its source to the HelmRelease. */
  readonly #releases = new Map<string, readonly ExpectedObject[]>();
  /** The source of an earlier release, by tenant. */
  readonly #previous = new Map<string, string>();
  readonly #judgedProviders = new Set<string>();
  /** The URN of the one provider of all objects. */
  #provider: string | undefined;
  #given: unknown;
  #settings: Settings | undefined;
  #config: StackConfig | undefined;
  #expected: ExpectedObjects | undefined;
  #knownLock: Lock | undefined;
  /** Whether the engine passed an object that it does not touch, so that not all objects of the stack are known. */
  #isPartial = false;
  /** Whether the stack's config or the settings cannot be read, or the program is of another version: the run fails. */
  #isUnreadable = false;
  /** Whether the versions of program and pack are still to be compared. */
  #isNew: boolean;
  #hasHinted: boolean;

  constructor(
    readonly stack: string,
    readonly inputs?: RunInputs,
  ) {
    this.#config = inputs?.config;
    // `authority check` judges all objects as they are now.
    this.#hasHinted = inputs !== undefined;
    this.#isNew = inputs === undefined;
  }

  /** Takes the settings, which only one policy of the pack has: the first. */
  configure(given: unknown): void {
    this.#given ??= given;
  }

  /** @throws z.ZodError if they are not valid */
  get settings(): Settings {
    return (this.#settings ??= readSettings(this.#given));
  }

  /** @throws ProblemsError if the stack's config, or a values file, cannot be read */
  get config(): StackConfig {
    return (this.#config ??= stackConfigOfEngine(
      this.stack,
      pulumiSdk().runtime.allConfig(),
      projectFolder(this.settings),
    ));
  }

  /** @throws ProblemsError if the lock cannot be read */
  get #lock(): Lock {
    return (this.#knownLock ??= readLock(this.config.root));
  }

  get #objects(): ExpectedObjects {
    return (this.#expected ??= new ExpectedObjects(this.config));
  }

  verdictOf(resource: Resource): Verdict {
    const known = this.#verdicts.get(resource.urn);
    if (known !== undefined) return known;
    const verdict = this.#guarded(resource);
    this.#verdicts.set(resource.urn, verdict);
    return verdict;
  }

  /** What is wrong by the scope `flux`, or why it cannot be judged. */
  async fluxFaults(judge: () => Promise<readonly string[]>): Promise<readonly string[]> {
    if (this.#isUnreadable || this.settings.scope !== "flux") return [];
    try {
      return await judge();
    } catch (error) {
      return this.#unjudged(error);
    }
  }

  /** Once a run, why an object may differ. For an object that `--target` does not name, the engine passes what is in its state. */
  hintOnTargets(): readonly string[] {
    if (this.#hasHinted) return [];
    this.#hasHinted = true;
    return [
      "with `--target`, what differs may be what the last `up` applied: run `authority up`, which deploys all that is pending",
    ];
  }

  /** The tenants whose release has not been judged, although their source was. */
  get unfinished(): readonly string[] {
    if (this.#isPartial || this.#isUnreadable) return [];
    const releases = [...this.#releases].filter(([, release]) => !this.#seen.has(release.at(-1)?.key ?? ""));
    return releases.map(([tenant]) => tenant);
  }

  #guarded(resource: Resource): Verdict {
    // The first resource was refused, with the reason.
    if (this.#isUnreadable) return passed;
    try {
      const fault = this.#versionFault();
      if (fault === undefined) return this.#judge(resource);
      this.#isUnreadable = true;
      return refused("The program and the policy pack", fault);
    } catch (error) {
      return refused(resource.name, ...this.#unjudged(error));
    }
  }

  /** At the first resource, so that nothing is written, and one reason is shown in place of one for each object. */
  #versionFault(): string | undefined {
    if (!this.#isNew || this.settings.scope === "flux") return undefined;
    this.#isNew = false;
    return versionFault(projectFolder(this.settings), "policy pack");
  }

  /** @throws every other error: it is a bug in the pack */
  #unjudged(error: unknown): string[] {
    if (error instanceof policySdk().UnknownValueError) {
      // The package exports the class without its fields.
      const { props } = error as { readonly props: readonly PropertyKey[] };
      return [
        `\`${props.map(String).join(".")}\` is not known before the step, so nobody can judge it; give it a plain value`,
      ];
    }
    this.#isUnreadable = true;
    if (error instanceof ProblemsError) {
      return error.problems.map((problem) => `the stack's config cannot be read: ${describeProblem(problem)}`);
    }
    if (!(error instanceof ZodError)) throw error;
    return error.issues.map(
      ({ path, message }) => `the policy pack's config cannot be read: ${path.map(String).join(".")}: ${message}`,
    );
  }

  #judge(resource: Resource): Verdict {
    const { type, props, provider, urn, name } = resource;
    if (this.settings.scope === "flux" || ownTypes.includes(type)) return passed;
    const [, ofPackage] = /^pulumi:providers:(.+)$/.exec(type) ?? [];
    if (ofPackage === "kubernetes") return refused(`the provider "${name}"`, ...this.#judgeProvider(urn, props));
    if (ofPackage !== undefined) {
      const isAllowed = this.settings.allow.some((one) => one.type?.startsWith(`${ofPackage}:`));
      return isAllowed ? passed : refused(`the provider "${name}"`, `nothing of the package ${ofPackage} is allowed`);
    }
    // A component.
    if (provider === undefined && props.apiVersion === undefined && props.kind === undefined) return passed;
    if (!type.startsWith("kubernetes:")) {
      const isAllowed = this.settings.allow.some((one) => one.type === type);
      return isAllowed ? passed : refused(`${type} ${name}`, "the stack's config decides Kubernetes objects only");
    }
    if (Object.keys(props).length > 0) return this.#judgeObject(resource, new JudgedObject(props));
    this.#isPartial = true;
    return passed;
  }

  /** The faults of the provider of an object: its own, unless they were reported, and that it is not that of the others. */
  #providerFaults({ provider }: Resource): readonly string[] {
    if (provider?.type !== "pulumi:providers:kubernetes") return ["it has no provider of the package kubernetes"];
    const first = (this.#provider ??= provider.urn);
    if (provider.urn === first) return this.#judgeProvider(provider.urn, provider.props);
    return [`it uses the provider "${provider.name}", but the objects before it use another`];
  }

  #judgeProvider(urn: string, inputs: Inputs): readonly string[] {
    if (this.#judgedProviders.has(urn)) return [];
    this.#judgedProviders.add(urn);
    const expected =
      this.inputs?.provider ?? expectedProvider(this.config, pulumiSdk().runtime.allConfig(), process.env);
    return providerFaults(inputs, expected, this.config);
  }

  #judgeObject(resource: Resource, object: JudgedObject): Verdict {
    const { key, title } = object;
    if (object.kind === "") return refused(resource.name, ...typeFaults(resource));
    if (this.#seen.get(key) === true)
      return refused(title, "it is in this run already; one of the two would replace the other");
    this.#seen.set(key, false);
    const found = this.#find(object);
    if (typeof found === "string") return refused(title, found);
    if (found === undefined && !this.#isAllowed(object))
      return refused(title, "the stack's config decides no such object");
    const wrongType = typeFaults(resource);
    if (wrongType.length > 0) return refused(title, ...wrongType);
    const faults = [...this.#providerFaults(resource)];
    // An allowed object is not compared with anything, so its options may differ.
    if (found === undefined) {
      this.#seen.set(key, true);
      return { title, faults };
    }
    const { expected, tenant } = found;
    if (object.isFluxKind("HelmRelease") && tenant !== undefined) faults.push(...this.#missingFaults(tenant));
    faults.push(...optionFaults(resource));
    this.#seen.set(expected.key, false);
    const different = differences(object.content, expected.object);
    this.#seen.set(expected.key, faults.length + different.length === 0);
    return { title, faults, decided: { ...found, object, differences: different } };
  }

  /** The objects of the tenant's release and everything else that it needs, as far as they have not been judged. */
  #missingFaults(tenant: Tenant): string[] {
    const release = this.#releases.get(tenant.name)?.slice(0, -1) ?? [];
    const missing = [...this.#objects.required(tenant), ...release].filter(({ key }) => !this.#seen.has(key));
    if (missing.length === 0) return [];
    const fix = "the program must register them, and the HelmRelease must depend on them";
    return [`not judged before it: ${missing.map(({ title }) => title).join(", ")}; ${fix}`];
  }

  /** What decides the object, or why nothing can be said of it yet. */
  #find(object: JudgedObject): Found | string | undefined {
    const expected = this.#objects.find(object.key);
    if (expected !== undefined) return { expected, tenant: expected.tenant };
    if (object.namespace !== this.config.authorityNamespace) return undefined;
    const isRelease = object.isFluxKind("HelmRelease");
    const tenant = this.#objects.tenant(isRelease ? object.name : object.annotations[annotation.tenant]);
    if (tenant === undefined) return undefined;
    if (object.isFluxKind("GitRepository", "OCIRepository")) return this.#findSource(object, tenant);
    if (!isRelease && !object.isCoreKind("ConfigMap")) return undefined;
    const release = this.#releases.get(tenant.name);
    if (release === undefined) return "its source was not judged before it; the source must come first";
    const ofKind = release.find((one) => one.object.kind === object.kind);
    // Special config of another name is not a second one.
    return ofKind === undefined || this.#seen.get(ofKind.key) === true ? undefined : { expected: ofKind, tenant };
  }

  #findSource(object: JudgedObject, tenant: Tenant): Found | string | undefined {
    const carried = carriedEvidence(object.annotations, tenant, this.config);
    if (typeof carried === "string") return carried;
    // What is locked is committed, and the program reads it first.
    const locked = isCurrent(carried) && carried.kind === "tags" ? lockedEvidence(this.#lock, tenant) : undefined;
    const release = this.#objects.ofRelease(tenant, locked ?? carried.evidence);
    const [expected] = release;
    if (expected === undefined) return undefined;
    if (isCurrent(carried)) {
      if (!this.#releases.has(tenant.name)) this.#releases.set(tenant.name, release);
    } else {
      const other = this.#previous.get(tenant.name);
      if (!keepsPreviousSources(this.config)) return "the stack keeps no source of another release";
      if (other !== undefined && other !== object.title) return `${other} is a source of an earlier release already`;
      this.#previous.set(tenant.name, object.title);
    }
    return { expected, tenant, carried };
  }

  /** Without a name, only outside the namespaces of tenants and Flux. */
  #isAllowed({ group, kind, namespace, name }: JudgedObject): boolean {
    const { authorityNamespace, tenants } = this.config;
    const isOurs = namespace === authorityNamespace || tenants.some((tenant) => tenant.namespace === namespace);
    return this.settings.allow.some((one) => {
      if (one.kind !== kind || (one.group ?? group) !== group) return false;
      if (one.name !== undefined) return one.name === name && one.namespace === namespace;
      return namespace !== undefined && !isOurs && (one.namespace ?? namespace) === namespace;
    });
  }
}

/** The engine's own resources. They change nothing outside its state. */
const ownTypes = ["pulumi:pulumi:Stack", "pulumi:pulumi:StackReference", "pulumi:providers:pulumi"];

/** What decides an object. */
type Found = Omit<Decided, "object" | "differences">;

/** @throws ProblemsError if the folder is not a project */
function projectFolder({ project }: Settings): string {
  const folder = resolve(project);
  if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
  const message = "There is no Pulumi.yaml, so the values files cannot be read.";
  const fix = "Name the project's folder with `project` in the policy pack's config.";
  throw new ProblemsError([{ file: folder, message, fix }]);
}

const runs = new Map<string, Run>();

/**
 * The run of a resource.
 *
 * @param urn `urn:pulumi:<stack>::<project>::...`. An analyzer process serves one stack; `authority check` uses a
 *   different project name for each of its runs.
 */
export function runOf(urn: string): Run {
  const name = urn.split("::", 2).join("::");
  return runs.get(name) ?? startRun(name);
}

/** Starts a run. @param name `urn:pulumi:<stack>::<project>` */
export function startRun(name: string, inputs?: RunInputs): Run {
  const run = new Run(name.split("::", 1)[0]?.split(":")[2] ?? "", inputs);
  runs.set(name, run);
  return run;
}
