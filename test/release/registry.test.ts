import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { delimiter, join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { listenOnLoopback } from "../../demo/loopback";
import { pushChart, pushImage } from "../../demo/push";
import { findCredentials } from "../../src/release/docker-credentials";
import { parseImageAddress } from "../../src/release/image-address";
import { createRegistry, RegistryError, type RegistryOptions } from "../../src/release/registry";
import { createRegistryClient } from "../../src/release/registry-client";
import { temporaryDirectory } from "../support/directory";
import { startDistribution } from "../support/registry";
import { requireTools } from "../support/tools";

const quick: RegistryOptions = { retries: 2, retryDelayMs: 1, timeoutMs: 5000 };
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  layers: [],
});
const digest = digestOf(manifest);

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function reply(response: ServerResponse, status: number, body = "", headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end(body);
}

/** What the OCI API says of a tag or name that it does not know. */
const unknown = JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] });

/** Runs against a registry whose answers the test gives. */
async function withServer(answer: RequestListener, run: (host: string) => Promise<void>): Promise<void> {
  const server = await listenOnLoopback(createServer(answer));
  try {
    await run(server.url.replace("http://", ""));
  } finally {
    await server.close();
  }
}

describe("a registry", () => {
  const directory = temporaryDirectory();
  const before = { config: process.env.DOCKER_CONFIG, path: process.env.PATH };

  beforeEach(() => {
    process.env.DOCKER_CONFIG = join(directory(), "docker");
    mkdirSync(join(directory(), "docker"));
  });

  afterEach(() => {
    if (before.config === undefined) delete process.env.DOCKER_CONFIG;
    else process.env.DOCKER_CONFIG = before.config;
    process.env.PATH = before.path;
  });

  function writeDockerConfig(config: object): void {
    writeFileSync(join(directory(), "docker", "config.json"), JSON.stringify(config));
  }

  async function assertReads(url: string): Promise<void> {
    const host = url.replace("http://", "");
    const registry = createRegistry(quick);
    const image = `${host}/team/app`;
    const pushed = await pushImage(url, "team/app", "1.0.0");
    await pushImage(url, "team/app", "1.1.0");
    assert.equal(await registry.readDigest(image, "1.0.0", true), pushed);
    assert.equal(await registry.readDigest(image, "9.9.9", true), undefined);
    assert.equal(await registry.readDigest(`${host}/team/nothing`, "1.0.0", true), undefined);
    assert.deepEqual((await registry.readTags(image, true)).sort(), ["1.0.0", "1.1.0"]);
    assert.deepEqual(await registry.readTags(`${host}/team/nothing`, true), []);
    const files = { "Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0+build\nappVersion: v1.0.0\n" };
    const annotations = { "org.opencontainers.image.revision": "0123" };
    const chart = await pushChart(url, "charts/app", "1.0.0_build", files, annotations);
    assert.deepEqual(await registry.readChart(`oci://${host}/charts/app`, "1.0.0_build", true), {
      digest: chart,
      version: "1.0.0+build",
      appVersion: "v1.0.0",
      revision: "0123",
      problems: [],
    });
    assert.equal(await registry.readChart(`oci://${host}/charts/app`, "2.0.0", true), undefined);
    const image2 = await registry.readChart(`oci://${image}`, "1.0.0", true);
    assert.match(
      image2?.problems[0] ?? "",
      /is "application\/vnd\.oci\.image\.config\.v1\+json", must be "application\/vnd\.cncf\.helm\.config\.v1\+json"/,
    );
  }

  it("gives digests, tags and charts: the real registry", async function () {
    requireTools(this, "registry");
    const server = await startDistribution(directory());
    try {
      await assertReads(server.url);
    } finally {
      await server.close();
    }
  });

  it("gives digests, tags and charts: the embedded registry", async () => {
    const server = await serveRegistry();
    try {
      await assertReads(server.url);
    } finally {
      await server.close();
    }
  });

  it("gets one sign-in for a token, with the Docker config's credentials", async () => {
    let tokens = 0;
    const answer: RequestListener = (request, response) => {
      const url = new URL(request.url ?? "", `http://${request.headers.host ?? ""}`);
      if (url.pathname === "/token") {
        tokens += 1;
        assert.equal(request.headers.authorization, `Basic ${Buffer.from("me:se:cret").toString("base64")}`);
        assert.equal(url.searchParams.get("scope"), "repository:team/app:pull");
        assert.equal(url.searchParams.get("service"), "the service");
        reply(response, 200, JSON.stringify({ token: "t0ken" }));
      } else if (request.headers.authorization === "Bearer t0ken") {
        reply(response, 200, manifest, { "docker-content-digest": digest });
      } else {
        const challenge = `Bearer realm="${url.origin}/token",service="the service",scope="repository:team/app:pull"`;
        reply(response, 401, "", { "www-authenticate": challenge });
      }
    };
    await withServer(answer, async (host) => {
      writeDockerConfig({ auths: { [host]: { auth: Buffer.from("me:se:cret").toString("base64") } } });
      const registry = createRegistry(quick);
      const tags = ["1.0.0", "1.1.0", "1.2.0"];
      const digests = await Promise.all(tags.map((tag) => registry.readDigest(`${host}/team/app`, tag, true)));
      assert.deepEqual(digests, [digest, digest, digest]);
      assert.equal(await registry.readDigest(`${host}/team/app`, "1.3.0", true), digest);
      assert.equal(tokens, 1);
    });
  });

  it("gets Basic credentials and identity tokens from a credential helper", async () => {
    const bin = join(directory(), "bin");
    mkdirSync(bin);
    const helper = (name: string, body: string) => {
      writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\nread -r registry\n${body}\n`);
      chmodSync(join(bin, `docker-credential-${name}`), 0o755);
    };
    process.env.PATH = `${bin}${delimiter}${before.path ?? ""}`;
    helper("lab", `echo '{"Username":"me","Secret":"secret"}'`);
    helper("none", `echo 'credentials not found in native keychain'; exit 1`);
    helper("broken", `echo 'secret stuff'; exit 3`);
    helper("silent", "true");
    helper("empty", `echo '{"ServerURL":"","Username":"","Secret":""}'`);
    helper("partial", `echo '{"Username":"hunter2"}'`);
    helper("token", `echo '{"Username":"<token>","Secret":"refresh"}'`);
    const answer: RequestListener = (request, response) => {
      const origin = `http://${request.headers.host ?? ""}`;
      if (request.url === "/token") {
        let body = "";
        request.on("data", (chunk: Buffer) => (body += chunk.toString()));
        request.on("end", () => {
          assert.equal(new URLSearchParams(body).get("refresh_token"), "refresh");
          reply(response, 200, JSON.stringify({ token: "", access_token: "fresh" }));
        });
      } else if (
        request.headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}` ||
        request.headers.authorization === "Bearer fresh"
      ) {
        reply(response, 200, manifest, { "docker-content-digest": digest });
      } else {
        const challenge =
          request.url?.includes("identity") === true ? `Bearer realm="${origin}/token"` : `Basic realm="lab"`;
        reply(response, 401, "", { "www-authenticate": challenge });
      }
    };
    await withServer(answer, async (host) => {
      const read = (name = "app") => createRegistry(quick).readDigest(`${host}/${name}`, "1.0.0", true);
      writeDockerConfig({ credHelpers: { [host]: "lab" } });
      assert.equal(await read(), digest);
      writeDockerConfig({ credsStore: "token" });
      assert.equal(await read("identity"), digest);
      writeDockerConfig({ credsStore: "none" });
      await assert.rejects(read(), /asks for credentials, and the Docker config has none for 127\.0\.0\.1/);
      writeDockerConfig({ credsStore: "empty" });
      await assert.rejects(read(), /asks for credentials, and the Docker config has none for 127\.0\.0\.1/);
      for (const name of ["silent", "partial"]) {
        writeDockerConfig({ credsStore: name });
        await assert.rejects(
          read(),
          (error: Error) =>
            error.message.includes("its answer is not JSON with `Username` and `Secret`") &&
            !error.message.includes("hunter2"),
        );
      }
      // The entry for the registry comes before the store for all, and that of a path before both.
      writeDockerConfig({ credsStore: "broken", credHelpers: { [host]: "lab" } });
      assert.equal(await read(), digest);
      writeDockerConfig({ credsStore: "broken", credHelpers: { [host]: "broken", [`${host}/team-a`]: "lab" } });
      assert.equal(await read("team-a/app"), digest);
      writeDockerConfig({
        credsStore: "broken",
        credHelpers: { [host]: "" },
        auths: { [host]: { username: "me", password: "secret" } },
      });
      assert.equal(await read(), digest);
      writeDockerConfig({ credsStore: "absent" });
      await assert.rejects(read(), /docker-credential-absent, which the Docker config names, cannot be run: ENOENT/);
      writeDockerConfig({ credsStore: "broken" });
      await assert.rejects(
        read(),
        (error: Error) => error.message.includes("exit code 3") && !error.message.includes("secret"),
      );
      writeDockerConfig({ auths: { [host]: { auth: ["hunter2"] } }, credHelpers: [] });
      await assert.rejects(
        read(),
        (error: Error) =>
          /is not in Docker's format: auths\.127\.0\.0\.1:\d+\.auth, credHelpers/.test(error.message) &&
          !error.message.includes("hunter2"),
      );
      writeFileSync(join(directory(), "docker", "config.json"), '{"auths": {"x": {"auth": hunter2');
      await assert.rejects(
        read(),
        (error: Error) => error.message.includes("config.json is not JSON") && !error.message.includes("hunter2"),
      );
    });
  });

  it("has its credentials under each of the names that Docker and podman give it", async () => {
    const login = { username: "me", password: "secret" };
    const find = async (key: string, registry: string, name = "team/app") => {
      writeDockerConfig({ auths: { [key]: login } });
      return (await findCredentials({ registry, name }, 5000)) !== undefined;
    };
    const forms = [
      "ghcr.io",
      "https://ghcr.io",
      "https://ghcr.io/",
      "http://ghcr.io/v2/",
      "ghcr.io/v1/",
      "ghcr.io/",
      "https://ghcr.io/v1/",
      "ghcr.io/team",
    ];
    for (const key of [...forms, "ghcr.io/team/app", "https://ghcr.io/team/"])
      assert.ok(await find(key, "ghcr.io"), key);
    const hub = [
      "https://index.docker.io/v1/",
      "index.docker.io",
      "docker.io",
      "docker.io/team",
      "https://index.docker.io/v1",
      "index.docker.io/v1/",
    ];
    for (const key of hub) assert.ok(await find(key, "docker.io"), key);
    const others = [
      "ghcr.io:443",
      "ghcr.io.example.com",
      "io",
      "ghcr.io/tea",
      "ghcr.io/team/app/x",
      "ghcr.io/v1/team",
      "ghcr.io/v1",
      "",
    ];
    for (const key of [...others, "docker.io", "*"]) assert.ok(!(await find(key, "ghcr.io")), key);
    assert.ok(!(await find("https://index.docker.io/v1/", "index.example.com")));
  });

  it("has none where the Docker config has `null`, as Go writes an empty map", async () => {
    const login = { username: "me", password: "secret", auth: null };
    for (const config of [{ auths: null, credHelpers: null, credsStore: null }, { auths: { "ghcr.io": null } }]) {
      writeDockerConfig(config);
      assert.equal(await findCredentials({ registry: "ghcr.io", name: "app" }, 5000), undefined);
    }
    writeDockerConfig({ auths: { "ghcr.io": login, "quay.io": null } });
    assert.ok((await findCredentials({ registry: "ghcr.io", name: "app" }, 5000)) !== undefined);
  });

  it("fails when it refuses the credentials, without showing them", async () => {
    const answer: RequestListener = (request, response) => {
      if (request.url?.startsWith("/token") === true) reply(response, 403, "no");
      else
        reply(response, 401, "", { "www-authenticate": `Bearer realm="http://${request.headers.host ?? ""}/token"` });
    };
    await withServer(answer, async (host) => {
      writeDockerConfig({ auths: { [`https://${host}/v1/`]: { username: "me", password: "hunter2" } } });
      await assert.rejects(createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), (error: Error) => {
        assert.match(
          error.message,
          /^the sign-in at 127\.0\.0\.1:\d+ for .*\/app: the registry refuses the credentials .* may not read app$/,
        );
        return true;
      });
    });
  });

  it("is asked again after 429, 5xx and a cut connection, up to the limit", async () => {
    const failures: ((request: IncomingMessage, response: ServerResponse) => void)[] = [
      (_, response) => reply(response, 429, "", { "retry-after": "0" }),
      (_, response) => response.destroy(),
    ];
    const answer: RequestListener = (request, response) => {
      const failure = failures.shift();
      if (failure === undefined) reply(response, 200, manifest, { "docker-content-digest": digest });
      else failure(request, response);
    };
    await withServer(answer, async (host) => {
      assert.equal(await createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), digest);
    });
    let requests = 0;
    const always: RequestListener = (_, response) => {
      requests += 1;
      reply(response, 500);
    };
    await withServer(always, async (host) => {
      await assert.rejects(
        createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true),
        /^RegistryError: HEAD .*\/v2\/app\/manifests\/1\.0\.0: HTTP 500$/,
      );
      assert.equal(requests, 3);
    });
  });

  it("times out", async () => {
    await withServer(
      () => undefined,
      async (host) => {
        const registry = createRegistry({ retries: 0, timeoutMs: 100 });
        await assert.rejects(registry.readDigest(`${host}/app`, "1.0.0", true), /no answer within 0\.1 s/);
        const abort = new AbortController();
        const reading = createRegistry({ signal: abort.signal }).readDigest(`${host}/app`, "1.0.0", true);
        abort.abort();
        await assert.rejects(reading, /aborted/);
      },
    );
  });

  it("names a host that has no address", async () => {
    const registry = createRegistry({ retries: 0 });
    await assert.rejects(
      registry.readDigest("registry.invalid/app", "1.0.0", false),
      /host registry\.invalid not found; if this network has a proxy, set `https_proxy`$/,
    );
  });

  it("reports a missing tag, but a 404 of a proxy is an error", async () => {
    const answer: RequestListener = (request, response) =>
      reply(response, 404, request.url?.includes("/proxied/") === true ? "<html>" : unknown);
    await withServer(answer, async (host) => {
      const registry = createRegistry(quick);
      assert.equal(await registry.readDigest(`${host}/app`, "1.0.0", true), undefined);
      await assert.rejects(registry.readDigest(`${host}/proxied/app`, "1.0.0", true), /refused with HTTP 404/);
      await assert.rejects(registry.readTags(`${host}/proxied/app`, true), RegistryError);
    });
  });

  it("is read by manifest when HEAD is not supported or has no digest", async () => {
    const answer: RequestListener = (request, response) => {
      if (request.method !== "HEAD") reply(response, 200, manifest);
      else reply(response, request.url?.includes("/old/") === true ? 405 : 200);
    };
    await withServer(answer, async (host) => {
      assert.equal(await createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), digest);
      assert.equal(await createRegistry(quick).readDigest(`${host}/old/app`, "1.0.0", true), digest);
    });
  });

  it("has no image where a portal or a login page answers in its place", async () => {
    for (const page of ["<html>Sign in</html>", "", "[]", "null"]) {
      const answer: RequestListener = (_, response) => reply(response, 200, page);
      await withServer(answer, async (host) => {
        const image = `${host}/app`;
        const words =
          /^RegistryError: the manifest of 127\.0\.0\.1:\d+\/app:1\.0\.0: the answer is not (?:JSON|a JSON object)$/;
        await assert.rejects(createRegistry(quick).readDigest(image, "1.0.0", true), words);
        await assert.rejects(createRegistry(quick).readChart(image, "1.0.0", true), words);
      });
    }
  });

  it("that has had enough requests is named with what to do", async () => {
    const answer: RequestListener = (_, response) => reply(response, 429, "", { "retry-after": "0" });
    await withServer(answer, async (host) => {
      await assert.rejects(
        createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true),
        /: HTTP 429, too many requests: try again later; some registries allow more after a `docker login`$/,
      );
    });
  });

  it("fails when the content does not match its digest", async () => {
    const config = JSON.stringify({ name: "app", version: "1.0.0", appVersion: "1.0.0" });
    const chart = JSON.stringify({
      config: { mediaType: "application/vnd.cncf.helm.config.v1+json", digest: digestOf(config) },
    });
    const answer: RequestListener = (request, response) => {
      if (request.url?.includes("/blobs/") === true) reply(response, 200, config.replace("1.0.0", "6.6.6"));
      else if (request.url?.includes("/lying/") === true)
        reply(response, 200, chart, { "docker-content-digest": digest });
      else reply(response, 200, chart);
    };
    await withServer(answer, async (host) => {
      const registry = createRegistry(quick);
      await assert.rejects(
        registry.readChart(`oci://${host}/app`, "1.0.0", true),
        /the blob sha256:\w+ of .* has the digest sha256:/,
      );
      await assert.rejects(registry.readChart(`oci://${host}/lying/app`, "1.0.0", true), /but the registry names/);
    });
  });

  it("lists its tags page by page, and has a size limit", async () => {
    const answer: RequestListener = (request, response) => {
      const url = new URL(request.url ?? "", "http://localhost");
      const last = url.searchParams.get("last");
      if (url.pathname.includes("/huge/")) {
        reply(response, 200, "x".repeat(5 * 1024 * 1024));
      } else if (url.pathname.includes("/away/")) {
        reply(response, 200, "{}", { link: `<http://elsewhere.example.com/v2/>; rel="next"` });
      } else if (url.pathname.includes("/gone/") && last !== null) {
        reply(response, 404, unknown);
      } else if (last === null) {
        reply(response, 200, JSON.stringify({ tags: ["1", "2"] }), {
          link: `<${url.pathname}?n=2&last=2>; rel="next"`,
        });
      } else {
        reply(response, 200, JSON.stringify({ tags: ["3"] }));
      }
    };
    await withServer(answer, async (host) => {
      const registry = createRegistry(quick);
      assert.deepEqual(await registry.readTags(`${host}/app`, true), ["1", "2", "3"]);
      await assert.rejects(registry.readTags(`${host}/huge/app`, true), /more than \d+ bytes/);
      await assert.rejects(
        registry.readTags(`${host}/away/app`, true),
        /points at http:\/\/elsewhere\.example\.com, expected http:\/\/127\.0\.0\.1:\d+: /,
      );
      await assert.rejects(
        registry.readTags(`${host}/gone/app`, true),
        /the list of the tags of \S+\/gone\/app is not complete: HTTP 404 for its page 2, which page 1 names$/,
      );
    });
  });

  it("gets no credentials sent to plain HTTP or another host", async () => {
    let requests = 0;
    const answer: RequestListener = (_, response) => {
      requests += 1;
      reply(response, 200, JSON.stringify({ tags: ["1.0.0"] }));
    };
    await withServer(answer, async (host) => {
      const ask = (path: string) =>
        createRegistryClient(quick)({
          address: { registry: host, host, name: "app" },
          path,
          method: "GET",
          insecure: false,
          maxBytes: 1024,
        });
      for (const elsewhere of [`http://${host}`, "https://elsewhere.example.com"]) {
        await assert.rejects(ask(`${elsewhere}/v2/app/tags/list?last=1.0.0`), (error: Error) => {
          assert.ok(error instanceof RegistryError);
          assert.equal(
            error.message,
            `the registry ${host} points at ${elsewhere}, expected https://${host}: credentials are sent nowhere else. Its operator must fix the \`Link\` header`,
          );
          return true;
        });
      }
      assert.equal(requests, 0);
    });
  });

  it("gets the credentials of the longest path that they are for", async () => {
    const seen: string[] = [];
    const answer: RequestListener = ({ headers }, response) => {
      const { authorization } = headers;
      if (authorization === undefined) reply(response, 401, "", { "www-authenticate": 'Basic realm="lab"' });
      else {
        seen.push(Buffer.from(authorization.replace("Basic ", ""), "base64").toString().split(":")[0] ?? "");
        reply(response, 200, manifest, { "docker-content-digest": digest });
      }
    };
    await withServer(answer, async (host) => {
      const other = host.replace(/\d+$/, "1");
      const login = (username: string) => ({ username, password: "secret" });
      const auths = {
        [`${host}/team-a`]: login("team-a"),
        [`https://${host}/team-a/app/`]: login("app"),
        [other]: login("other"),
        [`https://${host}/v1/`]: login("platform"),
      };
      writeDockerConfig({ auths });
      for (const name of ["team-a/app", "team-a/app/part", "team-a/apps", "team-a", "team-ab", "v1/x"]) {
        await createRegistry(quick).readDigest(`${host}/${name}`, "1.0.0", true);
      }
      assert.deepEqual(seen, ["app", "app", "team-a", "team-a", "platform", "platform"]);
      writeDockerConfig({ auths: { ...auths, [`https://${host}/v1/`]: {} } });
      await assert.rejects(
        createRegistry(quick).readDigest(`${host}/team-b/app`, "1.0.0", true),
        /the registry asks for credentials, and the Docker config has none for 127\.0\.0\.1/,
      );
    });
  });

  it("says that credentials are missing or others are needed, also when it gives anybody a token", async () => {
    const answer: RequestListener = (request, response) => {
      const realm = `http://${request.headers.host ?? ""}/token`;
      if (request.url?.startsWith("/token") === true) reply(response, 200, JSON.stringify({ token: "t" }));
      else reply(response, 401, "", { "www-authenticate": `Bearer realm="${realm}",error="insufficient_scope"` });
    };
    await withServer(answer, async (host) => {
      const read = () => createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true);
      await assert.rejects(read(), /asks for credentials, and the Docker config has none for 127\.0\.0\.1/);
      writeDockerConfig({ auths: { [host]: { username: "me", password: "hunter2" } } });
      await assert.rejects(read(), /refuses the credentials that the Docker config has for 127\.0\.0\.1/);
    });
  });

  it("is signed in to when it offers several ways, in one header or in more", async () => {
    const authorized = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    const bearer = 'Bearer realm="<origin>/token",service=registry,scope="*"';
    const basic = 'Basic realm="The Registry"';
    const offers: string[][] = [
      [bearer, basic],
      [basic, bearer],
      [`${bearer}, ${basic}`],
      [`${basic},${bearer}`],
      ["Negotiate", bearer],
      [`Negotiate YIIKBA==, ${bearer}`],
      [`NTLM, Digest realm="a, Bearer realm=\\"b\\"", nonce="1,2", ${bearer}`],
      ['BEARER  Realm = "<origin>/token" , scope="repository:app:pull,push"'],
      ["bearer realm=<origin>/token"],
      ['Basic realm="Bearer realm=https://elsewhere.invalid/token"'],
      ["Basic"],
      ["Bearer, Basic"],
      ['Bearer realm="http://elsewhere.invalid/login"', basic],
      ['Bearer realm="Container Registry", Basic realm="x"'],
      ['Bearer realm="The Registry"', bearer],
    ];
    for (const offered of offers) {
      const answer: RequestListener = (request, response) => {
        const { authorization, host = "" } = request.headers;
        const url = new URL(request.url ?? "", `http://${host}`);
        if (url.pathname === "/token" && authorization === authorized) {
          reply(response, 200, JSON.stringify({ token: "t0ken" }));
        } else if (
          authorization === "Bearer t0ken" ||
          (!offered.join().includes("<origin>") && authorization === authorized)
        ) {
          reply(response, 200, manifest, { "docker-content-digest": digest });
        } else {
          const challenges = offered.map((one) => one.replaceAll("<origin>", url.origin));
          response.writeHead(401, { "www-authenticate": challenges }).end();
        }
      };
      await withServer(answer, async (host) => {
        writeDockerConfig({ auths: { [host]: { username: "me", password: "secret" } } });
        assert.equal(await createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), digest, offered.join("; "));
      });
    }
  });

  it("with a sign-in that nobody knows is named, in linear time", async () => {
    const long = `Digest ${'a="'.repeat(4000)}`;
    const unknown = /requires a sign-in that is neither Basic nor Bearer/;
    const nowhere = /answers HTTP 401 and does not say how to sign in/;
    for (const [challenge, expected] of [
      ["Negotiate", unknown],
      ['Digest realm="x"', unknown],
      [long, unknown],
      ["", nowhere],
      [undefined, nowhere],
      ['Bearer service="x"', nowhere],
      ['Bearer realm="Container Registry"', /requires a sign-in at an address that is not https/],
    ] as const) {
      const headers: Record<string, string> = challenge === undefined ? {} : { "www-authenticate": challenge };
      const answer: RequestListener = (_, response) => reply(response, 401, "", headers);
      await withServer(answer, async (host) => {
        await assert.rejects(createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), expected);
      });
    }
  });

  it("gets no credentials sent to another host by its realm", async () => {
    let asked = 0;
    const elsewhere: RequestListener = (_, response) => {
      asked += 1;
      reply(response, 200, JSON.stringify({ token: "t" }));
    };
    await withServer(elsewhere, async (other) => {
      const realms = {
        "requires a sign-in at an address that is not https": `http://${other.replace("127.0.0.1", "localhost")}/token`,
        "a redirect is not followed with credentials": "redirect",
      };
      for (const [words, realm] of Object.entries(realms)) {
        const answer: RequestListener = (request, response) => {
          const own = `http://${request.headers.host ?? ""}/token`;
          if (request.url?.startsWith("/token") === true) {
            reply(response, 307, "", { location: `http://${other}/token` });
          } else {
            const named = realm === "redirect" ? own : realm;
            reply(response, 401, "", { "www-authenticate": `Bearer realm="${named}",service="x"` });
          }
        };
        await withServer(answer, async (host) => {
          writeDockerConfig({ auths: { [host]: { username: "me", password: "secret" } } });
          await assert.rejects(createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), (error: Error) => {
            assert.ok(error instanceof RegistryError);
            return error.message.includes(words);
          });
        });
      }
    });
    assert.equal(asked, 0);
  });

  it("redirects without credentials, and does not say where to sign in behind a redirect", async () => {
    const behind: (string | undefined)[] = [];
    let challenges = false;
    const store: RequestListener = (request, response) => {
      behind.push(request.headers.authorization);
      const realm = `http://${request.headers.host ?? ""}/token`;
      if (challenges) reply(response, 401, "", { "www-authenticate": `Bearer realm="${realm}"` });
      else reply(response, 200, manifest, { "docker-content-digest": digest });
    };
    await withServer(store, async (other) => {
      const front: RequestListener = (request, response) => {
        if (request.headers.authorization === undefined) {
          reply(response, 401, "", { "www-authenticate": 'Basic realm="lab"' });
        } else reply(response, 307, "", { location: `http://me:secret@${other}${request.url ?? ""}?signature=1` });
      };
      await withServer(front, async (host) => {
        writeDockerConfig({ auths: { [host]: { username: "me", password: "secret" } } });
        assert.equal(await createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), digest);
        challenges = true;
        await assert.rejects(createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true), /refused with HTTP 401/);
      });
    });
    assert.ok(behind.length >= 2);
    assert.deepEqual(new Set(behind), new Set([undefined]));
  });

  it("redirects to a private address only if it is declared", async () => {
    let asked = 0;
    const inside: RequestListener = (_, response) => {
      asked += 1;
      reply(response, 200, manifest, { "docker-content-digest": digest });
    };
    await withServer(inside, async (other) => {
      let location = "";
      const front: RequestListener = (_, response) => reply(response, 302, "", { location });
      await withServer(front, async (host) => {
        const read = () => createRegistry(quick).readDigest(`${host}/app`, "1.0.0", true);
        const port = other.split(":")[1] ?? "";
        const privateOnes = [
          "localhost",
          "127.0.0.2",
          "10.1.2.3",
          "169.254.169.254",
          "[::1]",
          "[::ffff:10.0.0.1]",
          "[fd00::1]",
        ];
        for (const name of [...privateOnes, "2852039166", "0x7f.2"]) {
          location = `http://${name}:${port}/`;
          await assert.rejects(read(), (error: Error) => {
            assert.ok(error instanceof RegistryError);
            assert.match(
              error.message,
              /a redirect leads to .* which has the private address .*SHARED_AUTHORITY_PRIVATE_HOSTS/,
            );
            return true;
          });
        }
        for (const bad of ["ftp://example.com/", "http://", "file:///etc/passwd"]) {
          location = bad;
          await assert.rejects(read(), /a redirect leads to .*, must lead to https/);
        }
        assert.equal(asked, 0);
        process.env.SHARED_AUTHORITY_PRIVATE_HOSTS = "minio.example.com, localhost";
        try {
          location = `http://localhost:${port}/`;
          assert.equal(await read(), digest);
        } finally {
          delete process.env.SHARED_AUTHORITY_PRIVATE_HOSTS;
        }
        location = "/again";
        await assert.rejects(read(), /more than 5 redirects/);
      });
    });
  });

  it("is not read forever", async () => {
    let pages = 0;
    const answer: RequestListener = (request, response) => {
      const { pathname } = new URL(request.url ?? "", "http://localhost");
      const next = (target: string) => ({ link: `<${target}>; rel="next"` });
      const tags = JSON.stringify({ tags: ["1.0.0"] });
      if (pathname.includes("/same/")) reply(response, 200, tags, next(request.url ?? ""));
      else if (pathname.includes("/other/")) reply(response, 200, tags, next("/v2/secret/tags/list"));
      else if (pathname.includes("/fresh/")) reply(response, 200, tags, next(`${pathname}?last=${(pages += 1)}`));
      else {
        // One byte at a time, forever.
        response.writeHead(200);
        const timer = setInterval(() => response.write(" "), 5);
        response.on("close", () => clearInterval(timer));
      }
    };
    await withServer(answer, async (host) => {
      const read = (name: string, timeoutMs = 30_000) =>
        createRegistry({ ...quick, retries: 0, timeoutMs }).readTags(`${host}/${name}`, true);
      await assert.rejects(read("same/app"), /never ends: a page follows itself/);
      await assert.rejects(read("other/app"), /points out of \/v2\/other\/app\//);
      await assert.rejects(read("fresh/app"), /more than 1000 pages/);
      await assert.rejects(read("drip/app", 500), /no answer within 0\.5 s/);
    });
  });

  it("is reported when its answers have the wrong form", async () => {
    let body = "";
    const answer: RequestListener = (request, response) =>
      request.method === "HEAD" ? reply(response, 200) : reply(response, 200, body);
    await withServer(answer, async (host) => {
      const registry = createRegistry(quick);
      for (body of ["null", "5", "[]", '"x"', "{", ""]) {
        await assert.rejects(registry.readTags(`${host}/app`, true), RegistryError);
        await assert.rejects(registry.readChart(`oci://${host}/app`, "1.0.0", true), RegistryError);
      }
      const evil = ["-x", "a\u001b[8m", "::error::", 5, null, {}, "a".repeat(129), "1.0.0"];
      body = JSON.stringify({ tags: evil });
      assert.deepEqual(await registry.readTags(`${host}/app`, true), ["1.0.0"]);
      for (body of ['{"tags":null}', '{"tags":5}', "{}"])
        assert.deepEqual(await registry.readTags(`${host}/app`, true), []);
      for (body of ['{"config":5}', '{"config":{"digest":{}}}', '{"annotations":[],"config":null}']) {
        const { problems } = (await registry.readChart(`oci://${host}/app`, "1.0.0", true)) ?? {};
        assert.equal(problems?.length, 1, body);
      }
      const many = (length: number) => JSON.stringify({ tags: Array.from({ length }, (_, index) => String(index)) });
      body = many(200_000);
      assert.equal((await registry.readTags(`${host}/app`, true)).length, 200_000);
      body = many(200_001);
      await assert.rejects(registry.readTags(`${host}/app`, true), /more than 200000 tags/);
    });
  });

  it("is read over TLS, and a registry without it is named with the setting", async () => {
    let requests = 0;
    const answer: RequestListener = (_, response) => {
      requests += 1;
      reply(response, 200);
    };
    await withServer(answer, async (host) => {
      await assert.rejects(
        createRegistry(quick).readDigest(`${host}/app`, "1.0.0", false),
        /the server does not speak TLS; if it is a registry with plain HTTP, set `insecureRegistry: true`/,
      );
    });
    assert.equal(requests, 0);
  });

  it("gets no request for an invalid tag or name", async () => {
    const registry = createRegistry(quick);
    await assert.rejects(registry.readDigest("ghcr.io/a/b", "../x", true), /is not a valid tag/);
    await assert.rejects(registry.readDigest("ghcr.io/../b", "1.0.0", true), /is not an image repository/);
  });
});

