"use strict";

// What Pulumi's SDK loads at its start only to serialize functions (the TypeScript compiler, npm's tree of packages),
// which takes 0.4 of the 0.6 s that it loads for. A stand-in takes the module's place until somebody uses it.

const Module = require("node:module");
const path = require("node:path");

/** Modules that one program in a hundred uses, as the SDK's own files name them. */
const seldomUsed = ["@pulumi/pulumi/typescript-shim", "@npmcli/arborist"];

function standInFor(file) {
  let real;
  const load = () => {
    if (real === undefined) {
      delete require.cache[file];
      real = require(file);
    }
    return real;
  };
  const standIn = new Module(file, module);
  standIn.filename = file;
  standIn.loaded = true;
  // `__importStar` of compiled TypeScript copies a module's members, unless it says that it is an ES module.
  const members = {
    get: (_, key) => (key === "__esModule" ? true : load()[key]),
    has: (_, key) => key in load(),
  };
  standIn.exports = new Proxy({}, members);
  return standIn;
}

/** Puts the stand-ins in place. What is loaded already, or is not there, stays as it is. */
function loadWhenUsed() {
  const sdk = path.dirname(require.resolve("@pulumi/pulumi/package.json"));
  for (const name of seldomUsed) {
    let file;
    try {
      file = require.resolve(name, { paths: [sdk] });
    } catch {
      continue;
    }
    require.cache[file] ??= standInFor(file);
  }
}

module.exports = { loadWhenUsed };
