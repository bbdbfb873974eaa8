/** The registries that get credentials without TLS while a pull request is judged. */
import { join } from "node:path";
import { ProblemsError } from "../config/problem";
import { listStacks, readStackConfig } from "../config/read-stack-config";
import type { Tenant } from "../config/stack-config";
import { addressesOf } from "../release/image-address";
import { BaseFolder } from "../report/base-folder";

/**
 * Those that the base branch declares `insecureRegistry`. The pull request's own declaration would let it read credentials.
 *
 * @param root the project's folder in a clone that has the commit
 * @param commit the last one of the base branch
 * @param scratch an existing folder
 */
export async function plainHttpRegistries(root: string, commit: string, scratch: string): Promise<string[]> {
  const { root: base } = await BaseFolder.open(root, commit, join(scratch, "declared"));
  const tenants = listStacks(base).flatMap((stack) => tenantsOf(base, stack));
  const addresses = tenants.filter(({ insecureRegistry }) => insecureRegistry).flatMap(addressesOf);
  return [...new Set(addresses.map(({ registry }) => registry))];
}

function tenantsOf(root: string, stack: string): readonly Tenant[] {
  try {
    return readStackConfig({ root, stack }, { values: false }).tenants;
  } catch (error) {
    if (error instanceof ProblemsError) return [];
    throw error;
  }
}
