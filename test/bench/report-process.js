"use strict";

// Loaded into each Node process of a measured run (NODE_OPTIONS=--require): at its end the process says how long it
// lived and what processor time it took.

const fs = require("node:fs");
const { performance } = require("node:perf_hooks");

const file = process.env.BENCH_REPORT;
const role = /[\\/]cmd[\\/](run|run-policy-pack)[\\/]/.exec(process.argv[1] ?? "")?.[1];

if (file !== undefined && role !== undefined) {
  process.on("exit", () => {
    const { user, system } = process.cpuUsage();
    const line = { role, seconds: performance.now() / 1000, processorSeconds: (user + system) / 1e6 };
    fs.appendFileSync(file, `${JSON.stringify(line)}\n`);
  });
}
