import assert from "node:assert/strict";
import { DataPaths } from "../../src/preview/data-path";

describe("the paths that a pull request may change without code owners", () => {
  const paths = new DataPaths(["rendered/prod", "policy-pack", "../outside", ".github"]);

  for (const path of [
    "Pulumi.yaml",
    "Pulumi.prod.yaml",
    "releases.lock.yaml",
    "tenants/podinfo/values.prod.yaml",
    "rendered/prod/1-manifest/v1-namespace-default-podinfo.yaml",
    // A stack may name any folder: what is there has the form of a render and is loaded by nobody.
    "policy-pack/1-manifest/v1-namespace-default-podinfo.yaml",
  ]) {
    it(`takes ${path} for data`, () => assert.equal(paths.isData(path), true));
  }

  for (const path of [
    "index.ts",
    "policy-pack/index.ts",
    "policies.json",
    "Pulumi.prod.yml",
    "Pulumi.json",
    "package.json",
    "tenants/.gitattributes",
    "tenants/podinfo/.gitattributes",
    "tenants/../index.ts",
    "tenants//index.ts",
    "tenants/a\\..\\b",
    "rendered/prod/index.ts",
    "rendered/prod/1-manifest/index.ts",
    "rendered/dev/1-manifest/v1-namespace-default-podinfo.yaml",
    "../outside/1-manifest/v1-namespace-default-podinfo.yaml",
    ".github/1-manifest/v1-namespace-default-podinfo.yaml",
    ".github/workflows/preview.yml",
    "sub/Pulumi.prod.yaml",
  ]) {
    it(`takes ${JSON.stringify(path)} for code`, () => assert.equal(paths.isData(path), false));
  }

  it("knows what is above and below data, where a link would lead away", () => {
    for (const path of ["tenants", "rendered", "rendered/prod", "tenants/podinfo", "tenants/.x", "Pulumi.dev.yaml"]) {
      assert.equal(paths.isPlaceOfData(path), true, path);
    }
    for (const path of ["index.ts", "docs/tenants", "tenants2"]) assert.equal(paths.isPlaceOfData(path), false, path);
  });
});
