"use strict";

// The entry that Pulumi.yaml names: the program itself is index.ts.

// Pulumi's SDK takes a stack for every promise, a quarter of the time of a program of a hundred tenants; where an error
// comes from stands in the first frames. Whoever wants more asks Node: NODE_OPTIONS=--stack-trace-limit=50.
const nodesDefault = 10;
if (Error.stackTraceLimit === nodesDefault) Error.stackTraceLimit = 3;

module.exports = require("./bin/load").load(require("node:path").join(__dirname, "index.ts"));
