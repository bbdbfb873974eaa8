"use strict";

// The entry point in Pulumi.yaml. It loads the program, index.ts.

// Pulumi's SDK formats a stack trace for every promise, which takes a fifth of the time with a hundred tenants. The first
// frame shows where an error comes from. For more, set NODE_OPTIONS=--stack-trace-limit=50.
const defaultLimit = 10;
if (Error.stackTraceLimit === defaultLimit) Error.stackTraceLimit = 1;

module.exports = require("./bin/load").load(require("node:path").join(__dirname, "index.ts"));
