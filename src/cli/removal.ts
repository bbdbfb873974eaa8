import { printable } from "../config/printable";
import { describeRemoval, type Removal, removalsOf, undeclaredRemovals } from "../config/removal";
import type { StackConfig } from "../config/stack-config";
import type { RemovedPlace } from "../program/announce-skipped";
import { exportState, type StateResource, titleOf } from "./engine-state";
import { isCurrent, resourcesOf } from "./interrupted";
import { placesOf } from "./places";
import { showPulumi } from "./pulumi-command";
import { tenantOf } from "./skip";
import type { Terminal } from "./terminal";

/** What the engine's state has of tenants that the stack's files no longer have at this place. */
export class StateRemovals {
  readonly #removals: readonly Removal[];

  constructor(
    readonly config: StackConfig,
    readonly resources: readonly StateResource[],
  ) {
    this.#removals = removalsOf(config, placesOf(resources.filter(isCurrent).map(({ inputs }) => inputs)));
  }

  static async read(config: StackConfig): Promise<StateRemovals> {
    return new StateRemovals(config, resourcesOf(await exportState(config.root, config.stack)));
  }

  /** Why nothing may be deployed, with everything that would be deleted; empty if the stack file declares it all. */
  get undeclared(): string[] {
    return undeclaredRemovals(this.config, this.#removals, (removal) =>
      this.#resourcesOf(removal)
        .filter(({ custom }) => custom)
        .map(titleOf),
    );
  }

  /** Tenants that leave: they are deleted before a deploy. */
  get leaving(): readonly Removal[] {
    return this.#removals.filter(({ kind, declared }) => kind === "leaves" && declared !== undefined);
  }

  /** Namespaces that a tenant leaves: they are deleted after the deploy that moves it. */
  get left(): readonly Removal[] {
    return this.#removals.filter(({ kind, declared }) => kind === "moves" && declared !== undefined);
  }

  urnsOf(removals: readonly Removal[]): string[] {
    return [...new Set(removals.flatMap((removal) => this.#resourcesOf(removal)).map(({ urn }) => urn))];
  }

  /** Everything of a tenant that leaves; of one that moves only what is in the namespace, and the namespace. */
  #resourcesOf({ kind, tenant, namespace }: Removal): readonly StateResource[] {
    return this.resources.filter((resource) => {
      if (tenantOf(resource) !== tenant) return false;
      const { metadata, kind: objectKind } = resource.inputs ?? {};
      return kind === "leaves" || (objectKind === "Namespace" ? metadata?.name : metadata?.namespace) === namespace;
    });
  }
}

/** Everything that the stack file declares to be deleted, as the program reads it: some of it may be gone already. */
export function declaredRemovals({ removed = {} }: StackConfig): RemovedPlace[] {
  return Object.entries(removed).map(([tenant, { namespace }]) => ({ tenant, namespace }));
}

/**
 * Deletes what leaves, before a deploy: one that fails cannot keep it. In a preview it shows what would be deleted.
 *
 * @param flags those of `pulumi up`
 * @returns the URNs of what still exists, which the deploy must not touch
 */
export async function removeLeaving(state: StateRemovals, flags: readonly string[], terminal: Terminal) {
  const { config, leaving } = state;
  if (leaving.length === 0) return [];
  terminal.log(describe("Deleting first", leaving));
  const urns = state.urnsOf(leaving);
  const isDone = await destroy(state, leaving, flags);
  if (isPreview(flags)) return urns;
  if (isDone) return [];
  const now = await StateRemovals.read(config);
  const remaining = now.resources.filter(({ urn, custom }) => custom && urns.includes(urn)).map(titleOf);
  terminal.log(
    ["Not deleted, for the reason that `pulumi destroy` reports above:", ...remaining.map((title) => `  ${title}`)]
      .concat("The other tenants are deployed now. The next `authority up` tries again.")
      .map(printable)
      .join("\n"),
  );
  return now.urnsOf(leaving);
}

/**
 * Deletes the namespaces that tenants have left, after the deploy that has moved them.
 *
 * @param isDeployed whether the deploy succeeded
 * @returns whether nothing remains
 */
export async function removeLeft(
  { config, left }: StateRemovals,
  isDeployed: boolean,
  flags: readonly string[],
  terminal: Terminal,
): Promise<boolean> {
  if (left.length === 0) return true;
  if (!isDeployed) {
    const why = "the deploy failed, and the release may still run there";
    terminal.log(describe(`Not deleted, because ${why}; the next successful \`authority up\` does it`, left));
    return false;
  }
  if (isPreview(flags)) {
    // The state still has the release in the namespace, so the engine cannot preview this.
    terminal.log(describe("After the deploy that moves the release, this would be deleted", left));
    return true;
  }
  // The deploy may have skipped a tenant, and a flag such as `--exclude` may have kept its release where it was.
  const now = await StateRemovals.read(config);
  const isInUse = ({ authorityNamespace }: Removal) => authorityNamespace !== undefined;
  const [kept, moved] = [now.left.filter(isInUse), now.left.filter((removal) => !isInUse(removal))];
  if (kept.length > 0) {
    const why = "its HelmRelease still has the release there";
    terminal.log(describe(`Not deleted, because ${why}; the next \`authority up\` that moves it does it`, kept));
  }
  if (moved.length === 0) return kept.length === 0;
  terminal.log(describe("Deleting what tenants have left", moved));
  return (await destroy(now, moved, flags)) && kept.length === 0;
}

function describe(title: string, removals: readonly Removal[]): string {
  return [`${title}:`, ...removals.map((removal) => `  ${describeRemoval(removal)}`)].map(printable).join("\n");
}

/**
 * Deletes exactly these places, in the order of the objects' dependencies: first the HelmRelease, so that Helm uninstalls
 * the release and runs its hooks while the account has its rights; the Namespace last. No program runs, and nothing else
 * changes.
 */
async function destroy(state: StateRemovals, removals: readonly Removal[], flags: readonly string[]): Promise<boolean> {
  const { root, stack } = state.config;
  const code = await showPulumi(root, [
    ...["destroy", "--stack", stack, "--ignore-protect", "--continue-on-error"],
    ...["--message", `Remove ${removals.map(describeRemoval).join("; ")}`],
    ...state.urnsOf(removals).flatMap((urn) => ["--target", urn]),
    ...flags.filter((flag) => isShared.test(flag)),
  ]);
  return code === 0;
}

export function isPreview(flags: readonly string[]): boolean {
  return flags.includes("--preview-only");
}

/** The flags of `pulumi up` about the terminal and confirmations: `pulumi destroy` has them too. */
const isShared =
  /^(?:-[fy]|--(?:yes|skip-preview|preview-only|non-interactive|suppress-(?:outputs|progress)|color=\w+)(?:=\w+)?)$/;
