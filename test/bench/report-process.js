"use strict";

// Preloaded into each Node process of a measured run (NODE_OPTIONS=--require). At its exit, the process reports its duration
// and CPU time.

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
