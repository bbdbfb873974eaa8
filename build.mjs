// Bundles each entry point of the package into one file, which loads faster than many. The packages that it depends on
// stay outside, so that there is one copy of each in a user's repository. Two that load many files are bundled too: zod
// and yaml are devDependencies, and their licenses are in `dist`.

import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const folder = "dist";
const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
rmSync(folder, { recursive: true, force: true });

await build({
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
  logLevel: "warning",
});

// npm packs no file with this name, and `authority init` writes one.
copyFileSync("template/.gitignore", `${folder}/gitignore`);

const licenses = ["zod", "yaml"].map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8")}`);
writeFileSync(`${folder}/LICENSES.txt`, licenses.join("\n"));
