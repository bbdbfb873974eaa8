import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The version of this package: of the program, the components, the policy pack and the command line alike. */
export const packageVersion = versionIn(join(__dirname, ".."));

/** The version in a folder's package.json. @throws Error if there is none */
export function versionIn(folder: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly version: string };
  return version;
}
