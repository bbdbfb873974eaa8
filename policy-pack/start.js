"use strict";

// The entry that PulumiPolicy.yaml names. In the shared repository the pack is its TypeScript; published on its own it
// is one bundle, which `npm pack` makes.
const fs = require("node:fs");
const path = require("node:path");

const loader = path.join(__dirname, "..", "bin", "load.js");
const entry = path.join(__dirname, "index.ts");

if (fs.existsSync(entry) && fs.existsSync(loader)) require(loader).load(entry);
else require("./dist/pack.js");
