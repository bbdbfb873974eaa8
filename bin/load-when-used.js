"use strict";

// Pulumi's SDK loads the TypeScript compiler at start, but needs it only to serialize functions. That takes half of the
// SDK's loading time. A stand-in in the module cache delays it until the compiler is used.

const Module = require("node:module");

/** Puts the stand-in into the module cache, unless the compiler is already loaded. */
function loadTypeScriptWhenUsed() {
  const file = require.resolve("@pulumi/pulumi/typescript-shim");
  if (file in require.cache) return;
  let compiler;
  const load = () => {
    if (compiler === undefined) {
      delete require.cache[file];
      compiler = require(file);
    }
    return compiler;
  };
  const standIn = new Module(file, module);
  standIn.filename = file;
  standIn.loaded = true;
  standIn.exports = new Proxy(
    {},
    {
      // For an ES module, compiled TypeScript does not copy the members, which would load the compiler.
      get: (_, key) => (key === "__esModule" ? true : load()[key]),
      has: (_, key) => key in load(),
    },
  );
  require.cache[file] = standIn;
}

module.exports = { loadTypeScriptWhenUsed };
