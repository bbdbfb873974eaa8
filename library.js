"use strict";

// What `import ... from "shared-authority"` gives: the components, for use in other Pulumi programs.
module.exports = require("./bin/load").load(require("node:path").join(__dirname, "components", "index.ts"));
