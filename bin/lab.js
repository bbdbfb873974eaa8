"use strict";

const path = require("node:path");
const { load } = require("./load");

const root = path.dirname(__dirname);
const { runLabCommand } = load(path.join(root, "test", "lab", "command.ts"));

runLabCommand(root, process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
