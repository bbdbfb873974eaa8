import { askPulumi, PulumiError } from "./pulumi-command";

/** One resource in the engine's state, as far as it matters here; the rest is passed on as it is. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly id?: string;
  /** About to be deleted, in favour of another one with the same URN. */
  readonly delete?: boolean;
  /** Deleted already, in favour of one that is still to come. */
  readonly pendingReplacement?: boolean;
  readonly inputs?: { readonly metadata?: StateMetadata };
  readonly outputs?: { readonly metadata?: StateMetadata };
  readonly initErrors?: readonly string[];
  /** Where the program declares it, for people to read. */
  readonly sourcePosition?: string;
  /** The URNs of what it depends on. */
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** The parts of `ObjectMeta` that are of interest in a state. */
export interface StateMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly { readonly manager?: string }[];
}

/** What the engine was about to do. */
export interface PendingOperation {
  readonly type: string;
  readonly resource: StateResource;
}

/** What `pulumi stack export` gives. */
export interface ExportedState {
  readonly deployment: {
    readonly resources?: readonly StateResource[];
    readonly pending_operations?: readonly PendingOperation[];
  };
}

/**
 * Reads the state. What is secret in it stays encrypted.
 *
 * @throws PulumiError where there is no such stack
 */
export async function exportState(root: string, stack: string): Promise<ExportedState> {
  try {
    return JSON.parse(await askPulumi(root, ["stack", "export", "--stack", stack])) as ExportedState;
  } catch (error) {
    if (error instanceof PulumiError && /\bEOF$/.test(error.message))
      throw new PulumiError(error.message + emptyAttributes);
    throw error;
  }
}

/** The engine says no more than `EOF`, and people take their state for lost. */
const emptyAttributes = `
An \`up\` that was killed, or had no room, has left an empty file \`*.attrs\` in the file backend. The state beside it is
whole: delete the empty file, as docs/recovery.md shows, and run this again.`;

/**
 * Replaces the state.
 *
 * @throws PulumiError where the stack is locked
 */
export async function importState(root: string, stack: string, state: ExportedState): Promise<void> {
  await askPulumi(root, ["stack", "import", "--stack", stack], JSON.stringify(state));
}
