/** How a new repository gets this package: by its version, or from a tarball in the repository. */
import { copyFile, mkdir } from "node:fs/promises";
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { packageFolder, packageVersion } from "../package-version";
import { withoutCredentials } from "../config/address";
import { InputError } from "./input-error";

/** The name of this package. */
const packageName = "shared-authority";

/** The folder of the tarball in the new repository. */
const vendorFolder = "vendor";

/** What to write under `dependencies`, and how to get a tarball that it names. */
export interface PackageSource {
  /** As npm has it: `0.2.0`, or `file:vendor/...`. */
  readonly spec: string;
  /** Puts the tarball into the new repository. Absent: npm downloads the package. */
  readonly add?: (repository: string) => Promise<void>;
}

/**
 * The version, if npm has installed this package from its registry. Otherwise nobody knows whether the registry has it,
 * so the package is packed into the new repository.
 *
 * @param given what `--package` names: a tarball on this machine, which is copied, or anything that npm takes
 * @throws InputError if `given` is not valid
 */
export function packageSource(given: string | undefined, path: (given: string) => string): PackageSource {
  if (given !== undefined) return givenSource(given, path(given));
  if (isFromRegistry(packageFolder)) return { spec: packageVersion };
  const tarball = `${packageName}-${packageVersion}.tgz`;
  return {
    spec: `file:${vendorFolder}/${tarball}`,
    add: (repository) => pack(join(repository, vendorFolder), tarball),
  };
}

function givenSource(given: string, path: string): PackageSource {
  if (!/^[!-~]+$/.test(given)) {
    throw new InputError(
      `\`--package\` has ${JSON.stringify(given)}; expected what npm takes: a version, a tarball or a URL.`,
    );
  }
  // Of an SSH address, the user's name is not a secret.
  if (/^(?:git\+)?https?:/.test(given) && withoutCredentials(given) !== given) {
    throw new InputError(
      `\`--package\` has ${JSON.stringify(withoutCredentials(given))}; expected no credentials, ` +
        "because package.json is committed: npm takes them from `.npmrc`.",
    );
  }
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    if (/\.t?gz$/.test(given) && !/^[a-z+]+:/.test(given))
      throw new InputError(`\`--package\`: there is no file ${path}.`);
    return { spec: given };
  }
  const name = basename(path);
  const add = async (repository: string): Promise<void> => {
    await mkdir(join(repository, vendorFolder));
    await copyFile(path, join(repository, vendorFolder, name));
  };
  return { spec: `file:${vendorFolder}/${name}`, add };
}

/** What npm notes in `node_modules/.package-lock.json` about an installed package. */
interface Installed {
  readonly packages?: Readonly<Record<string, { readonly resolved?: string }>>;
}

/**
 * Whether npm's own notes say that the package comes from a registry. There are none in a checkout, for a global
 * installation, and with other package managers.
 */
export function isFromRegistry(folder: string): boolean {
  try {
    const notes = readFileSync(join(dirname(folder), ".package-lock.json"), "utf8");
    const installed = (JSON.parse(notes) as Installed).packages?.[`node_modules/${packageName}`];
    // With `omit-lockfile-registry-resolved`, only packages of a registry have no address.
    return installed !== undefined && /^https?:/.test(installed.resolved ?? "https:");
  } catch {
    return false;
  }
}

/** In a checkout, npm builds the package first. An installed package is built. */
async function pack(folder: string, tarball: string): Promise<void> {
  const { execa } = await import("execa");
  await mkdir(folder);
  const isInstalled = packageFolder.split(sep).includes("node_modules");
  const flags = ["--silent", "--pack-destination", folder, ...(isInstalled ? ["--ignore-scripts"] : [])];
  const result = await execa("npm", ["pack", ...flags], { cwd: packageFolder, all: true, reject: false });
  const isPacked = statSync(join(folder, tarball), { throwIfNoEntry: false })?.isFile() === true;
  if (result.exitCode === 0 && isPacked) return;
  throw new InputError(
    `\`npm pack\` in ${packageFolder} failed: ${result.all === "" ? (result.shortMessage ?? "no reason given") : result.all}. ` +
      "Name the package with `--package`. Nothing was written.",
  );
}
