import { ProblemsError } from "../config/problem";
import { readStackConfig, settingsOfFiles, stackConfigOf } from "../config/read-stack-config";
import { withMarkers } from "../config/marker-edit";
import { valueAt } from "../config/report";
import { tenantSchema } from "../config/schema";
import { sharedObjects } from "../config/shared-cluster";
import type { StackConfig, Tenant } from "../config/stack-config";
import { type ConfigFile, listStacks, readStackFile, type StackFile } from "../config/stack-file";
import { settingsOf } from "../config/structure";
import { type NewValue, withValue } from "../config/tenant-edit";
import type { Evidence } from "../release/evidence";
import { readLock } from "../release/lock";
import { type ResolvedStack, type ResolvedTenant, resolveBranch, resolveRelease } from "../release/resolve";
import { notAllowed, parseRange } from "../version/range";
import {
  applicationFlags,
  applicationOf,
  type ApplicationOptions,
  bySchema,
  type Check,
  hasApplicationFlag,
  refuseApplicationFlags,
  refuseFlags,
  refuseTenantName,
} from "./application-answers";
import { lockedRelease, newestOf, versionFor } from "./chosen-release";
import {
  type Decision,
  type DecisionOptions,
  decide,
  type FileChange,
  decidedFiles,
  type StackSubject,
  stackSubjectOf,
} from "./decision";
import { declareApplication, describeDeclared } from "./declare-application";
import type { ExitCode } from "./exit-code";
import { applicationEntry, rangeOf } from "./init-files";
import { InputError } from "./input-error";
import { describeEvidence, readTagStacks } from "./lock";
import { type Ask, Questions } from "./questions";
import { describeReasons, refuseToWrite } from "./releases";
import type { Session } from "./session";

/** Options of `authority add-tenant`. */
export interface AddTenantOptions extends DecisionOptions, ApplicationOptions {
  readonly namespace?: string;
  readonly range?: string;
  readonly automation?: string;
}

/** What a tenant takes over from a release that runs. */
export interface TakenOver {
  readonly entry: Readonly<Record<string, NewValue>>;
  readonly values: readonly FileChange[];
  /** Says what changes by that, or throws if it must not be written. */
  readonly describe: (next: ResolvedStack) => Promise<readonly string[]>;
}

/** Adds a tenant to a stack: of an application that is declared, or of a new one, which it declares. */
export function addTenant(
  name: string,
  version: string | undefined,
  options: AddTenantOptions,
  session: Session,
): Promise<ExitCode> {
  return addTenantOf(undefined, name, version, options, session);
}

/** The same for a release that runs already. */
export async function addTenantOf(
  takenOver: TakenOver | undefined,
  name: string,
  version: string | undefined,
  options: AddTenantOptions,
  session: Session,
): Promise<ExitCode> {
  refuseApplicationFlags(options);
  refuseFlags({ "--namespace": [[options.namespace], checkNamespace], "--range": [[options.range], checkRange] });
  const subject = await stackSubjectOf("add-tenant", options, session);
  refuseName(subject.config, name);
  const { input } = session.terminal;
  const questions = input === undefined || options.yes === true ? undefined : new Questions(session.terminal, input);
  const ask: Ask | undefined = questions && ((question) => questions.ask(question));
  try {
    const declared = await declarationOf(subject, name, options, session, ask);
    const decided = await new NewTenant(subject, name, options, session, declared, takenOver).decide(version);
    if ("reasons" in decided) return refuseToWrite(session.terminal, decided.reasons);
    return await decide(subject, decided, options, session, ask);
  } finally {
    questions?.close();
  }
}

const checkNamespace = bySchema(() => tenantSchema().shape.namespace);

const checkRange: Check = (text) => {
  const parsed = parseRange(text);
  return "error" in parsed ? "a SemVer range in Flux's syntax, such as `>=6.0.0 <7.0.0`" : undefined;
};

function refuseName({ stack, tenants }: StackConfig, name: string): void {
  refuseTenantName(name);
  if (!tenants.some((tenant) => tenant.name === name)) return;
  throw new InputError(`The stack ${stack} has a tenant ${name} already. \`authority promote\` changes its release.`);
}

/** `Pulumi.yaml` with the application, and what was found about it. */
interface Declaration {
  readonly project?: ConfigFile;
  readonly found: readonly string[];
}

