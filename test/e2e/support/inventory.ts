import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { LiveObject } from "../../lab/cluster";
import { said, type Fixture } from "./fixture";
import { nameOf } from "../../lab/wait";

/** All kinds that the program creates. */
const kinds = [
  ["v1", "Namespace"],
  ["v1", "ServiceAccount"],
  ["v1", "ConfigMap"],
  ["v1", "ResourceQuota"],
  ["v1", "LimitRange"],
  ["networking.k8s.io/v1", "NetworkPolicy"],
  ["rbac.authorization.k8s.io/v1", "Role"],
  ["rbac.authorization.k8s.io/v1", "RoleBinding"],
  ["source.toolkit.fluxcd.io/v1", "GitRepository"],
  ["source.toolkit.fluxcd.io/v1", "OCIRepository"],
  ["helm.toolkit.fluxcd.io/v2", "HelmRelease"],
  ["image.toolkit.fluxcd.io/v1", "ImageRepository"],
  ["image.toolkit.fluxcd.io/v1", "ImagePolicy"],
  ["image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation"],
  ["notification.toolkit.fluxcd.io/v1", "Receiver"],
  ["notification.toolkit.fluxcd.io/v1beta3", "Provider"],
  ["notification.toolkit.fluxcd.io/v1beta3", "Alert"],
  ["admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"],
  ["admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"],
] as const;

interface State {
  readonly deployment: {
    readonly resources?: readonly { readonly type: string; readonly outputs?: LiveObject }[];
    readonly pending_operations?: readonly unknown[];
  };
}

/** The files of a file backend. */
export interface StateFiles {
  /** The backend's folder. */
  readonly backend: string;
  /** Files that may be truncated because nothing reads them, by their paths in the folder. Default: none. */
  readonly unread?: ReadonlySet<string>;
}

/** The objects in a stack's state, sorted: `HelmRelease flux-system/podinfo`. */
export async function objectsInState(fixture: Fixture, stack: string): Promise<string[]> {
  const { resources = [] } = (await exportedState(fixture, stack)).deployment;
  return resources
    .flatMap(({ type, outputs }) => (type.startsWith("kubernetes:") && outputs !== undefined ? [nameOf(outputs)] : []))
    .sort();
}

/** The fixture's objects that the engine has created, sorted: in its namespaces, or named after the authority namespace. */
export async function objectsInCluster(fixture: Fixture, tenants: readonly string[]): Promise<string[]> {
  const namespaces = [fixture.authorityNamespace, ...tenants];
  const lists = kinds.map(([apiVersion, kind]) => fixture.opened.cluster.list({ apiVersion, kind }));
  return (await Promise.all(lists))
    .flat()
    .filter(({ metadata: { namespace, name } }) => namespaces.includes(namespace ?? name.replace(/^.*\./, "")))
    .filter(isOfEngine)
    .map(nameOf)
    .sort();
}

/** Reads the managed fields, in which the API server records the clients of each object. */
function isOfEngine({ metadata }: LiveObject): boolean {
  const { managedFields = [] } = metadata as { managedFields?: readonly { readonly manager: string }[] };
  return managedFields.some(({ manager }) => manager.startsWith("pulumi-kubernetes"));
}

/**
 * Asserts that state and cluster have the same objects, that the state has no pending operations, and that no state file
 * is truncated.
 *
 * @param tenants all tenants that the stack has ever had
 * @param files Default: the fixture's file backend.
 */
export async function assertWhole(
  fixture: Fixture,
  stack: string,
  tenants: readonly string[],
  files: StateFiles = { backend: backendOf(fixture) },
): Promise<void> {
  const { pending_operations: pending = [] } = (await exportedState(fixture, stack)).deployment;
  assert.deepEqual(pending, []);
  assert.deepEqual(await objectsInState(fixture, stack), await objectsInCluster(fixture, tenants));
  await assertFilesWhole(files);
  assert.equal(await fixture.project.git("status", "--porcelain"), "");
}

/** Asserts that no file of the backend is truncated. */
async function assertFilesWhole({ backend, unread }: StateFiles): Promise<void> {
  for (const path of (await filesOf(backend)).keys()) {
    if (!path.endsWith(".json") || unread?.has(path) === true) continue;
    const content = await readFile(join(backend, path), "utf8");
    assert.doesNotThrow(() => JSON.parse(content) as unknown, `${path} is truncated`);
  }
}

/** The modification time in milliseconds of each file, by its path in the folder. */
export async function filesOf(folder: string): Promise<ReadonlyMap<string, number>> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(
    await Promise.all(
      paths.map(async (path): Promise<[string, number]> => [relative(folder, path), (await stat(path)).mtimeMs]),
    ),
  );
}

/** The path of a stack's state. Default: in the fixture's file backend. */
export function stateFile(fixture: Fixture, stack: string, backend = backendOf(fixture)): string {
  return join(backend, `.pulumi/stacks/shared-authority/${stack}.json`);
}

function backendOf({ session }: Fixture): string {
  return fileURLToPath(String(session.environment.PULUMI_BACKEND_URL));
}

async function exportedState(fixture: Fixture, stack: string): Promise<State> {
  const result = await fixture.pulumi("stack", "export", "--stack", stack);
  assert.equal(result.code, 0, said(result));
  return JSON.parse(result.stdout) as State;
}
