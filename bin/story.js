#!/usr/bin/env node
"use strict";

const path = require("node:path");
const { load } = require("./load");

const root = path.dirname(__dirname);
const { runStory } = load(path.join(root, "demo", "story.ts"));

runStory(root, process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
