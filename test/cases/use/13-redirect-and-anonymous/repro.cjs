// (a) An OCI chart whose blobs the registry redirects to a store that refuses a request with an Authorization header.
// (b) A private image asked for anonymously: the token is granted, and then good for nothing.
const http = require("node:http");
const { join } = require("node:path");
const { world, authority, root } = require("../_lib/world.cjs");
const { pushChart } = require(join(root, "demo/push"));
const { exampleChart } = require(join(root, "demo/example-chart"));
(async () => {
  const w = await world();
  await w.application.publish({ version: "1.0.0", message: "1.0.0" });
  await pushChart(w.registry.url, "charts/shop", "1.0.0", exampleChart({ name: "shop", version: "1.0.0", appVersion: "1.0.0", image: w.application.image }));
  const upstream = new URL(w.registry.url);
  const forward = (req, res) => req.pipe(http.request({ host: upstream.hostname, port: upstream.port, path: req.url, method: req.method, headers: { accept: req.headers.accept ?? "*/*" } },
    (up) => { res.writeHead(up.statusCode, up.headers); up.pipe(res); }));
  const listen = async (handler) => { const server = http.createServer(handler); await new Promise((d) => server.listen(0, "127.0.0.1", d)); return server; };
  const at = (server) => `127.0.0.1:${server.address().port}`;
  const store = await listen((req, res) => { if (req.headers.authorization) { res.statusCode = 400; return res.end("Only one auth mechanism allowed"); } req.url = req.url.replace(/\?.*/, ""); forward(req, res); });
  let privately = false;
  const front = await listen((req, res) => {
    if (req.url.startsWith("/token")) return res.end('{"token":"t"}');
    if (req.headers.authorization !== "Bearer t" || privately) {
      res.setHeader("WWW-Authenticate", `Bearer realm="http://${at(front)}/token",service="r",scope="repository:shop:pull"${privately ? ',error="insufficient_scope"' : ""}`);
      res.statusCode = 401; return res.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    }
    if (req.url.includes("/blobs/")) { res.statusCode = 307; res.setHeader("location", `http://${at(store)}${req.url}?X-Amz-Signature=abc`); return res.end(); }
    forward(req, res);
  });
  let bad = 0;
  const plan = async (what, stack) => {
    w.write({ "Pulumi.prod.yaml": stack });
    const { code, all } = await authority(["plan", "--stack", "prod", "--cwd", w.project], { env: { DOCKER_CONFIG: w.directory } });
    console.log(`${what}: exit code ${code}\n${all.trim()}\n`); return { code, all };
  };
  const lines = ['tag: "1.0.0"', 'policy: { range: ">=1.0.0" }'];
  const a = await plan("redirected blobs", w.stack({ image: `${at(front)}/shop`, lines }).replace("./charts/shop", `oci://${at(front)}/charts/shop`));
  if (a.code !== 0) bad = 1;
  privately = true;
  const b = await plan("private image, no credentials", w.stack({ image: `${at(front)}/shop`, lines }));
  if (!/Docker config|credential/i.test(b.all)) bad = 1;
  for (const s of [store, front]) { s.closeAllConnections(); s.close(); }
  await w.close();
  process.exit(bad);
})();
