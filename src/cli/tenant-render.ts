/** The rendered manifests of one tenant: what a promotion changes in a folder that holds those of all tenants. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { objectName } from "../config/object-name";
import type { StackConfig } from "../config/stack-config";
import { label } from "../manifests/annotation";
import { renderedFile } from "../manifests/rendered-file";
import { isOfTenant, stackObjects } from "../manifests/stack-objects";
import type { ResolvedTenant } from "../release/resolve";

/** The files of each tenant in a folder of rendered manifests, by the name of its objects; relative to the folder. */
export function filesByTenant(folder: string): Map<string, string[]> {
  const files = new Map<string, string[]>();
  for (const part of ["0-crd", "1-manifest"]) {
    if (!existsSync(join(folder, part))) continue;
    for (const name of readdirSync(join(folder, part))) {
      const [, tenant] = mark.exec(readFileSync(join(folder, part, name), "utf8")) ?? [];
      if (tenant !== undefined) files.set(tenant, [...(files.get(tenant) ?? []), `${part}/${name}`]);
    }
  }
  return files;
}

/** The label of the object itself: values in a ConfigMap may have the same key, and may come first. */
const mark = new RegExp(`^metadata:\\n(?: .*\\n)*? {4}["']?${label.tenant}["']?: *["']?([a-z0-9-]+)["']?$`, "m");

/**
 * The change of a tenant's files, by path from the project's folder.
 *
 * @param config with the release that is promoted
 * @param before the tenant's files in the folder
 */
export function renderOfTenant(
  config: StackConfig,
  directory: string,
  resolved: ResolvedTenant,
  before: ReadonlyMap<string, readonly string[]>,
): Map<string, string | undefined> {
  const name = objectName(resolved.tenant);
  const changes = new Map<string, string | undefined>();
  for (const path of before.get(name) ?? []) changes.set(posix.join(directory, path), undefined);
  for (const { object, owner } of stackObjects({ config, tenants: [resolved] })) {
    if (!isOfTenant(owner)) continue;
    const { path, content } = renderedFile(object);
    changes.set(posix.join(directory, path), content);
  }
  return changes;
}
