import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { heldVariable } from "../components/held-tenants";
import { readFleet } from "../fleet/read";
import { annotation } from "../manifests/annotation";
import { readLock } from "../release/lock";
import { type CheckedStack, checkStack, describeStack } from "./check";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import type { Session } from "./session";

/** Options of `authority up`. */
export interface UpOptions {
  readonly stack: string;
}

/** A state of many tenants is large; bytes. */
const mostStateBytes = 1024 * 1024 * 1024;

/**
 * Runs `pulumi up` with the policy pack, for every tenant that may be deployed. A tenant whose release breaks the
 * promise, cannot be verified or is blocked by a policy is held: all that it has stays as it is, and the others go on.
 * What no single tenant is to blame for holds everything.
 *
 * @param flags further flags for `pulumi up`
 * @returns fine; blocked where a tenant is held; what Pulumi ended with where it failed
 */
export async function up({ stack }: UpOptions, flags: readonly string[], session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  const fleet = readFleet({ root, stack });
  const checked = await checkStack(fleet, readLock(root), session.reader());
  terminal.done();
  for (const line of describeStack(checked, terminal.messageColors)) terminal.tell(line);
  const held = heldOf(checked);
  if (held === undefined) return exitCode.blocked;
  if (held.length > 0) {
    terminal.tell(`held: ${held.join(", ")}; ${fleet.tenants.length - held.length} of ${fleet.tenants.length} go on`);
  }
  const excluded = held.length === 0 ? [] : await urnsOf(root, stack, held);
  const code = await runPulumi(root, held, [
    ...["up", "--stack", stack, "--policy-pack", join(root, "policy-pack"), "--continue-on-error"],
    ...excluded.flatMap((urn) => ["--exclude", urn]),
    ...flags,
  ]);
  if (code !== 0) return exitCode.internal;
  return held.length === 0 ? exitCode.fine : exitCode.blocked;
}

/** The tenants that may not be deployed, or nothing where a policy blocks something that belongs to none of them. */
function heldOf({ releases, violations }: CheckedStack): string[] | undefined {
  const blocked = violations.filter(({ enforcement }) => enforcement === "mandatory").map(({ tenant }) => tenant);
  const tenants = [...releases.map(({ tenant }) => tenant), ...blocked];
  return tenants.includes(undefined) ? undefined : [...new Set(tenants as string[])].sort();
}

interface StateResource {
  readonly urn: string;
  readonly inputs?: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
}

/** All that the state has of these tenants: their objects, by the annotation that each carries, and their components. */
async function urnsOf(root: string, stack: string, tenants: readonly string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(pulumiProgram(), ["stack", "export", "--stack", stack], {
    cwd: root,
    maxBuffer: mostStateBytes,
  });
  const state = JSON.parse(stdout) as { readonly deployment?: { readonly resources?: readonly StateResource[] } };
  return (state.deployment?.resources ?? [])
    .filter(({ urn, inputs }) => {
      const tenant = inputs?.metadata?.annotations?.[annotation.tenant] ?? componentName(urn);
      return tenant !== undefined && tenants.includes(tenant);
    })
    .map(({ urn }) => urn);
}

function componentName(urn: string): string | undefined {
  return /::shared-authority:index:(?:Tenant|ReleasePolicy|HelmReleaseWithValues)::(.+)$/.exec(urn)?.[1];
}

async function runPulumi(root: string, held: readonly string[], parameters: readonly string[]): Promise<number> {
  const environment = { ...process.env, ...(held.length === 0 ? {} : { [heldVariable]: held.join(",") }) };
  const child = spawn(pulumiProgram(), parameters, { cwd: root, env: environment, stdio: "inherit" });
  const failed = once(child, "error").then(([error]: unknown[]) => {
    throw new InputError(`\`${pulumiProgram()}\` does not run: ${(error as Error).message}. Install the Pulumi CLI.`);
  });
  const ended = once(child, "close").then(([code]: unknown[]) => Number(code ?? 1));
  return Promise.race([ended, failed]);
}

function pulumiProgram(): string {
  const { PULUMI: declared = "" } = process.env;
  return declared === "" ? "pulumi" : declared;
}
