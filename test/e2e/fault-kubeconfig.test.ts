import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Application } from "./support/application";
import { openStackFile } from "./support/stack-file";
import { assertWhole } from "./support/inventory";
import { useLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";

interface Kubeconfig {
  readonly clusters: [{ cluster: { server: string } }];
  readonly users: [{ user: { token?: string } }];
}

/** With a wrong kubeconfig, an `up` reports the reason, changes nothing and prints no secret. */
describe("a wrong kubeconfig", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  let file: Awaited<ReturnType<typeof openStackFile>>;
  let kubeconfig: string;
  let right: string;
  let token: string;
  let deployed: string;

  before(async () => {
    application = await fixture().application("6.13.0", "6.14.1");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.13.0" }] });
    right = await readFile(opened().lab.kubeconfigPath, "utf8");
    token = (parse(right) as Kubeconfig).users[0].user.token ?? "no token";
    kubeconfig = join(fixture().project.directory, "..", "kubeconfig");
    await writeFile(kubeconfig, right);
    await fixture().edit("prod", "A kubeconfig of its own", (text) =>
      text.replace(/(kubeconfig: ).*/, `$1${kubeconfig}`),
    );
    await fixture().up("prod");
    deployed = await objects();
    file = await openStackFile(fixture(), "prod", [application]);
    await file.declare(new Map([[application, "6.14.1"]]));
  });

  const nothing = /The cluster is not ready for this stack\. Nothing was changed/;

  afterEach(() => writeFile(kubeconfig, right));

  function changed(change: (config: Kubeconfig) => void): string {
    const config = parse(right) as Kubeconfig;
    change(config);
    return stringify(config);
  }

  /** The cluster's objects in the state. */
  async function objects(): Promise<string> {
    const { stdout } = await fixture().pulumi("stack", "export", "--stack", "prod");
    const { deployment } = JSON.parse(stdout) as {
      deployment: { resources: { type: string; stackTrace?: unknown }[] };
    };
    // A failed `up` changes the order.
    // While the cluster does not answer, the provider takes an admission policy for namespaced, and writes that into the
    // state. The next `up` sees no difference in it.
    const objects = deployment.resources.filter(
      ({ type }) => type.startsWith("kubernetes:") && !type.startsWith("kubernetes:admissionregistration.k8s.io/"),
    );
    return (
      objects
        // The program's stack has other frames if the cluster did not answer it.
        .map((object) => JSON.stringify({ ...object, stackTrace: undefined }))
        .sort()
        .join("\n")
    );
  }

  /** @param whys the engine's words and what the program adds to them, which come in no order */
  async function assertRefused(whys: readonly RegExp[], ...secrets: readonly string[]): Promise<void> {
    const result = await fixture().pulumi("up", "--stack", "prod", "--yes", "--skip-preview");
    assert.notEqual(result.code, 0);
    for (const why of whys) assert.match(said(result), why);
    for (const secret of [token, ...secrets]) assert.ok(!said(result).includes(secret), "a secret is printed");
    assert.equal(await objects(), deployed);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.13.0`);
  }

  it("fails if the file does not exist", async () => {
    await rm(kubeconfig);
    await assertRefused([
      /`kubernetes:kubeconfig` names \S+, and there is no such file\. Nothing was changed\. Create the file, or name another one/,
    ]);
  });

  it("fails if the file is not a kubeconfig", async () => {
    await writeFile(kubeconfig, "token: s3cr3t-of-a-broken-file\n  - : {");
    await assertRefused(
      [/The cluster cannot be asked: the kubeconfig is not valid/, nothing],
      "s3cr3t-of-a-broken-file",
    );
  });

  it("fails if its token has expired", async () => {
    await writeFile(
      kubeconfig,
      changed(({ users: [{ user }] }) => (user.token = "expired-0123456789")),
    );
    await assertRefused([/The API server does not accept the credentials \(401\)/, nothing], "expired-0123456789");
  });

  it("fails if its user has no permission", async () => {
    const answer = await opened().cluster.request({
      method: "POST",
      path: "/api/v1/namespaces/default/serviceaccounts/default/token",
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
    });
    const { token: weak } = (answer as { status: { token: string } }).status;
    await writeFile(
      kubeconfig,
      changed(({ users: [{ user }] }) => (user.token = weak)),
    );
    await assertRefused(
      [
        /These credentials may not: .*create .*namespaces.* Use the platform team's credentials/,
        /run `npx authority up --stack prod` again/,
        nothing,
      ],
      weak,
    );
  });

  it("fails if its server does not respond", async () => {
    await writeFile(
      kubeconfig,
      changed(({ clusters: [{ cluster }] }) => (cluster.server = "https://127.0.0.1:1")),
    );
    await assertRefused([/The cluster cannot be asked: /, nothing, /run `npx authority up --stack prod` again/]);
  });

  it("fails if its context does not exist", async () => {
    const rightText = await fixture().project.read(stackFile("prod"));
    await fixture().commit("Another context", {
      [stackFile("prod")]: rightText.replace("config:\n", "config:\n  kubernetes:context: nowhere\n"),
    });
    try {
      await assertRefused([
        /The cluster cannot be asked: the kubeconfig has no cluster for its context "nowhere"/,
        nothing,
        /`kubernetes:context` name the right file, context and credentials/,
      ]);
    } finally {
      await fixture().commit("The right context", { [stackFile("prod")]: rightText });
    }
  });

  it("does not prevent the next `up` after it is corrected", async () => {
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 0, said(result));
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
    await assertWhole(fixture(), "prod", [application.name]);
  });
});
