import assert from "node:assert/strict";
import { copyFileSync, mkdirSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { execa } from "execa";
import { listenOnLoopback } from "../../demo/loopback";
import { proxyFor } from "../../src/release/proxy";
import { createRegistry, RegistryError, type RegistryOptions } from "../../src/release/registry";
import { makeCertificates } from "../support/certificates";
import { temporaryDirectory } from "../support/directory";
import { temporaryEnvironment } from "../support/environment";
import { projectRoot } from "../support/project";
import { startProxy } from "../support/proxy";
import { requireTools } from "../support/tools";

const quick: RegistryOptions = { retries: 0, timeoutMs: 5000 };
const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const none = Object.fromEntries(
  ["http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"]
    .flatMap((name) => [name, name.toUpperCase()])
    .map((name) => [name, undefined]),
);

function found(): RequestListener {
  return (_, response) => response.writeHead(200, { "docker-content-digest": digest }).end();
}

describe("a proxy", () => {
  const directory = temporaryDirectory();
  const environment = temporaryEnvironment();

  beforeEach(() => environment({ ...none, DOCKER_CONFIG: directory() }));

  const read = (host: string, insecure = true) => createRegistry(quick).readDigest(`${host}/app`, "1.0.0", insecure);

  /** The digest, or the error, from each registry. In a process of its own, because Node reads certificates once. */
  async function readInProcess(hosts: readonly string[], variables: NodeJS.ProcessEnv): Promise<string[]> {
    const script = `const { createRegistry } = require("./src/release/registry");
      const { readDigest } = createRegistry({ retries: 0 });
      const read = (host) => readDigest(host + "/app", "1.0.0", false).catch((error) => error.message);
      Promise.all(${JSON.stringify(hosts)}.map(read)).then((all) => process.stdout.write(JSON.stringify(all)));`;
    const env = { ...process.env, ...variables };
    const { stdout } = await execa(process.execPath, ["--require", "tsx/cjs", "-e", script], { cwd: projectRoot, env });
    return JSON.parse(stdout) as string[];
  }

  async function rejects(reading: Promise<unknown>, expected: RegExp): Promise<void> {
    await assert.rejects(reading, (error: Error) => {
      assert.ok(error instanceof RegistryError, error.stack);
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /p@ss|p%40ss/);
      return true;
    });
  }

  it("is asked for a registry in plain HTTP, by a variable in lower or upper case, with its user", async () => {
    const registry = await listenOnLoopback(createServer(found()));
    const authorization = `Basic ${Buffer.from("me:p@ss:word").toString("base64")}`;
    const proxy = await startProxy({ "registry.invalid": registry.url }, authorization);
    const { host } = new URL(proxy.url);
    try {
      environment({ http_proxy: `http://me:p%40ss%3Aword@${host}` });
      assert.equal(await read("registry.invalid"), digest);
      environment({ http_proxy: "", HTTP_PROXY: `me:p%40ss%3Aword@${host}/` });
      assert.equal(await read("registry.invalid:5000"), digest);
      assert.deepEqual(proxy.asked, [
        "HEAD registry.invalid/v2/app/manifests/1.0.0",
        "HEAD registry.invalid:5000/v2/app/manifests/1.0.0",
      ]);
      environment({ HTTP_PROXY: `http://${host}` });
      await rejects(
        read("registry.invalid"),
        /the proxy 127\.0\.0\.1:\d+ asks for credentials; write its address as http:/,
      );
      environment({ HTTP_PROXY: `http://me:p%40ss@${host}` });
      await rejects(read("registry.invalid"), /asks for other credentials than those in its address/);
    } finally {
      await proxy.close();
      await registry.close();
    }
  });

  it("gives a tunnel to a registry with TLS, whose certificate is judged as without a proxy", async function () {
    requireTools(this, "openssl");
    const { ca, key, cert } = makeCertificates(directory(), "DNS:registry.invalid", "IP:127.0.0.1");
    const registry = await listenOnLoopback(createTlsServer({ key, cert }, found()));
    const authorization = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    const proxy = await startProxy({ "registry.invalid": registry.url, "other.invalid": registry.url }, authorization);
    const { host } = new URL(proxy.url);
    const direct = registry.url.replace("http://", "");
    const through = `http://me:p%40ss@${host}`;
    const folder = join(directory(), "cas");
    mkdirSync(folder);
    copyFileSync(ca, join(folder, "ca.pem"));
    try {
      const trust = { SSL_CERT_FILE: ca, HTTPS_PROXY: through };
      const hosts = ["registry.invalid", "registry.invalid:5443", "other.invalid", "denied.invalid"];
      const [[own, tunnelled, withPort, other = "", denied = ""], ...more] = await Promise.all([
        readInProcess([direct, ...hosts], trust),
        readInProcess([direct], { NODE_EXTRA_CA_CERTS: ca }),
        readInProcess([direct], { SSL_CERT_DIR: folder }),
      ]);
      assert.deepEqual(
        [own, tunnelled, withPort, ...more.flat()],
        Array.from({ length: 5 }, () => digest),
      );
      assert.deepEqual(
        proxy.asked.sort(),
        hosts.map((name) => `CONNECT ${name.includes(":") ? name : `${name}:443`}`).sort(),
      );
      assert.match(other, /its certificate is not valid \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
      assert.match(denied, /the proxy 127\.0\.0\.1:\d+ refuses the connection with HTTP 403/);
      const untrusted = /its certificate is from a CA that this machine does not trust .*NODE_EXTRA_CA_CERTS/;
      await rejects(read(direct, false), untrusted);
      environment({ HTTPS_PROXY: through });
      await rejects(read("registry.invalid", false), untrusted);
      environment({ HTTPS_PROXY: `http://me@${host}` });
      await rejects(read("registry.invalid", false), /the proxy .* asks for other credentials/);
      environment({ HTTPS_PROXY: `https://localhost:${host.split(":")[1] ?? ""}` });
      await rejects(read("registry.invalid", false), /does not speak TLS; most proxies/);
    } finally {
      await proxy.close();
      await registry.close();
    }
  });

  it("that cannot be used is named", async () => {
    environment({ http_proxy: "http://proxy.invalid:3128" });
    await rejects(
      read("registry.invalid"),
      /host proxy\.invalid not found; the environment names the proxy proxy\.invalid:3128/,
    );
    environment({ http_proxy: "ftp://me:p@ss@proxy.invalid" });
    await rejects(read("registry.invalid"), /http_proxy must be the address of a proxy, such as http:/);
    environment({ http_proxy: undefined });
    await rejects(read("127.0.0.1:1"), /cannot be reached \(ECONNREFUSED\)$/);
    await rejects(
      read("registry.invalid"),
      /host registry\.invalid not found; if this network has a proxy, set `http_proxy`$/,
    );
  });

  it("does not lead a redirect past the rules for private addresses", async () => {
    let location = "";
    const front = await listenOnLoopback(
      createServer((request, response) => {
        if (request.headers.host?.startsWith("front.") !== true) found()(request, response);
        else response.writeHead(307, { location }).end();
      }),
    );
    const hosts = ["front.invalid", "store.invalid", "169.254.169.254", "localhost", "10.0.0.1"];
    const proxy = await startProxy(Object.fromEntries(hosts.map((host) => [host, front.url])));
    try {
      environment({ http_proxy: proxy.url });
      for (const target of [
        "http://169.254.169.254/",
        "http://localhost/",
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
      ]) {
        location = target;
        await rejects(read("front.invalid"), /a redirect leads to .*private address .*SHARED_AUTHORITY_PRIVATE_HOSTS/);
      }
      location = "http://store.invalid/blob";
      await rejects(read("front.invalid"), /a redirect leads to store\.invalid, .*SHARED_AUTHORITY_PRIVATE_HOSTS/);
      assert.deepEqual(new Set(proxy.asked), new Set(["HEAD front.invalid/v2/app/manifests/1.0.0"]));
      environment({ SHARED_AUTHORITY_PRIVATE_HOSTS: "store.invalid" });
      assert.equal(await read("front.invalid"), digest);
      assert.equal(proxy.asked.at(-1), "HEAD store.invalid/blob");
    } finally {
      await proxy.close();
      await front.close();
    }
  });

  it("is not asked for hosts in no_proxy, as curl reads it, or on this machine", () => {
    environment({ https_proxy: "proxy.example.com:3128" });
    const isProxied = (host: string, noProxy = "") => {
      environment({ no_proxy: noProxy });
      return proxyFor(new URL(`https://${host}/`)) !== undefined;
    };
    assert.equal(proxyFor(new URL("http://ghcr.io/")), undefined);
    assert.equal(proxyFor(new URL("https://ghcr.io/"))?.href, "http://proxy.example.com:3128/");
    for (const own of ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:5000", "[::1]:5000"]) {
      assert.equal(isProxied(own), false, own);
    }
    const exempt: [host: string, noProxy: string][] = [
      ["ghcr.io", "*"],
      ["ghcr.io", "example.com,*"],
      ["corp.example", "corp.example"],
      ["registry.corp.example", "corp.example"],
      ["registry.corp.example", ".corp.example"],
      ["corp.example", ".corp.example"],
      ["registry.corp.example", "*.corp.example"],
      ["Registry.Corp.Example", "REGISTRY.corp.EXAMPLE."],
      ["registry.corp.example:5000", "corp.example"],
      ["registry.corp.example:5000", "a.example, registry.corp.example:5000"],
      ["registry.corp.example", "a.example registry.corp.example:443"],
      ["10.1.2.3:5000", "10.1.2.3"],
      ["10.1.2.3:5000", "10.1.2.3:5000"],
      ["10.1.2.3", "10.0.0.0/8"],
      ["10.1.2.3:5000", "192.168.0.0/16,10.1.2.0/24"],
      ["[fd00::1]:5000", "fd00::1"],
      ["[fd00::1]:5000", "[fd00::1]"],
      ["[fd00:0::1]:5000", "[fd00::0:1]:5000"],
      ["[fd00::1]", "fd00::/8"],
    ];
    for (const [host, noProxy] of exempt) assert.equal(isProxied(host, noProxy), false, `${host} in ${noProxy}`);
    const proxied: [host: string, noProxy: string][] = [
      ["corp.example", "registry.corp.example"],
      ["othercorp.example", "corp.example"],
      ["registry.corp.example:5000", "registry.corp.example:5001"],
      ["registry.corp.example", "registry.corp.example:5000"],
      ["10.1.2.3", "10.1.2.0/33,10.1.2.4,11.0.0.0/8,10.0.0.0/x"],
      ["10.1.2.3", "0.1.2.3"],
      ["ghcr.io", "10.0.0.0/8, ,.,:443"],
      ["[fd00::1]", "fd00::2,10.0.0.0/8"],
    ];
    for (const [host, noProxy] of proxied) assert.equal(isProxied(host, noProxy), true, `${host} in ${noProxy}`);
    environment({ no_proxy: undefined, NO_PROXY: "ghcr.io" });
    assert.equal(proxyFor(new URL("https://ghcr.io/")), undefined);
  });
});
