import assert from "node:assert/strict";
import type { Cluster } from "../lab/cluster";
import type { Application } from "./support/application";
import { useLab } from "./support/lab";
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
    await fixture().commit("podinfo leaves", {
      [stackFile("prod")]: text.slice(0, start) + text.slice(end),
      [values]: undefined,
    });
    await fixture().up("prod");
    assert.deepEqual(await objects((name) => name.includes(leaving.name)), []);
    assert.deepEqual(await objects(others), before);
    assert.deepEqual(await fixture().history(staying), history);
  });

  it("leaves an empty cluster after `destroy`", async () => {
    const result = await fixture().pulumi("destroy", "--stack", "prod", "--yes");
    assert.equal(result.code, 0, said(result));
    assert.deepEqual(await objects((name) => name.includes(staying.name)), []);
    assert.deepEqual(await objects((name) => name.includes(fixture().authorityNamespace)), empty);
  });
});
