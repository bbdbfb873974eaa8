"use strict";

// The entry point in PulumiPolicy.yaml. In the shared repository it loads the TypeScript files; in the published package
// it loads the bundle that `npm pack` builds.
const fs = require("node:fs");
const path = require("node:path");

const loader = path.join(__dirname, "..", "bin", "load.js");
const entry = path.join(__dirname, "index.ts");

if (fs.existsSync(entry) && fs.existsSync(loader)) require(loader).load(entry);
else require("./dist/pack.js");
