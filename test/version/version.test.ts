import assert from "node:assert/strict";
import fc from "fast-check";
import { compareVersions, isPrerelease, isVersion, versionOfTag } from "../../src/version/version";

describe("a version", () => {
  it("is strict SemVer", () => {
    for (const good of ["0.0.0", "6.14.1", "1.0.0-rc.1", "1.0.0-rc.1+build.5", "1.0.0+001"]) {
      assert.equal(isVersion(good), true, good);
    }
    const bad = [
      "",
      "1",
      "1.2",
      "v1.2.3",
      "=1.2.3",
      " 1.2.3",
      "1.2.3\n",
      "01.2.3",
      "1.2.3-01",
      "1.2.3.4",
      "1.2.x",
      "latest",
      "1.2.3-",
    ];
    for (const text of bad) {
      assert.equal(isVersion(text), false, JSON.stringify(text));
    }
  });

  it("is a tag without the declared prefix, removed once", () => {
    assert.equal(versionOfTag("6.14.1", ""), "6.14.1");
    assert.equal(versionOfTag("v6.14.1", "v"), "6.14.1");
    assert.equal(versionOfTag("v6.14.1", ""), undefined);
    assert.equal(versionOfTag("6.14.1", "v"), undefined);
    assert.equal(versionOfTag("vv1.0.86", "v"), undefined);
    assert.equal(versionOfTag("v0.1.0-cli", "v"), "0.1.0-cli");
    assert.equal(versionOfTag("podinfo-1.0.0", "podinfo-"), "1.0.0");
  });

  it("is found behind any prefix", () => {
    const version = fc.tuple(fc.nat(), fc.nat(), fc.nat()).map((numbers) => numbers.join("."));
    fc.assert(fc.property(fc.string(), version, (prefix, text) => versionOfTag(prefix + text, prefix) === text));
  });

  it("is ordered as SemVer says", () => {
    const ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.2.0", "1.10.0"];
    assert.deepEqual([...ordered].reverse().sort(compareVersions), ordered);
  });

  it("is a pre-release by its hyphen", () => {
    assert.deepEqual(["1.0.0-rc.1", "1.0.0", "1.0.0+x-y", "nonsense-1"].map(isPrerelease), [true, false, false, false]);
  });
});
