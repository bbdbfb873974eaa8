import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFromRegistry, packageSource } from "../../src/cli/package-source";
import { temporaryDirectory } from "../support/directory";

describe("where a new repository gets the package from", () => {
  const directory = temporaryDirectory();

  /** The folder of the package, and npm's notes about it beside it. */
  function installed(entry?: object): string {
    const packages = join(directory(), "node_modules");
    mkdirSync(packages, { recursive: true });
    const notes = { packages: { "node_modules/shared-authority": entry } };
    writeFileSync(join(packages, ".package-lock.json"), JSON.stringify(notes));
    return join(packages, "shared-authority");
  }

  const cases: [title: string, entry: object | undefined, expected: boolean][] = [
    ["a registry", { resolved: "https://registry.npmjs.org/shared-authority/-/shared-authority-0.2.0.tgz" }, true],
    ["a registry whose address npm omits", { version: "0.2.0" }, true],
    ["a tarball", { resolved: "file:../shared-authority-0.2.0.tgz" }, false],
    ["a Git repository", { resolved: "git+ssh://git@github.com/a/b.git#0123" }, false],
    ["somewhere that npm does not note", undefined, false],
  ];
  for (const [title, entry, expected] of cases) {
    it(`knows a package of ${title}`, () => assert.equal(isFromRegistry(installed(entry)), expected));
  }

  it("knows nothing without npm's notes, or with notes that cannot be read", () => {
    assert.equal(isFromRegistry(join(directory(), "lib/node_modules/shared-authority")), false);
    const folder = installed();
    writeFileSync(join(folder, "../.package-lock.json"), "{");
    assert.equal(isFromRegistry(folder), false);
  });

  it("copies a tarball that `--package` names, and passes on everything else", async () => {
    const path = (given: string) => join(directory(), given);
    writeFileSync(path("mine.tgz"), "content");
    const source = packageSource("mine.tgz", path);
    assert.equal(source.spec, "file:vendor/mine.tgz");
    await source.add?.(directory());
    assert.equal(readFileSync(path("vendor/mine.tgz"), "utf8"), "content");
    for (const spec of ["0.2.0", "https://example.com/shared-authority-0.2.0.tgz"]) {
      assert.deepEqual(packageSource(spec, path), { spec });
    }
  });

  it("packs a checkout", () => {
    const { spec, add } = packageSource(undefined, (given) => given);
    assert.match(spec, /^file:vendor\/shared-authority-\d+\.\d+\.\d+\.tgz$/);
    assert.ok(add);
  });
});
