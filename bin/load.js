"use strict";

// Loads TypeScript without a build step. A file and everything that it imports from this project are bundled into one
// file in node_modules/.cache. The bundle is reused until one of its inputs changes. It does not check types: with
// ts-node, that takes 3.9 to 6.2 s at each start.

const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const { loadTypeScriptWhenUsed } = require("./load-when-used");

const root = path.dirname(__dirname);

/** Part of the cache's path, so that another version of the loader or of esbuild makes new bundles. */
const cacheFormat = `2-${require("esbuild/package.json").version}`;

function fingerprint(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.mtimeMs}:${stat.size}`;
}

function readFreshBundle(cached) {
  let bundle;
  try {
    bundle = JSON.parse(fs.readFileSync(`${cached}.json`, "utf8"));
  } catch {
    return undefined;
  }
  const fresh = Object.entries(bundle.inputs).every(([file, seen]) => fingerprint(path.join(root, file)) === seen);
  return fresh ? bundle : undefined;
}

/**
 * Packages to include in the bundle: JavaScript in many small files, which loads several times faster as one file. All
 * other packages stay external, above all Pulumi's, which must exist only once in a process.
 */
const bundledPackages = ["execa", "p-retry", "semver", "yaml", "zod"];

function externalPackages() {
  const names = ["package.json", "policy-pack/package.json"].flatMap((file) => {
    const { dependencies = {}, devDependencies = {} } = require(path.join(root, file));
    return [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  });
  return [...new Set(names)].filter((name) => !bundledPackages.includes(name));
}

function bundleEntry(entry) {
  const result = require("esbuild").buildSync({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: externalPackages(),
    sourcemap: "inline",
    sourcesContent: false,
    metafile: true,
    write: false,
    outfile: `${entry}.js`,
    logLevel: "silent",
  });
  const inputs = Object.keys(result.metafile.inputs);
  return {
    inputs: Object.fromEntries(inputs.map((file) => [file, fingerprint(path.join(root, file))])),
    code: result.outputFiles[0].text,
  };
}

/** Writes the cache. Errors are ignored, so that a read-only checkout works, only slower. */
function writeCache(cached, bundle) {
  const temporary = `${cached}.${process.pid}`;
  try {
    fs.mkdirSync(path.dirname(cached), { recursive: true });
    fs.writeFileSync(temporary, JSON.stringify(bundle));
    fs.renameSync(temporary, `${cached}.json`);
  } catch {
    fs.rmSync(temporary, { force: true });
  }
}

/**
 * Loads a TypeScript file of this project and returns its exports.
 *
 * @param {string} entry absolute path of the file
 */
function load(entry) {
  const name = path.relative(root, entry).replaceAll(path.sep, "-");
  const cached = path.join(root, "node_modules", ".cache", "shared-authority", cacheFormat, name);
  let bundle = readFreshBundle(cached);
  if (bundle === undefined) {
    bundle = bundleEntry(entry);
    writeCache(cached, bundle);
  }
  loadTypeScriptWhenUsed();
  const loaded = new Module(entry, module);
  loaded.filename = entry;
  loaded.paths = Module._nodeModulePaths(path.dirname(entry));
  loaded._compile(bundle.code, entry);
  return loaded.exports;
}

module.exports = { load };
