import assert from "node:assert/strict";
import type { Cluster } from "../lab/cluster";
import type { Application } from "./support/application";
import { freshName, useLab } from "./support/lab";
import { said, useFixture, stackFile } from "./support/fixture";
import { nameOf } from "../lab/wait";

const kinds = [
  ["v1", "Namespace"],
  ["v1", "ServiceAccount"],
  ["v1", "ConfigMap"],
  ["v1", "Secret"],
  ["v1", "ResourceQuota"],
  ["v1", "LimitRange"],
  ["v1", "Service"],
  ["apps/v1", "Deployment"],
  ["networking.k8s.io/v1", "NetworkPolicy"],
  ["rbac.authorization.k8s.io/v1", "Role"],
  ["rbac.authorization.k8s.io/v1", "RoleBinding"],
  ["rbac.authorization.k8s.io/v1", "ClusterRole"],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding"],
  ["source.toolkit.fluxcd.io/v1", "GitRepository"],
  ["source.toolkit.fluxcd.io/v1", "HelmChart"],
  ["helm.toolkit.fluxcd.io/v2", "HelmRelease"],
  ["image.toolkit.fluxcd.io/v1", "ImageRepository"],
  ["image.toolkit.fluxcd.io/v1", "ImagePolicy"],
  ["image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation"],
] as const;

/** Story 12: removing a tenant deletes its objects only. */
describe("a removed tenant", () => {
  const opened = useLab();
  const fixture = useFixture(opened);
  let leaving: Application;
  let staying: Application;
  let empty: readonly string[];

  before(async () => {
    leaving = await fixture().application("6.14.1");
    staying = await fixture().application("6.14.1");
    empty = await objects((name) => name.includes(fixture().authorityNamespace));
    await fixture().addStack("prod", {
      tenants: [
        { application: leaving, tag: "6.14.1", automation: "auto", lines: ["team: [leaving]"] },
        { application: staying, tag: "6.14.1", automation: "auto", lines: ["team: [staying]"] },
      ],
    });
    await fixture().up("prod");
  });

  /** The objects with this name or namespace, with their UIDs. */
  async function objects(isMeant: (name: string) => boolean): Promise<string[]> {
    const { cluster } = opened();
    const all = await Promise.all(kinds.map(([apiVersion, kind]) => listed(cluster, apiVersion, kind)));
    return all.flat().filter(isMeant).sort();
  }

  async function listed(cluster: Cluster, apiVersion: string, kind: string): Promise<string[]> {
    const items = await cluster.list({ apiVersion, kind });
    return items.map((item) => `${nameOf(item)} ${item.metadata.uid}`);
  }

  it("leaves no objects behind, and other tenants do not change", async () => {
    const others = (name: string) => name.includes(staying.name);
    const before = await objects(others);
    const history = await fixture().history(staying);
    assert.ok((await objects((name) => name.includes(leaving.name))).length > 10);

    const values = `tenants/${leaving.name}/values.yaml`;
    const text = await fixture().project.read(stackFile("prod"));
    const [start, end] = [text.indexOf(`    ${leaving.name}:`), text.indexOf(`    ${staying.name}:`)];
    const without = text.slice(0, start) + text.slice(end);
    await fixture().commit("podinfo leaves", { [stackFile("prod")]: without, [values]: undefined });
    const names = [leaving.name, staying.name, fixture().authorityNamespace];
    const all = () => objects((name) => names.some((part) => name.includes(part)));
    const everything = await all();
    for (const more of [[], ["--skip-preview"]]) {
      const refused = await fixture().tryUp("prod", ...more);
      assert.notEqual(refused.code, 0);
      assert.match(said(refused), /Only what Pulumi\.prod\.yaml declares is deleted:\s+podinfo-\S+: it is not in/);
    }
    const refused = await fixture().authorityUp("prod");
    assert.equal(refused.code, 3, said(refused));
    for (const kind of ["HelmRelease", "Namespace", "ServiceAccount", "RoleBinding", "ImagePolicy"]) {
      assert.match(said(refused), new RegExp(`^    ${kind} .*${leaving.name}`, "m"));
    }
    assert.deepEqual(await all(), everything);

    const removed = `{ namespace: ${leaving.name}, by: Ada, reason: nobody uses it }`;
    const declared = `  shared-authority:removed:\n    ${leaving.name}: ${removed}\n  shared-authority:tenants:`;
    await fixture().commit("podinfo may leave", {
      [stackFile("prod")]: without.replace("  shared-authority:tenants:", declared),
    });
    const plain = await fixture().tryUp("prod", "--skip-preview");
    assert.notEqual(plain.code, 0);
    assert.match(said(plain), /Run `npx authority up --stack prod`/);
    const carriedOut = await fixture().authorityUp("prod");
    assert.equal(carriedOut.code, 0, said(carriedOut));
    assert.deepEqual(await objects((name) => name.includes(leaving.name)), []);
    assert.deepEqual(await objects(others), before);
    assert.deepEqual(await fixture().history(staying), history);
  });

  it("runs on as it is under another name", async () => {
    const all = () => objects((name) => name.includes(staying.name));
    const [before, history] = [await all(), await fixture().history(staying)];
    const name = freshName("renamed");
    const values = (tenant: string) => `tenants/${tenant}/values.yaml`;
    await fixture().commit("Another name", {
      [stackFile("prod")]: (await fixture().project.read(stackFile("prod"))).replace(
        `    ${staying.name}: #`,
        `    ${name}:\n      formerly: ${staying.name} #`,
      ),
      [values(name)]: await fixture().project.read(values(staying.name)),
      [values(staying.name)]: undefined,
    });
    await fixture().expectNoChanges("prod");
    const renamed = await fixture().authorityUp("prod");
    assert.equal(renamed.code, 0, said(renamed));
    assert.deepEqual(await all(), before);
    assert.deepEqual(await fixture().history(staying), history);
    assert.equal(await fixture().runningImage(staying), `${staying.image}:6.14.1`);
  });

  it("leaves an empty cluster after `destroy`, which must be told to delete what is protected", async () => {
    const refused = await fixture().pulumi("destroy", "--stack", "prod", "--yes");
    assert.notEqual(refused.code, 0);
    const result = await fixture().pulumi("destroy", "--stack", "prod", "--yes", "--ignore-protect");
    assert.equal(result.code, 0, said(result));
    assert.deepEqual(await objects((name) => name.includes(staying.name)), []);
    assert.deepEqual(await objects((name) => name.includes(fixture().authorityNamespace)), empty);
  });
});
