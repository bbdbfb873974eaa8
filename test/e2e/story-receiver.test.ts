import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/project";
import type { Application } from "./support/application";
import { useFixture } from "./support/fixture";
import { useLab } from "./support/lab";
import { createSecret, requireReceiver, Webhook } from "./support/webhook";

/** The filter of docs/automation.md. */
const [, resourceFilter = ""] =
  /resourceFilter: "(.*)"/.exec(readFileSync(join(projectRoot, "docs/automation.md"), "utf8")) ?? [];

/** Registry and Git host call Flux, whose own intervals are an hour: longer than any wait of this test. */
describe("webhooks", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  const tokens = { registry: "token of the registry", host: "token of the host" };
  const measured: string[] = [];
  let application: Application;
  let neighbour: Application;
  let registry: Webhook;
  let host: Webhook;

  before(async function () {
    const { cluster, lab } = opened();
    const base = requireReceiver(this, lab);
    for (const [name, token] of Object.entries(tokens)) {
      await createSecret(cluster, fixture().authorityNamespace, `shared-authority-${name}`, { token });
    }
    application = await fixture().application("6.13.0");
    neighbour = await fixture().application("6.13.0");
    await fixture().addStack("prod", {
      tenants: [application, neighbour].map((one) => ({ application: one, tag: "6.13.0", automation: "auto" })),
      intervals: "{ source: 1h0m0s, image: 1h0m0s, release: 1h0m0s, automation: 1h0m0s }",
      settings: [
        "shared-authority:receivers:",
        "  registry:",
        "    type: github",
        "    secret: shared-authority-registry",
        `    resourceFilter: "${resourceFilter}"`,
        "  configRepository: { type: github, secret: shared-authority-host }",
      ],
    });
    await fixture().up("prod");
    // What Flux does when it sees an object first, it has done before the calls.
    for (const one of [application, neighbour]) await fixture().lookForNewImages("prod", one, "auto");
    const webhook = (name: string) =>
      Webhook.of(cluster, fixture().flux("Receiver", `shared-authority-prod-${name}`), base, lab);
    registry = await webhook("registry");
    host = await webhook("config-repository");
  });

  after(() => {
    for (const line of measured) console.log(`    ${line}`);
  });

  /** A call of GitHub's registry after the push of an image. */
  const published = ({ image }: Application, version: string, token = tokens.registry) =>
    registry.call(
      "registry_package",
      { action: "published", registry_package: { package_version: { package_url: `${image}:${version}` } } },
      token,
    );

  const committed = (description: string, matches: (text: string) => boolean) =>
    fixture().waitForStackFile("prod", description, matches, { pauseMs: 100 });

  const tagOf = (text: string, { name }: Application) =>
    new RegExp(`^ {4}${name}:[^]*?^ {6}tag: "([^"]+)"`, "m").exec(text)?.[1];

  it("let Flux commit a pushed image at once, and only look at the images of the call", async () => {
    for (const one of [application, neighbour]) await one.pushImage("6.14.0");
    const start = Date.now();
    await application.pushImage("6.14.1");
    assert.equal(await published(application, "6.14.1"), 200);
    const text = await committed("6.14.1 is committed", (file) => tagOf(file, application) === "6.14.1");
    measured.push(`from the push of the image to Flux's commit: ${((Date.now() - start) / 1000).toFixed(1)} s`);
    assert.equal(tagOf(text, neighbour), "6.13.0");

    assert.equal(await published(neighbour, "6.14.0"), 200);
    await committed("6.14.0 is committed", (file) => tagOf(file, neighbour) === "6.14.0");
  });

  it("let Flux commit at once when the shared repository changes", async () => {
    const commit = await fixture().edit("prod", "Go back, and deny nothing", (text) =>
      text.replace(/tag: "6\.14\.1"/, 'tag: "6.13.0"'),
    );
    assert.equal(await host.call("push", { ref: "refs/heads/main", after: commit }, tokens.host), 200);
    await committed("Flux's newest is back", (file) => tagOf(file, application) === "6.14.1");
  });

  it("are refused without the token, and then nothing happens", async () => {
    const requests = async () => {
      const repository = await opened().cluster.get(fixture().flux("ImageRepository", application.name));
      return repository.metadata.annotations?.["reconcile.fluxcd.io/requestedAt"];
    };
    await application.pushImage("6.15.0");
    const before = await requests();
    assert.equal(await published(application, "6.15.0", "another token"), 400);
    assert.equal(await requests(), before);
    assert.equal(await published(application, "6.15.0"), 200);
    await committed("6.15.0 is committed", (file) => tagOf(file, application) === "6.15.0");
  });
});
