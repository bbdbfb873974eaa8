import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { compareVersions, isVersion } from "./version/version";

/** The folder of this package, whether the code is a source file or bundled into `dist`. */
export const packageFolder = join(__dirname, "..");

/** The version of this package: of the program, the components, the policy pack and the command line alike. */
export const packageVersion = versionIn(packageFolder);

/** The version in a folder's package.json. @throws Error if there is none */
function versionIn(folder: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly version: string };
  return version;
}

/**
 * The version of this package that a project's program loads. Nothing where Node finds none: a program of the user's own
 * may be in another language, and its objects are compared all the same.
 */
function installedVersion(project: string): string | undefined {
  try {
    const { resolve } = createRequire(join(project, "index.ts"));
    const version = versionIn(dirname(resolve("shared-authority/package.json")));
    return isVersion(version) ? version : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Why the program of a project is not judged, in one sentence: it is of another version of this package, whose objects
 * differ for no decision. Nothing where the versions are the same, or the program's is not known.
 *
 * @param judge what judges it, such as `policy pack`
 * @param fix what to do about it. Default: to install the newer version where the older one is
 */
export function versionFault(project: string, judge: string, fix?: string): string | undefined {
  const version = installedVersion(project);
  if (version === undefined || version === packageVersion) return undefined;
  const isNewer = compareVersions(version, packageVersion) > 0;
  const [newer, folder] = isNewer ? [version, folderOfInstallation()] : [packageVersion, project];
  const install = `install one version for both, with \`npm install shared-authority@${newer}\` in ${folder}`;
  return `the program is of shared-authority ${version}, this ${judge} of ${packageVersion}: ${fix ?? install}`;
}

/** The folder whose packages this one is among. */
function folderOfInstallation(): string {
  return packageFolder.split(`${sep}node_modules${sep}`, 1)[0] ?? packageFolder;
}
