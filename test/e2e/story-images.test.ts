import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Application } from "./support/application";
import { said, useFixture } from "./support/fixture";
import { freshName, useLab } from "./support/lab";

const foreign = "attacker.example/tool:1";

/** Images are bounded where they run: with the engine, Flux and Helm. */
describe("a tenant whose images are declared", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let application: Application;
  let other: Application;

  before(async () => {
    application = await fixture().application("6.14.1");
    other = await fixture().application("6.14.1");
    const lines = ["images:", "  admission: deny"];
    await fixture().addStack("prod", {
      tenants: [application, other].map((one) => ({ application: one, tag: "6.14.1", lines })),
    });
    await fixture().up("prod");
  });

  const hook = (image: string) => `apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: { helm.sh/hook: pre-upgrade, helm.sh/hook-delete-policy: before-hook-creation }
spec:
  backoffLimit: 0
  template:
    metadata: { annotations: { lab: migrate } }
    spec:
      restartPolicy: Never
      securityContext: { runAsNonRoot: true, runAsUser: 100, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: migrate
          image: ${image}
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
`;

  /** Both teams release their chart with an additional template. */
  async function release(version: string, template: string, otherTemplate = template): Promise<void> {
    for (const [one, content] of [
      [application, template],
      [other, otherTemplate],
    ] as const) {
      await one.commitVersion(version, { files: { "charts/podinfo/templates/more.yaml": content } });
      await one.tag(version);
      await one.pushImage(version);
    }
    await fixture().edit("prod", `Promote to ${version}`, (text) =>
      text.replaceAll(/tag: "[^"]+"/g, `tag: "${version}"`),
    );
  }

  it("runs, and its namespace says what it may run", async () => {
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: application.name } };
    const { labels, annotations } = (await opened().cluster.get(namespace)).metadata;
    assert.equal(labels?.["shared-authority/image-admission"], "deny");
    assert.equal(annotations?.["shared-authority/allowed-images"], application.image);
    await fixture().expectNoChanges("prod", "--refresh");
  });

  it("fails at once with the reason if its chart has another image in a workload or a hook", async () => {
    const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: more }
spec:
  selector: { matchLabels: { app: more } }
  template:
    metadata: { labels: { app: more } }
    spec: { containers: [{ name: more, image: "${foreign}" }] }
`;
    await release("6.15.0", deployment, hook(foreign));
    const result = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(result.code, 0);
    for (const { name, image } of [application, other]) {
      const reason = `Tenant ${name} may not run ${foreign}. Allowed in namespace ${name}: ${image}.`;
      const told = said(result)
        .split("\n")
        .find((line) => line.includes("Flux reports: UpgradeFailed: ") && line.includes(reason));
      assert.ok(told, said(result));
    }
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
  });

  it("runs hooks with its own image, and further images that are declared", async () => {
    await release("6.15.2", hook(`{{ .Values.image.repository }}:6.15.2`));
    await fixture().up("prod");
    assert.equal(await fixture().runningImage(application), `${application.image}:6.15.2`);
    await fixture().edit("prod", "Accept the tool", (text) =>
      text.replaceAll("admission: deny", "admission: deny\n        also: [attacker.example/tool]"),
    );
    await release("6.15.3", hook(foreign));
    await fixture().up("prod");
    assert.equal(await fixture().runningImage(application), `${application.image}:6.15.3`);
  });

  it("is not judged where the stack says `off`, and is only warned where it says `audit`", async () => {
    const bindings = async () => {
      const apiVersion = "admissionregistration.k8s.io/v1";
      const kind = "ValidatingAdmissionPolicyBinding";
      const all = await opened().cluster.list({ apiVersion, kind });
      const suffix = `.${fixture().authorityNamespace}`;
      return all.filter(({ metadata: { name } }) => name.endsWith(suffix)).map(({ spec }) => spec?.validationActions);
    };
    assert.deepEqual(await bindings(), [["Deny"]]);
    await fixture().edit("prod", "Audit", (text) => text.replaceAll(/admission: deny\n.*also.*/g, "admission: audit"));
    await fixture().up("prod");
    assert.deepEqual(await bindings(), [["Warn", "Audit"]]);
    const listed = await fixture().authority("images", "--stack", "prod");
    assert.equal(listed.code, 3, said(listed));
    assert.match(listed.stdout, new RegExp(`${application.name}\\s+Job migrate\\s+attacker\\.example/tool:1`));
    assert.match(listed.stdout, new RegExp(`${application.name}: images: \\{also: \\[attacker\\.example/tool\\]\\}`));
    await fixture().edit("prod", "Off", (text) => text.replaceAll("admission: audit", "admission: off"));
    await fixture().up("prod");
    assert.deepEqual(await bindings(), []);
  });
});

describe("an `up` without the right to write admission policies", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  const name = freshName("limited");
  const metadata = { name };
  const created: string[] = [];
  let application: Application;

  /** Everything that the program needs, except admission policies. */
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata,
    rules: [
      {
        apiGroups: [
          "",
          "apps",
          "rbac.authorization.k8s.io",
          "networking.k8s.io",
          ...["helm", "source", "image"].map((group) => `${group}.toolkit.fluxcd.io`),
          ...["autoscaling", "batch", "discovery.k8s.io", "events.k8s.io", "gateway.networking.k8s.io"],
          ...["metrics.k8s.io", "monitoring.coreos.com", "policy"],
        ],
        resources: ["*"],
        verbs: ["*"],
      },
    ],
  };

  before(async () => {
    const { cluster, lab } = opened();
    application = await fixture().application("6.14.1");
    await fixture().addStack("prod", {
      tenants: [{ application, tag: "6.14.1", lines: ["images:", "  admission: deny"] }],
    });
    const namespace = fixture().authorityNamespace;
    await cluster.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
    await cluster.create(role);
    created.push(role.kind);
    await cluster.create({
      ...role,
      kind: "ClusterRoleBinding",
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
    created.unshift("ClusterRoleBinding");
    const answer = await cluster.request({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } },
    });
    const { token } = (answer as { status: { token: string } }).status;
    const config = parse(await readFile(lab.kubeconfigPath, "utf8")) as { users: { user: object }[] };
    config.users[0]!.user = { token };
    const path = join(fixture().project.directory, "..", "limited");
    await writeFile(path, stringify(config));
    await fixture().edit("prod", "Limited credentials", (text) => text.replace(/(kubeconfig: ).*/, `$1${path}`));
  });

  after(async () => {
    for (const kind of created) await opened().cluster.delete({ ...role, kind });
  });

  it("writes nothing if a tenant's admission is `deny`", async () => {
    const result = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(result.code, 0);
    assert.match(
      said(result),
      new RegExp(
        `\`images\\.admission\` of ${application.name} is \`deny\`, but these credentials may not get and create and ` +
          "patch validatingadmissionpolicies and validatingadmissionpolicybindings\\. Nothing was changed\\. Grant",
      ),
    );
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: application.name } };
    assert.equal(await opened().cluster.find(namespace), undefined);
  });

  it("warns and deploys everything else if it is `audit`", async () => {
    await fixture().edit("prod", "Audit", (text) => text.replace("admission: deny", "admission: audit"));
    const output = await fixture().up("prod");
    assert.match(output, /Images are not judged where they run: these credentials may not get and create and patch/);
    assert.equal(await fixture().runningImage(application), `${application.image}:6.14.1`);
  });
});
