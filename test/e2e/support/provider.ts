import { readFile } from "node:fs/promises";
import { findExecutable } from "../../../demo/executable";

/**
 * Whether the Kubernetes provider on `PATH` adopts an existing object instead of failing with "already exists". Releases
 * before `PULUMI_K8S_UPSERT_EXISTING_OBJECTS` do; a later release contains the variable's name.
 */
export async function providerAdoptsExisting(): Promise<boolean> {
  const provider = findExecutable("pulumi-resource-kubernetes");
  return provider !== undefined && !(await readFile(provider)).includes("PULUMI_K8S_UPSERT_EXISTING_OBJECTS");
}
