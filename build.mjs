// Bundles each entry point of the package into one file, which loads faster than many. The packages that it depends on
// stay outside, so that there is one copy of each in a user's repository. Three that load many files are bundled too: execa,
// yaml and zod are devDependencies, and the licenses of all bundled packages are in `dist`.

import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Buffer } from "node:buffer";
import { build } from "esbuild";

const folder = "dist";
const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
rmSync(folder, { recursive: true, force: true });

// An empty source map for the files of other packages: with their sources, the maps of the bundles would be twice as large.
const noMap = Buffer.from(
  JSON.stringify({ version: 3, sources: [""], sourcesContent: [""], mappings: "AAAA" }),
).toString("base64");
const ownSourcesOnly = {
  name: "own-sources-only",
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, ({ path }) => ({
      contents: `${readFileSync(path, "utf8")}\n//# sourceMappingURL=data:application/json;base64,${noMap}`,
      loader: "js",
    })),
};

const { metafile } = await build({
  entryPoints: {
    index: "src/index.ts",
    components: "src/components/index.ts",
    "policy-pack": "src/policy-pack/index.ts",
    cli: "src/cli/main.ts",
  },
  outdir: folder,
  bundle: true,
  external: Object.keys({ ...dependencies, ...peerDependencies }),
  platform: "node",
  format: "cjs",
  target: "node20",
  sourcemap: true,
  metafile: true,
  plugins: [ownSourcesOnly],
  logLevel: "warning",
});

// npm packs no file with this name, and `authority init` writes one.
copyFileSync("template/.gitignore", `${folder}/gitignore`);

const folders = new Set(
  Object.keys(metafile.inputs).flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []),
);
const licenses = [...folders].sort().map((one) => {
  const file = readdirSync(one).find((name) => /^licen[cs]e/i.test(name));
  return `${one.replace(/^.*node_modules\//, "")}\n\n${readFileSync(`${one}/${file}`, "utf8")}`;
});
writeFileSync(`${folder}/LICENSES.txt`, licenses.join("\n"));
