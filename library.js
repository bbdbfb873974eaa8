"use strict";

// The exports of the package: the components, for use in other Pulumi programs.
module.exports = require("./bin/load").load(require("node:path").join(__dirname, "components", "index.ts"));
