import { documentation } from "../config/documentation";
import { askPulumi } from "./pulumi-command";
import { PulumiError } from "./pulumi-error";

/** One resource in the engine's state. Fields that are not used here are kept unchanged. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly id?: string;
  /** Whether it will be deleted, because another resource with the same URN replaces it. */
  readonly delete?: boolean;
  /** Whether it has been deleted and its replacement does not exist yet. */
  readonly pendingReplacement?: boolean;
  readonly inputs?: { readonly kind?: string; readonly metadata?: StateMetadata; readonly spec?: unknown };
  readonly outputs?: { readonly metadata?: StateMetadata };
  readonly initErrors?: readonly string[];
  /** Where the program declares it. Only for people. */
  readonly sourcePosition?: string;
  /** URNs. */
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** `HelmRelease flux-system/podinfo`. */
export function titleOf({ type, id = "", inputs }: StateResource): string {
  const { namespace, name = id } = inputs?.metadata ?? {};
  return `${type.slice(type.lastIndexOf(":") + 1)} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** The fields of `ObjectMeta` that are used here. */
export interface StateMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly { readonly manager?: string }[];
}

/** An operation that the engine has started and not completed. */
export interface PendingOperation {
  readonly type: string;
  readonly resource: StateResource;
}

/** The output of `pulumi stack export`. */
export interface ExportedState {
  readonly deployment: {
    readonly resources?: readonly StateResource[];
    readonly pending_operations?: readonly PendingOperation[];
  };
}

/**
 * Reads the state. Secrets in it stay encrypted.
 *
 * @param timeoutMs milliseconds after which the engine is ended; default: none
 * @throws PulumiError if there is no such stack
 */
export async function exportState(root: string, stack: string, timeoutMs?: number): Promise<ExportedState> {
  try {
    return JSON.parse(await askPulumi(root, ["stack", "export", "--stack", stack], "", timeoutMs)) as ExportedState;
  } catch (error) {
    if (!(error instanceof PulumiError)) throw error;
    if (/\bEOF$/.test(error.message)) throw new PulumiError(error.message + emptyFile);
    if (error.message.includes("no stack named ")) {
      throw new PulumiError(
        `${error.message}\nCreate it with \`pulumi stack init ${stack}\`, then run this command again.`,
      );
    }
    throw error;
  }
}

/** The engine reports only `EOF`, which looks as if the state were lost. */
const emptyFile = `
An \`up\` that was killed, or that ran out of disk space, left an empty \`*.attrs\` file in the file backend. The state
itself is complete. Delete the empty file as ${documentation("recovery.md")} shows, then run this command again.`;

/**
 * Replaces the state. The engine drops all pending operations.
 *
 * @throws PulumiError if the stack is locked
 */
export async function importState(root: string, stack: string, state: ExportedState): Promise<void> {
  await askPulumi(root, ["stack", "import", "--stack", stack], JSON.stringify(state));
}
