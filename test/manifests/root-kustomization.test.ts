import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../src/manifests/object";
import type { RoleRule } from "../../src/manifests/role";
import { projectRoot } from "../support/project";

const root = parseAllDocuments(readFileSync(join(projectRoot, "docs/root-kustomization.yaml"), "utf8")).map(
  (document) => document.toJS() as KubernetesObject & { readonly rules?: readonly RoleRule[] },
);

/** Every object of every golden case. */
const rendered = readdirSync(join(projectRoot, "test/golden"), { recursive: true, encoding: "utf8" })
  .filter((path) => /[/\\]rendered[/\\].*\.yaml$/.test(path))
  .map((path) => parse(readFileSync(join(projectRoot, "test/golden", path), "utf8")) as KubernetesObject);

describe("the root Kustomization of the documentation", () => {
  it("has an account that may deploy every kind of object that is ever rendered", () => {
    const authorityKinds =
      /^(HelmRelease|GitRepository|OCIRepository|Image.*|Receiver|Provider|Alert|ConfigMap|ServiceAccount)$/;
    const needed = new Set(
      rendered.map(({ apiVersion, kind }) => {
        const group = apiVersion.includes("/") ? apiVersion.replace(/\/.*$/, "") : "";
        const resource = kind.toLowerCase().replace(/y$/, "ie").concat("s");
        return `${authorityKinds.test(kind) ? "Role" : "ClusterRole"} ${group}/${resource}`;
      }),
    );
    const given = new Set(
      root.flatMap(({ kind, rules = [] }) =>
        rules
          .filter(({ verbs }) =>
            ["get", "list", "watch", "create", "patch", "delete"].every((it) => verbs.includes(it)),
          )
          .flatMap(({ apiGroups, resources }) =>
            apiGroups.flatMap((group) => resources.map((resource) => `${kind} ${group}/${resource}`)),
          ),
      ),
    );
    assert.deepEqual([...given].sort(), [...needed].sort());
  });

  it("is one Kustomization with an account of its own, in one namespace", () => {
    const namespaces = new Set(root.flatMap(({ metadata }) => metadata.namespace ?? []));
    assert.deepEqual([...namespaces], ["flux-system"]);
    const [kustomization, ...more] = root.filter(({ kind }) => kind === "Kustomization");
    const [account] = root.filter(({ kind }) => kind === "ServiceAccount");
    assert.deepEqual(more, []);
    const spec = kustomization?.spec as Record<string, unknown>;
    assert.equal(spec.serviceAccountName, account?.metadata.name);
    assert.deepEqual([spec.prune, spec.deletionPolicy], [true, "Orphan"]);
  });
});
