// Bundles each entry point of the package into one file, which loads faster than many. The packages that it imports stay
// outside, so that there is one copy of each in a user's repository.

import { copyFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

const folder = "dist";
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
  packages: "external",
  platform: "node",
  format: "cjs",
  target: "node20",
  sourcemap: true,
  logLevel: "warning",
});

// npm packs no file with this name, and `authority init` writes one.
copyFileSync("template/.gitignore", `${folder}/gitignore`);
