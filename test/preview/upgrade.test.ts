import assert from "node:assert/strict";
import { upgradeOf } from "../../src/preview/upgrade";

interface Locked {
  name?: string;
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
}

const registry = "https://registry.npmjs.org";

function files(version: string, edit: { manifest?: object; packages?: Record<string, Locked> } = {}) {
  const manifest = {
    private: true,
    dependencies: { "shared-authority": version, typescript: "6.0.3" },
    ...edit.manifest,
  };
  const own = {
    version,
    resolved: `${registry}/shared-authority/-/shared-authority-${version}.tgz`,
    integrity: `sha512-${version}`,
  };
  const typescript = {
    version: "6.0.3",
    resolved: `${registry}/typescript/-/typescript-6.0.3.tgz`,
    integrity: "sha512-t",
  };
  const packages = { "": manifest, "node_modules/shared-authority": own, "node_modules/typescript": typescript };
  return {
    manifest: JSON.stringify(manifest),
    lock: JSON.stringify({ lockfileVersion: 3, packages: { ...packages, ...edit.packages } }),
  };
}

describe("an upgrade of the package", () => {
  const before = files("0.2.0");

  it("raises the version, with what the new version needs from the same registry", () => {
    const added = { version: "1.0.0", resolved: `${registry}/@acme/tool/-/tool-1.0.0.tgz`, integrity: "sha512-a" };
    const after = files("0.3.0", { packages: { "node_modules/@acme/tool": added } });
    assert.deepEqual(upgradeOf(before, after), { from: "0.2.0", to: "0.3.0" });
  });

  /** npm takes what has no address from its registry. */
  const withTypescript = (edit: Locked) =>
    files("0.3.0", { packages: { "node_modules/typescript": { version: "6.0.3", integrity: "sha512-e", ...edit } } });

  const refused: [title: string, after: ReturnType<typeof files>, expected: RegExp][] = [
    ["the same version", files("0.2.0"), /has shared-authority 0\.2\.0 as before/],
    ["a tarball of its own", files("file:vendor/evil.tgz"), /no exact version/],
    ["a range", files("^0.3.0"), /no exact version/],
    [
      "another package too",
      files("0.3.0", { manifest: { dependencies: { "shared-authority": "0.3.0", evil: "1.0.0" } } }),
      /more than the version/,
    ],
    ["a script", files("0.3.0", { manifest: { scripts: { install: "evil" } } }), /more than the version/],
    [
      "another place in the lock",
      files("0.3.0", {
        packages: {
          "node_modules/typescript": {
            version: "6.0.3",
            resolved: "https://evil.example/typescript/-/typescript-6.0.3.tgz",
            integrity: "sha512-e",
          },
        },
      }),
      /gets node_modules\/typescript from another place: https:\/\/evil\.example/,
    ],
    [
      "another package under its name",
      files("0.3.0", {
        packages: {
          "node_modules/typescript": {
            version: "6.0.3",
            resolved: `${registry}/evil/-/evil-1.tgz`,
            integrity: "sha512-e",
          },
        },
      }),
      /evil-1\.tgz for node_modules\/typescript/,
    ],
    [
      "another package with its name behind a question mark",
      withTypescript({ resolved: `${registry}/evil/-/evil-1.0.0.tgz?/typescript/-/typescript-6.0.3.tgz` }),
      /evil-1\.0\.0\.tgz\?.* for node_modules\/typescript/,
    ],
    [
      "another part of a host that many share",
      withTypescript({ resolved: `${registry}/api/v4/projects/666/packages/npm/typescript/-/typescript-6.0.3.tgz` }),
      /from another place: .*projects\/666/,
    ],
    [
      "the archive of another version",
      withTypescript({ resolved: `${registry}/typescript/-/typescript-1.0.0.tgz` }),
      /typescript-1\.0\.0\.tgz for node_modules\/typescript/,
    ],
    ["an alias", withTypescript({ name: "evil" }), /has evil for node_modules\/typescript/],
    [
      "an address in the place of a version",
      withTypescript({ version: "git+https://evil.example/typescript.git" }),
      /no exact version of node_modules\/typescript/,
    ],
    [
      "a folder outside of node_modules",
      files("0.3.0", {
        packages: { "node_modules/../policy-pack": { version: "1.0.0", integrity: "sha512-e" } },
      }),
      /links to a folder: node_modules\/\.\.\/policy-pack/,
    ],
    ["a lower version", files("0.1.0"), /lowers shared-authority from 0\.2\.0 to 0\.1\.0/],
    [
      "no hash",
      files("0.3.0", { packages: { "node_modules/typescript": { version: "6.0.4" } } }),
      /no hash of node_modules\/typescript/,
    ],
    [
      "a folder",
      files("0.3.0", { packages: { "node_modules/typescript": { link: true, resolved: "tenants" } } }),
      /links to a folder/,
    ],
    [
      "another version in the lock",
      { manifest: files("0.3.0").manifest, lock: before.lock },
      /package-lock\.json has shared-authority 0\.2\.0/,
    ],
    ["no lock", { manifest: files("0.3.0").manifest, lock: "" }, /package-lock\.json is missing/],
  ];
  for (const [title, after, expected] of refused) {
    it(`is not ${title}`, () => {
      const found = upgradeOf(before, after);
      assert.match(typeof found === "string" ? found : JSON.stringify(found), expected);
    });
  }
});
