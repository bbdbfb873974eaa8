import assert from "node:assert/strict";
import fc from "fast-check";
import { fullRepository, parseImage } from "../../src/config/image-reference";

const digest = `sha256:${"ab".repeat(32)}`;

describe("an image reference", () => {
  const spellings: Readonly<Record<string, string>> = {
    nginx: "docker.io/library/nginx",
    "nginx:1.27": "docker.io/library/nginx",
    [`nginx:1.27@${digest}`]: "docker.io/library/nginx",
    "library/nginx": "docker.io/library/nginx",
    "docker.io/nginx": "docker.io/library/nginx",
    "index.docker.io/nginx": "docker.io/library/nginx",
    "grafana/grafana": "docker.io/grafana/grafana",
    "index.docker.io/grafana/grafana": "docker.io/grafana/grafana",
    "ghcr.io/a/b:c": "ghcr.io/a/b",
    "localhost/a": "localhost/a",
    "localhost:5000/a:1": "localhost:5000/a",
    "registry:5000/a/b@sha256:x": "registry:5000/a/b",
    "Registry/a": "Registry/a",
    "registry-1.docker.io/library/nginx": "registry-1.docker.io/library/nginx",
    "[::1]:5000/a:1": "[::1]:5000/a",
    "": "docker.io/library/",
  };
  for (const [text, repository] of Object.entries(spellings)) {
    it(`${JSON.stringify(text)} is of ${repository}`, () => assert.equal(parseImage(text).repository, repository));
  }

  it("has a tag and a digest", () => {
    assert.deepEqual(parseImage(`h:1/a:2@${digest}`), { repository: "h:1/a", tag: "2", digest });
    assert.deepEqual(parseImage(`h:1/a@${digest}`), { repository: "h:1/a", tag: undefined, digest });
    assert.deepEqual(parseImage("h:1/a"), { repository: "h:1/a", tag: undefined, digest: undefined });
  });

  it("has one full spelling, and is never taken for another repository by its tag or digest", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,5}$/);
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const host = fc.constantFrom("", "docker.io/", "ghcr.io/", "h:5000/", "localhost/");
    fc.assert(
      fc.property(host, name, part, (registry, path, tag) => {
        const full = fullRepository(registry + path);
        assert.equal(fullRepository(full), full);
        assert.equal(parseImage(`${registry}${path}:${tag}`).repository, full);
        assert.equal(parseImage(`${registry}${path}:${tag}@${digest}`).repository, full);
      }),
    );
  });
});