/** Declares the application, unless it is declared already. */
async function declarationOf(
  { files, config }: StackSubject,
  name: string,
  options: AddTenantOptions,
  session: Session,
  ask: Ask | undefined,
): Promise<Declaration> {
  const application = options.application ?? name;
  const { project } = files;
  if (valueAt(settingsOf(project), ["applications", application]) !== undefined) {
    if (!hasApplicationFlag({ ...options, application: undefined })) return { found: [] };
    throw new InputError(
      `\`Pulumi.yaml\` declares ${application} already. Leave out the flags about it, or change it there.`,
    );
  }
  const missing = applicationFlags.filter((key) => options[key] === undefined).map((key) => `\`--${key}\``);
  if (ask === undefined && missing.length > 0) {
    throw new InputError(
      `\`Pulumi.yaml\` declares no application ${application}. To declare it, pass ${missing.join(", ")}. If the tenant has ` +
        "another name than its application, name that with `--application`.",
    );
  }
  refuseHeir(config, application);
  const answered = await applicationOf({ ...options, application }, ask);
  if (answered === undefined || project === undefined) throw new InputError("There is no application to declare.");
  const { audited, declared } = await declareApplication(answered, session);
  return {
    project: withValue(project, ["applications", application], applicationEntry(declared)),
    found: describeDeclared(audited, declared, answered),
  };
}

/** A tenant that declares everything itself would inherit from an application of its name. */
function refuseHeir({ root }: StackConfig, application: string): void {
  for (const stack of listStacks(root)) {
    const entry = valueAt(settingsOf(readStackFile(root, stack)), ["tenants", application]);
    if (valueAt(entry, ["chart"]) === undefined || valueAt(entry, ["application"]) !== undefined) continue;
    throw new InputError(
      `The stack ${stack} has a tenant ${application} that declares everything itself, and would inherit from an ` +
        "application of its name. Choose another name with `--application`.",
    );
  }
}

/** The entry of a tenant that is about to be added. */
class NewTenant {
  constructor(
    readonly subject: StackSubject,
    readonly name: string,
    readonly options: AddTenantOptions,
    readonly session: Session,
    readonly declared: Declaration,
    readonly takenOver?: TakenOver,
  ) {}

  /** What is decided, or why nothing can be. */
  async decide(version: string | undefined): Promise<Decision | { readonly reasons: readonly string[] }> {
    const { config } = this.subject;
    const decided = config.follow === "branch" ? await this.#followBranch(version) : await this.#followTags(version);
    if (!("reasons" in decided)) this.#refuseShared(decided);
    return decided;
  }