describe("an image's address", () => {
  it("is parsed as Docker parses it", () => {
    const read = (text: string) => {
      const address = parseImageAddress(text);
      return address === undefined ? undefined : `${address.registry} ${address.host} ${address.name}`;
    };
    assert.equal(read("ghcr.io/stefanprodan/podinfo"), "ghcr.io ghcr.io stefanprodan/podinfo");
    assert.equal(read("oci://ghcr.io/stefanprodan/charts/podinfo"), "ghcr.io ghcr.io stefanprodan/charts/podinfo");
    assert.equal(read("nginx"), "docker.io registry-1.docker.io library/nginx");
    assert.equal(read("grafana/grafana"), "docker.io registry-1.docker.io grafana/grafana");
    assert.equal(read("index.docker.io/library/nginx"), "docker.io registry-1.docker.io library/nginx");
    assert.equal(read("localhost/app"), "localhost localhost app");
    assert.equal(read("127.0.0.1:5000/team/app"), "127.0.0.1:5000 127.0.0.1:5000 team/app");
    for (const bad of [
      "",
      "ghcr.io/",
      "ghcr.io/App",
      "ghcr.io/a/../b",
      "ghcr.io/a b",
      "user@ghcr.io/a",
      "https://ghcr.io/a/b",
    ]) {
      assert.equal(read(bad), undefined, bad);
    }
  });
});
