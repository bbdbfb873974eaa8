import assert from "node:assert/strict";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
import { waitFor } from "../lab/wait";
import { said, useFixture } from "./support/fixture";

/**
 * A release fails by a cause outside of chart and values. Flux gives up, and `up` says so at once. When the cause is gone,
 * the next `up` has Flux try again, without a change of the release, and leaves no difference.
 */
describe("a release that fails by an outside cause", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  const denial = "not accepted yet";
  const none = 'quota: { count/deployments.apps: "0" }';

  before(async () => {
    application = await fixture().application("6.13.0", "6.14.0");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.13.0", lines: [none] }] });
  });

  /** An `up` that fails long before its time-outs, which are five minutes together. */
  async function failingUp(...why: readonly RegExp[]): Promise<void> {
    const result = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(result.code, 0, said(result));
    assert.match(said(result), /did not become ready: Flux has given up\. Flux reports: /);
    for (const one of why) assert.match(said(result), one);
  }

  it("is reported when Flux gives up, with nothing that would run", async () => {
    await failingUp(
      /InstallFailed: .*exceeded quota/,
      /No earlier release of it runs\./,
      /correct it and run `up` again/,
    );
  });

  it("fails again while the cause is there, and says so again", async () => {
    await failingUp(/exceeded quota/);
  });

  it("is installed by the next `up` when the quota is raised", async () => {
    await fixture().edit("prod", "Raise the quota", (text) => text.replace(/(?<=deployments\.apps: )["']?0["']?/, "5"));
    const result = await fixture().authorityUp("prod");
    assert.equal(result.code, 0, said(result));
    assert.equal(await fixture().runningImage(application), `${application.image}:6.13.0`);
    await fixture().expectNoChanges("prod", "--refresh");
  });

  it("is reported at an upgrade too, with what keeps running", async () => {
    await denyUpdates(`object.spec.template.spec.containers.all(c, !c.image.endsWith(":6.14.0"))`);
    await fixture().edit("prod", "Promote", (text) => text.replace('tag: "6.13.0"', 'tag: "6.14.0"'));
    await failingUp(/UpgradeFailed: .*not accepted yet/, /What ran before keeps running: .* 6\.13\.0\./);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.13.0`);
  });

  it("is reported where it prevents the rollback too, without a claim about what runs", async () => {
    await denyUpdates("false");
    await failingUp(/UpgradeFailed: .*not accepted yet/, /RollbackFailed: /, /objects of both releases may run\./);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.13.0`);
  });

  it("is upgraded by the next `up`, without a new commit, when the updates are allowed", async () => {
    await allowUpdates();
    const head = await fixture().remoteHead();
    const result = await fixture().tryUp("prod", "--skip-preview");
    assert.equal(result.code, 0, said(result));
    assert.equal(await fixture().remoteHead(), head);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.0`);
    await fixture().expectNoChanges("prod", "--refresh");
  });

  const policy = { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicy" };
  const binding = { ...policy, kind: "ValidatingAdmissionPolicyBinding" };

  /** As a webhook of somebody else may do, for some time. */
  async function denyUpdates(unless: string): Promise<void> {
    const { cluster, lab } = opened();
    const { name } = application;
    const rule = { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["deployments"] };
    const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": name } };
    const validations = [{ expression: unless, message: denial }];
    const spec = { matchConstraints: { resourceRules: [rule], namespaceSelector }, validations };
    await cluster.apply({ ...policy, metadata: { name }, spec });
    const bindingSpec = { policyName: name, validationActions: ["Deny"] };
    await cluster.apply({ ...binding, metadata: { name }, spec: bindingSpec });
    const isDenied = async () => (await refusalOfUpdate("6.14.0"))?.includes(denial) === true || undefined;
    await waitFor("the update is denied", isDenied, { lab });
    const isAsMeant = async () =>
      ((await refusalOfUpdate("6.13.0")) !== undefined) === (unless === "false") || undefined;
    await waitFor("the other update is denied or not", isAsMeant, { lab });
  }

  async function allowUpdates(): Promise<void> {
    const { cluster, lab } = opened();
    for (const kind of [binding, policy]) await cluster.delete({ ...kind, metadata: { name: application.name } });
    await waitFor("updates are allowed", async () => (await refusalOfUpdate("6.14.0")) === undefined || undefined, {
      lab,
    });
  }

  async function refusalOfUpdate(tag: string): Promise<string | undefined> {
    const { name } = application;
    const path = `/apis/apps/v1/namespaces/${name}/deployments/${name}?dryRun=All`;
    const containers = [{ name: "podinfo", image: `${application.image}:${tag}` }];
    const body = { metadata: { labels: { probe: "true" } }, spec: { template: { spec: { containers } } } };
    const request = { method: "PATCH", path, body, contentType: "application/strategic-merge-patch+json" } as const;
    return opened()
      .cluster.request(request)
      .then(() => undefined, String);
  }
});
