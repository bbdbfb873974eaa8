"use strict";

// Runs a TypeScript entry at the speed of compiled JavaScript, with no build step that anybody could forget.
// The entry and what it imports from this project are bundled once, into one file in node_modules/.cache, and the
// bundle is used for as long as none of its inputs has changed. Types are checked by the tests, not here: ts-node
// checks them at each start, which takes 3.9 to 6.2 s.

const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const { loadWhenUsed } = require("./load-when-used");

const root = path.dirname(__dirname);

/** Which bundler made a bundle is a part of the bundle's name: another version makes another file. */
const cacheFormat = `1-${require("esbuild/package.json").version}`;

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
 * Packages that the bundle holds. They are pure JavaScript of many small files, which load in a third of the time when
 * they are one; all other packages stay what they are, above all Pulumi's, of which there must be one copy.
 */
const bundledPackages = ["semver", "yaml", "zod"];

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

/** A cache that cannot be written costs time at the next start and nothing else, so a read-only checkout works. */
function keep(cached, bundle) {
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
    keep(cached, bundle);
  }
  loadWhenUsed();
  const loaded = new Module(entry, module);
  loaded.filename = entry;
  loaded.paths = Module._nodeModulePaths(path.dirname(entry));
  loaded._compile(bundle.code, entry);
  return loaded.exports;
}

module.exports = { load };
