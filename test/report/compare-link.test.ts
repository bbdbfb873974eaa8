import assert from "node:assert/strict";
import { compareLink } from "../../src/report/compare-link";

describe("the link that compares two releases", () => {
  const expected: readonly (readonly [repository: string, link: string | undefined])[] = [
    ["https://github.com/acme/shop", "https://github.com/acme/shop/compare/v1.0.0...v1.1.0"],
    ["https://github.com/acme/shop.git", "https://github.com/acme/shop/compare/v1.0.0...v1.1.0"],
    ["ssh://git@github.acme.example/acme/shop.git", "https://github.acme.example/acme/shop/compare/v1.0.0...v1.1.0"],
    ["https://gitlab.com/acme/web/shop", "https://gitlab.com/acme/web/shop/-/compare/v1.0.0...v1.1.0"],
    ["https://bitbucket.org/acme/shop", "https://bitbucket.org/acme/shop/branches/compare/v1.1.0%0Dv1.0.0"],
    ["https://codeberg.org/acme/shop", "https://codeberg.org/acme/shop/compare/v1.0.0...v1.1.0"],
    ["https://gitea.acme.example/acme/shop", "https://gitea.acme.example/acme/shop/compare/v1.0.0...v1.1.0"],
    ["https://git.acme.example/acme/shop", undefined],
    ["https://github.com/acme/../../evil", undefined],
    ["https://github.com/acme/shop?x=<b>", undefined],
  ];

  for (const [repository, link] of expected) {
    it(`${link === undefined ? "is missing" : "is found"} for ${repository}`, () => {
      assert.equal(compareLink(repository, "v1.0.0", "v1.1.0"), link);
    });
  }

  it("is missing without a repository", () => {
    assert.equal(compareLink(undefined, "1.0.0", "1.1.0"), undefined);
  });

  it("holds no character of a tag that Markdown or HTML reads", () => {
    const link = compareLink("https://github.com/acme/shop", "a)(b", `"'<>*~!|`) ?? "";
    assert.match(link, /^https:\/\/github\.com\/acme\/shop\/compare\/[\w.%]+$/);
  });
});
