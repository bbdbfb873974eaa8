#!/usr/bin/env node
"use strict";

const path = require("node:path");
const { load } = require("./load");

const { run } = load(path.join(path.dirname(__dirname), "cli", "main.ts"));

run(process);
