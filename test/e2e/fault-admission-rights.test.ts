import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Application } from "./support/application";
import { useFixture } from "./support/fixture";
import { freshName, useLab } from "./support/lab";

/** Every group that an `up` writes to, but that of admission policies. */
const apiGroups = [
  ...["", "apps", "batch", "policy", "rbac.authorization.k8s.io", "networking.k8s.io"],
  ...["helm", "source", "image", "kustomize"].map((name) => `${name}.toolkit.fluxcd.io`),
];

/** The mode `audit` is the default. It never keeps an `up` from deploying, and never loses the policy that it has. */
describe("an up in the mode audit without the right to write admission policies", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  let strong: string;
  let weak: string;
  let kubeconfig: string;

  before(async () => {
    const { cluster, lab } = opened();
    const name = freshName("deployer");
    const account = { kind: "ServiceAccount", name, namespace: "default" };
    await cluster.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "default" } });
    const rbac = "rbac.authorization.k8s.io";
    const rules = [{ apiGroups, resources: ["*"], verbs: ["*"] }];
    await cluster.create({ apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: { name }, rules });
    const roleRef = { apiGroup: rbac, kind: "ClusterRole", name };
    const binding = { kind: "ClusterRoleBinding", metadata: { name }, roleRef, subjects: [account] };
    await cluster.create({ apiVersion: `${rbac}/v1`, ...binding });
    const answer = await cluster.request({
      method: "POST",
      path: `/api/v1/namespaces/default/serviceaccounts/${name}/token`,
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
    });
    const { token } = (answer as { status: { token: string } }).status;
    strong = await readFile(lab.kubeconfigPath, "utf8");
    const config = parse(strong) as { users: [{ user: object }] };
    config.users[0].user = { token };
    weak = stringify(config);
    application = await fixture().application("6.13.0", "6.14.1");
    await fixture().addStack("prod", { tenants: [{ application, tag: "6.13.0" }] });
    kubeconfig = join(fixture().project.directory, "..", "kubeconfig");
    await fixture().edit("prod", "A kubeconfig of its own", (text) =>
      text.replace(/(kubeconfig: ).*/, `$1${kubeconfig}`),
    );
  });

  /** The stack's policies in the cluster. */
  async function policies(): Promise<string[]> {
    const path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    const { items } = (await opened().cluster.request({ method: "GET", path })) as {
      items: { metadata: { name: string; uid: string } }[];
    };
    const own = items.filter(({ metadata: { name } }) => name.endsWith(`.${fixture().authorityNamespace}`));
    return own.map(({ metadata }) => `${metadata.name} ${metadata.uid}`);
  }

  it("warns and deploys everything else", async () => {
    await writeFile(kubeconfig, weak);
    const before = await policies();
    const output = await fixture().up("prod");
    assert.match(
      output,
      /Images are not judged where they run: these credentials may not get and create and patch valid[^.]*\. Everything else is deployed\. Grant/,
    );
    assert.deepEqual(await policies(), before);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.13.0`);
  });

  it("writes the policy as soon as it may", async () => {
    await writeFile(kubeconfig, strong);
    const before = await policies();
    const output = await fixture().up("prod");
    assert.doesNotMatch(output, /Images are not judged|cannot be changed/);
    assert.equal((await policies()).length, before.length + 1);
  });

  it("deploys a promotion and keeps the policy when the right is gone again", async () => {
    await writeFile(kubeconfig, weak);
    const before = await policies();
    await fixture().edit("prod", "Promote", (text) => text.replace('tag: "6.13.0"', 'tag: "6.14.1"'));
    const output = await fixture().up("prod");
    assert.doesNotMatch(output, /Images are not judged|cannot be changed/, "nothing is to be written");
    assert.deepEqual(await policies(), before);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
    await fixture().expectNoChanges("prod");
    await writeFile(kubeconfig, strong);
  });
});
