import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { type Listening, listenOnLoopback } from "../../demo/loopback";
import { waitFor, waitForCondition } from "../lab/wait";
import type { Application } from "./support/application";
import { useFixture } from "./support/fixture";
import { freshName, useLab } from "./support/lab";
import { createSecret } from "./support/webhook";

/** An event as Flux sends it to a provider of the type `generic-hmac`. */
interface FluxEvent {
  readonly involvedObject: { readonly kind: string; readonly name: string };
  readonly severity: string;
  readonly reason: string;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Flux reports to a server of the platform team what fails after `up` has ended. */
describe("alerts", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  const [token, password] = ["token of the alerts", "password of the tenant"];
  const path = "/hook/of-the-platform-team";
  const bodies: string[] = [];
  const signatures: (string | undefined)[] = [];
  let server: Listening | undefined;
  let application: Application;

  before(async () => {
    server = await listenOnLoopback(
      createServer((request, response) => {
        void text(request).then((body) => {
          bodies.push(body);
          signatures.push(request.headers["x-signature"] as string | undefined);
          assert.equal(request.url, path);
          response.end();
        });
      }),
    );
    const { cluster } = opened();
    const { authorityNamespace } = fixture();
    application = await fixture().application();
    await createSecret(cluster, authorityNamespace, "shared-authority-alerts", { address: server.url + path, token });
    await createSecret(cluster, authorityNamespace, `${application.name}-values`, {
      "values.yaml": `ui: { message: ${password} }\n`,
    });
    await fixture().addStack("dev", {
      follow: "branch",
      tenants: [{ application, lines: [`secrets: [${application.name}-values]`] }],
      settings: [
        "shared-authority:alerts:",
        "  type: generic-hmac",
        "  secret: shared-authority-alerts",
        "  eventMetadata: { cluster: lab }",
      ],
    });
    await fixture().up("dev");
  });

  after(() => server?.close());

  const events = () => bodies.map((body) => JSON.parse(body) as FluxEvent);

  const reported = (what: string, matches: (event: FluxEvent) => boolean) =>
    waitFor(
      `Flux reports ${what}`,
      (see) => {
        see(bodies);
        return events().find(matches);
      },
      { lab: opened().lab, logs: ["notification-controller", "helm-controller", "source-controller"] },
    );

  it("say nothing of a deploy without failure, nor of objects that are not the stack's", async () => {
    const { cluster, lab } = opened();
    const foreign = {
      apiVersion: "source.toolkit.fluxcd.io/v1",
      kind: "GitRepository",
      metadata: { name: freshName("foreign"), namespace: fixture().authorityNamespace },
    };
    await cluster.create({ ...foreign, spec: { interval: "1h", url: `${lab.gitUrl}/none.git` } });
    await waitForCondition(cluster, foreign, { lab, status: "False" });
    assert.deepEqual(bodies, []);
  });

  it("name the release that fails after `up` has ended, its version and the reason", async () => {
    const template = await application.chartFile("templates/deployment.yaml");
    await application.commitVersion("6.16.0", {
      files: { "charts/podinfo/templates/deployment.yaml": `${template}\n{{ fail "a mistake in the chart" }}\n` },
    });
    const event = await reported("the release", ({ involvedObject }) => involvedObject.kind === "HelmRelease");
    assert.equal(event.involvedObject.name, application.name);
    assert.deepEqual([event.severity, event.reason], ["error", "UpgradeFailed"]);
    assert.match(event.message, /6\.16\.0.*a mistake in the chart/s);
    assert.deepEqual([event.metadata?.stack, event.metadata?.cluster], ["dev", "lab"]);
  });

  it("name a chart that cannot be packaged, of which the HelmRelease says nothing", async () => {
    await application.repository.commit("Spoil the chart", { "charts/podinfo/Chart.yaml": "name: podinfo\n" });
    await application.repository.push("master");
    const event = await reported("the chart", ({ involvedObject }) => involvedObject.kind === "HelmChart");
    assert.equal(event.involvedObject.name, `${fixture().authorityNamespace}-${application.name}`);
    assert.match(event.message, /chart/i);
  });

  it("are signed, of errors only, and hold no secret", () => {
    for (const [index, body] of bodies.entries()) {
      assert.equal(signatures[index], `sha256=${createHmac("sha256", token).update(body).digest("hex")}`);
      for (const secret of [token, password, path]) assert.ok(!body.includes(secret), body);
    }
    assert.deepEqual([...new Set(events().map(({ severity }) => severity))], ["error"]);
    assert.ok(events().every(({ involvedObject }) => involvedObject.name.includes(application.name)));
  });
});
