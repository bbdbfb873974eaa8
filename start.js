"use strict";

// The entry that Pulumi.yaml names: the program itself is index.ts.
module.exports = require("./bin/load").load(require("node:path").join(__dirname, "index.ts"));
