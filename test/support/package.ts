import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { Context } from "mocha";
import { minVersion } from "semver";
import packageManifest from "../../package.json";
import { projectRoot } from "./project";
import { lacks } from "./tools";

/** The tarball that `npm publish` would upload. */
export interface PackedPackage {
  /** Absolute path. */
  readonly file: string;
  /** In bytes. */
  readonly size: number;
  /** The paths of its files. */
  readonly paths: readonly string[];
}

/**
 * Packs this package, with all of npm's scripts. In a copy, because these replace `dist`, which other tests use.
 *
 * @param directory an existing folder
 */
export async function packPackage(directory: string): Promise<PackedPackage> {
  const source = join(directory, "source");
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: projectRoot,
    encoding: "utf8",
  });
  for (const path of listed.split("\0").filter((one) => one !== "" && !one.startsWith("test/"))) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    cpSync(join(projectRoot, path), join(source, path));
  }
  symlinkSync(join(projectRoot, "node_modules"), join(source, "node_modules"), "junction");
  const { stdout } = await execa("npm", ["pack", "--json", "--pack-destination", directory], { cwd: source });
  const [packed] = JSON.parse(stdout) as { filename: string; size: number; files: { path: string }[] }[];
  if (packed === undefined) throw new Error("npm packed nothing");
  return { file: join(directory, packed.filename), size: packed.size, paths: packed.files.map(({ path }) => path) };
}

/** The oldest SDKs that the package allows. All other tests use the SDKs of its `devDependencies`. */
export const oldestSdks = Object.fromEntries(
  Object.entries(packageManifest.peerDependencies).map(([name, range]) => [name, minVersion(range)?.version ?? ""]),
);

/**
 * Installs the tarball into a Pulumi project, as `pulumi new kubernetes-typescript` makes one. Without npm's registry the
 * test is skipped.
 *
 * @param directory the project's folder, which is created
 */
export async function installPackage(context: Context, directory: string, { file }: PackedPackage): Promise<void> {
  const manifest = {
    name: "shop",
    private: true,
    main: "index.ts",
    devDependencies: { "@types/node": packageManifest.devDependencies["@types/node"], typescript: "5.9.3" },
    dependencies: { ...oldestSdks, [packageManifest.name]: `file:${file}` },
  };
  mkdirSync(directory);
  writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"];
  const { exitCode, stderr } = await execa("npm", ["install", ...flags], { cwd: directory, reject: false });
  if (/\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH)\b/.test(stderr))
    lacks(context, "needs npm's registry");
  if (exitCode !== 0) throw new Error(`npm install failed: ${stderr}`);
}
