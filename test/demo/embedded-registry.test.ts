import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { parse } from "yaml";
import { serveRegistry } from "../../demo/embedded-registry";
import { exampleChart } from "../../demo/example-chart";
import { pushChart, pushImage } from "../../demo/push";
import { temporaryDirectory } from "../support/directory";
import { startDistribution, type RunningRegistry } from "../support/registry";
import { requireTools } from "../support/tools";

const run = promisify(execFile);
const nowhere = `sha256:${"0".repeat(64)}`;

describe("the embedded registry", () => {
  const directory = temporaryDirectory();
  let embedded: RunningRegistry;

  beforeEach(async () => {
    embedded = await serveRegistry();
  });
  afterEach(() => embedded.close());

  it("returns the digest of a pushed tag only", async () => {
    const digest = await pushImage(embedded.url, "team/app", "1.0.0");
    const head = await fetch(`${embedded.url}/v2/team/app/manifests/1.0.0`, { method: "HEAD" });
    assert.equal(head.headers.get("docker-content-digest"), digest);
    assert.equal((await fetch(`${embedded.url}/v2/team/app/manifests/1.0.1`, { method: "HEAD" })).status, 404);
  });

  it("returns equal digests for equal images, and different ones for different labels", async () => {
    const digest = await pushImage(embedded.url, "team/app", "1.0.0");
    assert.equal(await pushImage(embedded.url, "team/app", "1.0.0"), digest);
    const rebuilt = await pushImage(embedded.url, "team/app", "1.0.0", { labels: { rebuilt: "yes" } });
    assert.notEqual(rebuilt, digest);
    assert.deepEqual(await tags(embedded.url, "team/app"), ["1.0.0"]);
  });

  it("stores a chart with Chart.yaml as its config blob and the chart as its layer", async () => {
    const files = exampleChart({ name: "app", version: "1.10.0", appVersion: "1.10", image: "registry/team/app" });
    const revision = "0123456789012345678901234567890123456789";
    const annotations = { "org.opencontainers.image.revision": revision };
    const digest = await pushChart(embedded.url, "charts/app", "1.10.0", files, annotations);
    const manifest = (await get(embedded.url, `charts/app/manifests/${digest}`)) as Manifest;
    assert.equal(manifest.annotations?.["org.opencontainers.image.revision"], revision);
    assert.deepEqual(
      await get(embedded.url, `charts/app/blobs/${manifest.config.digest}`),
      parse(files["Chart.yaml"]!) as unknown,
    );
    const layer = await fetch(`${embedded.url}/v2/charts/app/blobs/${manifest.layers[0]!.digest}`);
    writeFileSync(join(directory(), "chart.tgz"), new Uint8Array(await layer.arrayBuffer()));
    const unpacked = await unpack(join(directory(), "chart.tgz"));
    const expected = Object.entries(files).map(([path, content]) => [`app/${path}`, content]);
    assert.deepEqual(unpacked, Object.fromEntries(expected));
  });

  it("deletes a tag, or a manifest with all its tags", async () => {
    const digest = await pushImage(embedded.url, "team/app", "1.0.0");
    const manifest = await fetch(`${embedded.url}/v2/team/app/manifests/${digest}`);
    const body = await manifest.text();
    const headers = { "Content-Type": manifest.headers.get("content-type")! };
    await fetch(`${embedded.url}/v2/team/app/manifests/latest`, { method: "PUT", headers, body });
    await fetch(`${embedded.url}/v2/team/app/manifests/latest`, { method: "DELETE" });
    assert.deepEqual(await tags(embedded.url, "team/app"), ["1.0.0"]);
    await fetch(`${embedded.url}/v2/team/app/manifests/${digest}`, { method: "DELETE" });
    assert.equal((await fetch(`${embedded.url}/v2/team/app/manifests/1.0.0`)).status, 404);
  });

  it("lists tags in pages with links", async () => {
    const pushed = Array.from({ length: 7 }, (_, index) => `1.0.${index}`);
    for (const tag of pushed) await pushImage(embedded.url, "team/app", tag);
    const pages: string[][] = [];
    let next: string | undefined = "/v2/team/app/tags/list?n=3";
    while (next !== undefined) {
      const response: Response = await fetch(new URL(next, embedded.url));
      pages.push(((await response.json()) as { tags: string[] }).tags);
      next = /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    }
    assert.deepEqual(
      pages.map((page) => page.length),
      [3, 3, 1],
    );
    assert.deepEqual(pages.flat(), pushed);
  });

  describe("compared with the real registry", () => {
    let real: RunningRegistry | undefined;

    beforeEach(async function () {
      requireTools(this, "registry");
      real = await startDistribution(directory());
      for (const { url } of [embedded, real]) {
        for (const tag of ["1.0.0", "1.1.0", "2.0.0"]) await pushImage(url, "team/app", tag);
      }
    });
    afterEach(() => real?.close());

    const content = "a blob";
    const contentDigest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    const manifestOf = (digest: string) =>
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: content.length },
        layers: [],
      });
    const accept = { Accept: "application/vnd.oci.image.manifest.v1+json" };
    const manifestHeaders = { "Content-Type": "application/vnd.oci.image.manifest.v1+json" };

    const requests: readonly [string, string, RequestInit?][] = [
      ["the version check", "/v2/"],
      ["a manifest by tag", "/v2/team/app/manifests/1.0.0", { headers: accept }],
      ["the head of a manifest", "/v2/team/app/manifests/1.0.0", { method: "HEAD", headers: accept }],
      ["a missing tag", "/v2/team/app/manifests/9.9.9"],
      ["a missing digest", `/v2/team/app/manifests/${nowhere}`],
      ["a missing blob", `/v2/team/app/blobs/${nowhere}`],
      ["the head of a missing blob", `/v2/team/app/blobs/${nowhere}`, { method: "HEAD" }],
      ["all tags", "/v2/team/app/tags/list"],
      ["the first page of tags", "/v2/team/app/tags/list?n=2"],
      ["the last page of tags", "/v2/team/app/tags/list?n=2&last=1.1.0"],
      ["the tags of a missing repository", "/v2/team/none/tags/list"],
      [
        "a manifest with an unknown blob",
        "/v2/team/app/manifests/3.0.0",
        { method: "PUT", headers: manifestHeaders, body: manifestOf(nowhere) },
      ],
      [
        "a manifest under the wrong digest",
        `/v2/team/app/manifests/${nowhere}`,
        { method: "PUT", headers: manifestHeaders, body: manifestOf(contentDigest) },
      ],
      ["the deletion of a tag", "/v2/team/app/manifests/1.0.0", { method: "DELETE" }],
      ["the deletion of a missing blob", `/v2/team/app/blobs/${nowhere}`, { method: "DELETE" }],
    ];

    for (const [what, path, init] of requests) {
      it(`gives the same response: ${what}`, async () => {
        assert.deepEqual(await reply(embedded.url, path, init), await reply(real!.url, path, init));
      });
    }

    it("gives the same response: an upload in chunks, and one with the wrong digest", async () => {
      const upload = async (url: string) => {
        const steps: unknown[] = [];
        for (const digest of [contentDigest, nowhere]) {
          const begun = await fetch(`${url}/v2/team/app/blobs/uploads/`, { method: "POST" });
          const chunk = await fetch(new URL(begun.headers.get("location")!, url), {
            method: "PATCH",
            headers: { "Content-Type": "application/octet-stream", "Content-Range": "0-3" },
            body: content.slice(0, 4),
          });
          const end = new URL(chunk.headers.get("location")!, url);
          end.searchParams.set("digest", digest);
          const ended = await fetch(end, { method: "PUT", body: content.slice(4) });
          steps.push([begun.status, chunk.status, chunk.headers.get("range"), ended.status]);
        }
        const stored = await fetch(`${url}/v2/team/app/blobs/${contentDigest}`);
        return [...steps, await stored.text()];
      };
      assert.deepEqual(await upload(embedded.url), await upload(real!.url));
    });
  });

  it("works with the real client: push, validate, list, copy, tag, pull and delete", async function () {
    requireTools(this, "crane");
    const host = new URL(embedded.url).host;
    const crane = async (...parameters: string[]) => {
      const { stdout } = await run("crane", [...parameters, "--insecure"], { cwd: directory() });
      return stdout.trim();
    };
    const digest = await pushImage(embedded.url, "team/app", "1.0.0", { labels: { team: "blue" } });
    await crane("validate", "--remote", `${host}/team/app:1.0.0`);
    assert.equal(await crane("digest", `${host}/team/app:1.0.0`), digest);
    const config = JSON.parse(await crane("config", `${host}/team/app:1.0.0`)) as { config: { Labels: unknown } };
    assert.deepEqual(config.config.Labels, { team: "blue" });

    await crane("copy", `${host}/team/app:1.0.0`, `${host}/mirror/app:1.0.0`);
    await crane("tag", `${host}/mirror/app:1.0.0`, "latest");
    assert.deepEqual((await crane("ls", `${host}/mirror/app`)).split("\n"), ["1.0.0", "latest"]);
    assert.equal(await crane("digest", `${host}/mirror/app:latest`), digest);

    writeFileSync(join(directory(), "file"), "content");
    await run("tar", ["-cf", "layer.tar", "file"], { cwd: directory() });
    await crane("append", "-b", `${host}/team/app:1.0.0`, "-f", "layer.tar", "-t", `${host}/team/app:2.0.0`);
    await crane("validate", "--remote", `${host}/team/app:2.0.0`);
    await crane("pull", `${host}/team/app:2.0.0`, "image.tar");

    await crane("delete", `${host}/mirror/app@${digest}`);
    await assert.rejects(crane("digest", `${host}/mirror/app:latest`), /MANIFEST_UNKNOWN|404/);
  });
});

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

async function get(url: string, path: string): Promise<unknown> {
  const response = await fetch(`${url}/v2/${path}`);
  return response.json();
}

async function tags(url: string, repository: string): Promise<string[]> {
  return ((await get(url, `${repository}/tags/list`)) as { tags: string[] }).tags;
}

/** The parts of a response that clients use, without messages and other headers. */
async function reply(url: string, path: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(url + path, init);
  const body = await response.text();
  const errors = response.ok || body === "" ? undefined : (JSON.parse(body) as { errors: { code: string }[] }).errors;
  return {
    status: response.status,
    digest: response.headers.get("docker-content-digest"),
    type: response.ok ? response.headers.get("content-type")?.split(";")[0] : undefined,
    length: response.ok && init?.method === "HEAD" ? response.headers.get("content-length") : undefined,
    link: response.headers.get("link"),
    codes: errors?.map((error) => error.code),
    body: response.ok ? body.trim() : undefined,
  };
}

async function unpack(file: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const entry of createReadStream(file).pipe(createGunzip()).pipe(extract())) {
    files[entry.header.name] = await text(entry);
  }
  return files;
}