  async #followBranch(tag: string | undefined): Promise<Decision | { readonly reasons: readonly string[] }> {
    const { automation } = this.options;
    const file = this.#fileWith({
      ...(tag !== undefined && { tag }),
      ...(automation !== undefined && { policy: { automation } }),
    });
    const tenant = this.#tenantIn(file);
    const release = await resolveBranch(tenant, this.session.reader());
    const { stack } = this.subject.config;
    if (release.reasons.length > 0) return { reasons: describeReasons(stack, this.name, release) };
    return this.#decision(
      file,
      `${this.#verb} ${this.name} to ${stack}`,
      { To: tag },
      await this.#describe(file, release),
    );
  }

  async #followTags(wanted: string | undefined): Promise<Decision | { readonly reasons: readonly string[] }> {
    const { name, options, session } = this;
    const { config } = this.subject;
    const { stack } = config;
    const lock = readLock(session.root);
    const reader = session.reader();
    const prefix = this.#imagePrefix();
    // Any version may be the newest one, until the range is known.
    const draft = this.#tenantIn(this.#release(`${prefix}0.0.0`, options.range ?? ">=0.0.0"));
    const found =
      wanted === undefined
        ? await newestOf(draft, lock, reader, `npx authority add-tenant ${name} <version> --stack ${stack}`)
        : { version: versionFor(draft, wanted), notes: [] };
    if ("reasons" in found) return { reasons: [`${stack}/${name}: no release to run`, ...found.reasons] };
    const { version, notes: passedOver } = found;
    const range = options.range ?? rangeOf(version);
    const tag = prefix + version;
    const tenant = this.#tenantIn(this.#release(tag, range));
    const fault = notAllowed(tenant.policy, version);
    if (fault !== undefined)
      return {
        reasons: [
          `${stack}/${name}: not allowed`,
          `  - the version ${version} ${fault}; \`--range\` names another one`,
        ],
      };
    const release = await resolveRelease(tenant, lock, reader);
    const { evidence } = release;
    const reasons = describeReasons(stack, name, release);
    if (reasons.length > 0 || evidence === undefined) return { reasons };
    const file = this.#release(tag, range, this.#digestOf(tenant, evidence));
    const { nextLock, conflicts } = lockedRelease(this.#configWith(file), name, release, lock, () =>
      readTagStacks(stack, session),
    );
    if (conflicts.length > 0) return { reasons: conflicts };
    const notes = nextLock === undefined ? [] : [`releases.lock.yaml: ${describeEvidence("added", name, evidence)}`];
    const further = [...passedOver, ...notes, ...(await this.#describe(file, release))];
    const title = `${this.#verb} ${name} ${tag} to ${stack}`;
    return { ...this.#decision(file, title, { To: tag }, further), lock: nextLock };
  }

  #decision(file: StackFile, title: string, trailers: Decision["trailers"], notes: readonly string[]): Decision {
    const { project, found } = this.declared;
    return {
      ...{ title, trailers, file, project, tenants: [this.name] },
      values: this.takenOver?.values,
      notes: [...found, ...notes],
    };
  }

  get #verb(): string {
    return this.takenOver === undefined ? "Add" : "Adopt";
  }

  async #describe(file: StackFile, release: ResolvedTenant): Promise<readonly string[]> {
    const tenant = this.#tenantIn(file);
    const next = { config: this.#configWith(file), tenants: [{ ...release, tenant }] };
    return (await this.takenOver?.describe(next)) ?? [];
  }

  /** Flux writes a digest with each promotion. Other stacks have one where the platform team wants to see it. */
  #digestOf(tenant: Tenant, { images: [image] }: Evidence): string | undefined {
    const { tenants } = this.subject.config;
    const hasDigests = tenant.policy.automation !== "manual" || tenants.some(({ digest }) => digest !== undefined);
    return hasDigests ? image?.digest : undefined;
  }

  #release(tag: string, range: string, digest?: string): StackFile {
    const { automation } = this.options;
    return this.#fileWith({
      tag,
      ...(digest !== undefined && { digest }),
      policy: { range, ...(automation !== undefined && { automation }) },
    });
  }

  #fileWith(version: Readonly<Record<string, NewValue>>): StackFile {
    const { name, options, subject } = this;
    const { application = name, namespace } = options;
    const entry = {
      ...(application !== name && { application }),
      ...(namespace !== undefined && { namespace }),
      ...this.takenOver?.entry,
      ...version,
    };
    const file = withValue(subject.files.stack, ["tenants", name], entry);
    const defaults = valueAt(this.#settings(), ["defaults", "policy", "automation"]);
    const isAutomated = version.tag !== undefined && (options.automation ?? defaults ?? "manual") !== "manual";
    const target = `${subject.config.authorityNamespace}:${name}`;
    return isAutomated ? withMarkers(file, name, (field) => `${target}:${field}`) : file;
  }

  #settings(): Readonly<Record<string, unknown>> {
    return settingsOfFiles({ ...this.subject.files, project: this.declared.project ?? this.subject.files.project });
  }

  #imagePrefix(): string {
    const settings = this.#settings();
    const { application = this.name } = this.options;
    const paths = [["applications", application], ["defaults"]];
    const found = paths.map((path) => valueAt(settings, [...path, "prefix", "image"]));
    return found.find((prefix) => typeof prefix === "string") ?? "";
  }

  #configWith(file: StackFile): StackConfig {
    return stackConfigOf(
      decidedFiles(this.subject.files, { file, project: this.declared.project, values: this.takenOver?.values }),
    );
  }

  #tenantIn(file: StackFile): Tenant {
    const tenant = this.#configWith(file).tenants.find(({ name }) => name === this.name);
    if (tenant === undefined) throw new Error(`the draft has no tenant ${this.name}`);
    return tenant;
  }

  /** @throws ProblemsError if another stack in the same cluster has the tenant's namespace or objects */
  #refuseShared({ file }: Decision): void {
    const { root, stack } = this.subject.config;
    const others = listStacks(root).flatMap((other) => {
      try {
        return other === stack ? [] : [readStackConfig({ root, stack: other })];
      } catch (error) {
        if (error instanceof ProblemsError) return [];
        throw error;
      }
    });
    const problems = sharedObjects(root, [...others, this.#configWith(file)]);
    const own = problems.filter(({ path }) => path === `shared-authority:tenants.${this.name}`);
    if (own.length > 0) throw new ProblemsError(own);
  }
}
