import { readFileSync } from "node:fs";
import { join } from "node:path";
import { objectName } from "../config/object-name";
import { readStackConfig } from "../config/read-stack-config";
import type { StackConfig, Tenant } from "../config/stack-config";
import { removalsOf, undeclaredRemovals } from "../config/removal";
import { type RenderedFile, renderedFile } from "../manifests/rendered-file";
import { stackObjects } from "../manifests/stack-objects";
import { type Lock, readLock } from "../release/lock";
import { type ResolvedStack, resolveStack, unlockedHint, unlockedReleases } from "../release/resolve";
import { takenBackReasons } from "../release/taken-back";
import { countOf } from "../config/count";
import { printable } from "../config/printable";
import { type ExitCode, exitCode } from "./exit-code";
import { InputError } from "./input-error";
import { renderedPlaces } from "./places";
import { requireStack } from "./project";
import { describeReasons, refuseToWrite } from "./releases";
import { RenderedFolder } from "./rendered-folder";
import type { Session } from "./session";
import { filesByTenant } from "./tenant-render";

/** Options of `authority render`. */
export interface RenderOptions {
  readonly stack?: string;
  /** The folder for the YAML, from the current one. Default: the stack's own. */
  readonly out?: string;
}

/** Writes the objects of a stack as YAML, the same objects that the engine renders: all of them, or none. */
export async function render(options: RenderOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  session.requireOneVersion();
  const config = readStackConfig({ root, stack: requireStack(root, "render", options.stack) });
  const { folder, path } = outputOf(config, options, session);
  const prepared = await prepareRender(config, readLock(root), path, session);
  if ("reasons" in prepared) return refuseToWrite(terminal, prepared.reasons);
  const count = await prepared.write();
  terminal.print(`${folder}: ${countOf(count, "object")} of the stack ${config.stack}`);
  const hint = unlockedHint(config.stack, unlockedReleases(prepared.stack));
  if (hint !== undefined) terminal.log(hint);
  return exitCode.fine;
}

function outputOf({ root, stack, delivery }: StackConfig, { out }: RenderOptions, session: Session) {
  if (out !== undefined) return { folder: out, path: session.path(out) };
  if (delivery.kind === "manifests") return { folder: delivery.directory, path: join(root, delivery.directory) };
  throw new InputError(
    `The stack ${stack} declares no folder (\`delivery: cluster\`): name one with \`--out\`, such as ` +
      `\`--out rendered/${stack}\`.`,
  );
}

/** Which tenants a render may leave as they are. */
export interface RenderScope {
  /** The tenant whose version a person accepts with it, although it was taken back. */
  readonly accepted?: string;
  /** The tenants that must be rendered. Default: all. */
  readonly needed?: readonly string[];
  /** The tenants that a policy blocks. Default: none. */
  readonly blocked?: readonly string[];
}

/** A render that may be written. */
export interface PreparedRender {
  readonly stack: ResolvedStack;
  /** The tenants that stay as they are, and why their releases may not run. */
  readonly kept: ReadonlyMap<string, readonly string[]>;
  /** Replaces the folder. Returns the number of objects. */
  readonly write: () => Promise<number>;
}

/**
 * Resolves a stack for a render into a folder, which is not changed yet. Of a tenant whose release may not run, and that
 * need not be rendered, only the image policy changes, as in an `up` that skips it: the other files stay as they are.
 *
 * @param path the folder's absolute path
 * @returns the reasons if nothing may be written
 * @throws InputError if the folder holds anything but a render
 */
export async function prepareRender(
  config: StackConfig,
  lock: Lock,
  path: string,
  session: Session,
  { accepted, needed, blocked = [] }: RenderScope = {},
): Promise<PreparedRender | { readonly reasons: readonly string[] }> {
  const folder = new RenderedFolder(path);
  const undeclared = undeclaredRemovals(config, removalsOf(config, renderedPlaces(path, config)));
  if (undeclared.length > 0) return { reasons: undeclared };
  const stack = await resolveStack(config, lock, session.reader());
  const takenBack = await takenBackReasons(config);
  const kept = new Map<string, readonly string[]>(blocked.map((name) => [name, []]));
  for (const resolved of stack.tenants) {
    const { name } = resolved.tenant;
    const back = name === accepted ? undefined : takenBack.get(name);
    const reasons = [
      ...describeReasons(config.stack, name, resolved),
      ...(back === undefined ? [] : [`${config.stack}/${name}: ${back}`]),
    ];
    if (reasons.length > 0) kept.set(name, reasons);
  }
  const refused = [...kept].filter(([name]) => needed?.includes(name) !== false);
  if (refused.length > 0) return { reasons: refused.flatMap(([, reasons]) => reasons) };
  const onWritten = (count: number) => session.terminal.count(`writing ${path}: ${count} files`);
  return { stack, kept, write: () => folder.replace(renderedFiles(stack, path, kept), onWritten) };
}

/** That tenants stay as they are, and why, as lines for people. */
export function describeKept(directory: string, { kept }: Pick<PreparedRender, "kept">): string[] {
  if (kept.size === 0) return [];
  const reasons = [...kept.values()].flat();
  return [...reasons, `${directory}: ${[...kept.keys()].join(", ")} stays as it is`].map(printable);
}

function* renderedFiles(
  { config, tenants }: ResolvedStack,
  folder: string,
  kept: PreparedRender["kept"],
): Generator<RenderedFile> {
  const before = kept.size === 0 ? new Map<string, string[]>() : filesByTenant(folder);
  const filesOf = (tenant: Tenant) => before.get(objectName(tenant)) ?? [];
  const rendered = tenants.filter(({ tenant }) => !kept.has(tenant.name));
  const skipped = config.tenants.filter((tenant) => kept.has(tenant.name) && filesOf(tenant).length > 0);
  const paths = new Set<string>();
  for (const { object } of stackObjects({ config, tenants: rendered }, { skipped })) {
    const file = renderedFile(object);
    paths.add(file.path);
    yield file;
  }
  for (const path of skipped.flatMap(filesOf)) {
    if (!paths.has(path)) yield { path, content: readFileSync(join(folder, path), "utf8") };
  }
}
