import { existsSync, readFileSync } from "node:fs";
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

/** Which tenants a render leaves as they are. */
export interface RenderScope {
  /** The tenant whose version a person accepts with it, although it was taken back. */
  readonly accepted?: string;
  /** The tenants that are rendered, if the folder exists. Default: all. */
  readonly only?: readonly string[];
  /** Tenants that are not rendered. Default: none. */
  readonly blocked?: readonly string[];
}

/** A render that may be written. */
export interface PreparedRender {
  readonly stack: ResolvedStack;
  /** Replaces the folder. Returns the number of objects. */
  readonly write: () => Promise<number>;
}

/**
 * Resolves a stack for a render into a folder, which is not changed yet. Of a tenant that is not rendered, only the image
 * policy changes, as in an `up` that skips it: its other files stay as they are.
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
  { accepted, only, blocked = [] }: RenderScope = {},
): Promise<PreparedRender | { readonly reasons: readonly string[] }> {
  const folder = new RenderedFolder(path);
  const undeclared = undeclaredRemovals(config, removalsOf(config, renderedPlaces(path, config)));
  if (undeclared.length > 0) return { reasons: undeclared };
  const chosen = existsSync(path) ? only : undefined;
  const tenants = config.tenants.filter(({ name }) => !blocked.includes(name) && chosen?.includes(name) !== false);
  const stack = { ...(await resolveStack({ ...config, tenants }, lock, session.reader())), config };
  const takenBack = await takenBackReasons(config);
  const reasons = stack.tenants.flatMap((resolved) => {
    const { name } = resolved.tenant;
    const back = name === accepted ? undefined : takenBack.get(name);
    return [
      ...describeReasons(config.stack, name, resolved),
      ...(back === undefined ? [] : [`${config.stack}/${name}: ${back}`]),
    ];
  });
  if (reasons.length > 0) return { reasons };
  const onWritten = (count: number) => session.terminal.count(`writing ${path}: ${count} files`);
  return { stack, write: () => folder.replace(renderedFiles(stack, path), onWritten) };
}

/** @param stack with the tenants that are rendered; of others of its config, the folder's files stay */
function* renderedFiles(stack: ResolvedStack, folder: string): Generator<RenderedFile> {
  const names = new Set(stack.tenants.map(({ tenant }) => tenant.name));
  const others = stack.config.tenants.filter(({ name }) => !names.has(name));
  const before = others.length === 0 ? new Map<string, string[]>() : filesByTenant(folder);
  const filesOf = (tenant: Tenant) => before.get(objectName(tenant)) ?? [];
  const skipped = others.filter((tenant) => filesOf(tenant).length > 0);
  const paths = new Set<string>();
  for (const { object } of stackObjects(stack, { skipped })) {
    const file = renderedFile(object);
    paths.add(file.path);
    yield file;
  }
  for (const path of skipped.flatMap(filesOf)) {
    if (!paths.has(path)) yield { path, content: readFileSync(join(folder, path), "utf8") };
  }
}
