import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { readStackConfig } from "../../src/config/read-stack-config";
import { describeRemoval, removalsOf, undeclaredRemovals } from "../../src/config/removal";
import type { StackConfig } from "../../src/config/stack-config";
import { exampleStack, exampleTenant } from "../manifests/example-stack";
import { temporaryDirectory } from "../support/directory";
import { goodStack, writeInput } from "./bad-inputs";

const stack = (changes: Partial<StackConfig> = {}): StackConfig => ({ ...exampleStack, ...changes });
const declared = { namespace: "search", by: "Ada", reason: "nobody uses it" };
const search = { tenant: "search", namespace: "search" };

describe("removalsOf", () => {
  it("finds nothing while every place is decided, also under another name", () => {
    assert.deepEqual(removalsOf(stack(), [{ tenant: "podinfo", namespace: "podinfo" }]), []);
    const renamed = stack({ tenants: [{ ...exampleTenant, name: "find", formerly: "search", namespace: "search" }] });
    assert.deepEqual(removalsOf(renamed, [search]), []);
    assert.deepEqual(removalsOf(renamed, [{ tenant: "search" }]), [], "an earlier version wrote no namespace");
  });

  it("finds a tenant that leaves and a namespace that a tenant has left, each with its declaration", () => {
    const moved = { tenant: "podinfo", namespace: "old" };
    assert.deepEqual(
      removalsOf(stack(), [search, moved]).map(({ kind, declared }) => [kind, declared]),
      [
        ["leaves", undefined],
        ["moves", undefined],
      ],
    );
    const removed = { search: declared, podinfo: { ...declared, namespace: "old" } };
    assert.deepEqual(
      removalsOf(stack({ removed }), [search, moved]).map((removal) => removal.declared),
      [declared, removed.podinfo],
    );
  });

  it("takes a declaration only for the namespace that it names, and never for one in use", () => {
    const other = stack({ removed: { search: { ...declared, namespace: "serach" } } });
    assert.equal(removalsOf(other, [search])[0]?.declared, undefined);
    const removed = { search: { ...declared, namespace: "podinfo" } };
    const [inUse] = removalsOf(stack({ removed }), [{ tenant: "search", namespace: "podinfo" }]);
    assert.equal(inUse?.declared, undefined);
    assert.equal(inUse?.heir, "podinfo");
  });

  it("finds that the HelmReleases are in another authority namespace, which no declaration allows", () => {
    const podinfo = { tenant: "podinfo", namespace: "podinfo", authorityNamespace: "flux-system" };
    assert.deepEqual(removalsOf(stack(), [podinfo]), []);
    const moved = stack({
      authorityNamespace: "flux-prod",
      removed: { podinfo: { ...declared, namespace: "podinfo" }, search: declared },
    });
    const removals = removalsOf(moved, [podinfo, { ...search, authorityNamespace: "flux-system" }]);
    assert.deepEqual(
      removals.map(({ kind, declared }) => [kind, declared]),
      [
        ["reinstalled", undefined],
        ["leaves", declared],
      ],
    );
  });

  it("reads no declaration that a mapping inherits", () => {
    assert.equal(
      removalsOf(stack({ removed: {} }), [{ tenant: "constructor", namespace: "constructor" }])[0]?.declared,
      undefined,
    );
  });
});

describe("undeclaredRemovals", () => {
  const root = temporaryDirectory();

  it("names the tenant, what would be deleted and both ways on", () => {
    const removals = removalsOf(stack(), [search]);
    assert.deepEqual(
      undeclaredRemovals(stack(), removals, () => ["Namespace search"]),
      [
        "search: it is not in Pulumi.prod.yaml. This would uninstall its release and delete the namespace search with everything in it.",
        "  Of it, Pulumi's state has:",
        "    Namespace search",
        "  If it is to be deleted, add to Pulumi.prod.yaml below `config:`:",
        "  shared-authority:removed:",
        '    search: { namespace: search, by: "...", reason: "..." }',
        "  If not, put the tenant back. If it has another name now, write `formerly: search` at the tenant of that name.",
      ],
    );
  });

  it("asks for the right namespace where another one is declared, not for a second entry", () => {
    const config = stack({ removed: { search: { ...declared, namespace: "serach" } } });
    const text = undeclaredRemovals(config, removalsOf(config, [search])).join("\n");
    assert.match(text, /declares it for the namespace serach\. .* write there `namespace: search`/);
    assert.doesNotMatch(text, /add to/);
  });

  it("asks for `formerly` where another tenant has the namespace", () => {
    const renamed = stack({ tenants: [{ ...exampleTenant, name: "find", namespace: "search" }] });
    const lines = undeclaredRemovals(renamed, removalsOf(renamed, [search]));
    assert.match(lines.join("\n"), /its namespace search is that of find now[^]*write `formerly: search` at find/);
    assert.doesNotMatch(lines.join("\n"), /shared-authority:removed/);
  });

  it("names all tenants of another authority namespace at once, and what to write", () => {
    const places = ["podinfo", "cart"].map((tenant) => ({
      tenant,
      namespace: tenant,
      authorityNamespace: "flux-system",
    }));
    const config = stack({
      authorityNamespace: "flux-prod",
      tenants: [exampleTenant, { ...exampleTenant, name: "cart", namespace: "cart" }],
    });
    assert.deepEqual(undeclaredRemovals(config, removalsOf(config, places)), [
      "cart, podinfo: Pulumi.prod.yaml has another authority namespace than before, flux-prod instead of flux-system. This would delete the HelmReleases in flux-system, and Helm would uninstall the releases.",
      "  Write `shared-authority:authorityNamespace: flux-system`. https://github.com/shared-authority/shared-authority/blob/main/docs/leaving.md#another-authority-namespace says how a stack gets another one.",
    ]);
  });

  it("asks for the old namespace where two tenants change theirs with each other", () => {
    const podinfo = { ...exampleTenant, namespace: "search" };
    const swapped = stack({ tenants: [podinfo, { ...exampleTenant, name: "search", namespace: "podinfo" }] });
    const lines = undeclaredRemovals(swapped, removalsOf(swapped, [search, { ...search, tenant: "podinfo" }]));
    assert.deepEqual(lines, [
      "search: it has another namespace in Pulumi.prod.yaml, and its namespace search is that of podinfo now. Its release there would be uninstalled.",
      "  Write `namespace: search` at the tenant search. If it is to move, let it move in a commit of its own first, and podinfo after that.",
    ]);
  });

  it("names the tenant that moves by its name in the file", () => {
    const renamed = stack({ tenants: [{ ...exampleTenant, name: "find", formerly: "search", namespace: "on" }] });
    const [, ...ways] = undeclaredRemovals(renamed, removalsOf(renamed, [{ tenant: "search", namespace: "1e3" }]));
    assert.equal(ways.at(-1), '  If not, write `namespace: "1e3"` at the tenant find.');
  });

  it("prints lines for several tenants that can be added together", () => {
    const config = stack();
    const lines = undeclaredRemovals(config, removalsOf(config, [search, { tenant: "shop", namespace: "shop" }]));
    assert.equal(lines.filter((line) => line === "  shared-authority:removed:").length, 1);
    assert.ok(
      lines.includes(
        "  If it is to be deleted, add to Pulumi.prod.yaml below `config:`, in `shared-authority:removed`:",
      ),
    );
  });

  it("says nothing about what is declared", () => {
    const config = stack({ removed: { search: declared } });
    const removals = removalsOf(config, [search]);
    assert.deepEqual(undeclaredRemovals(config, removals), []);
    assert.equal(describeRemoval(removals[0]!), "search with the namespace search, by Ada: nobody uses it");
  });

  it("prints lines that declare the removal of any tenant, once they are filled in", () => {
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
    fc.assert(
      fc.property(
        fc.oneof(name, fc.constantFrom("on", "null", "1e3", "010", "true", "0x1f")),
        name,
        (tenant, other) => {
          fc.pre(other !== "shop" && other !== "flux-system" && tenant !== "shop");
          writeInput(root(), { files: { "Pulumi.prod.yaml": goodStack } });
          const before = readStackConfig({ root: root(), stack: "prod" });
          const place = { tenant, namespace: other };
          const lines = undeclaredRemovals(before, removalsOf(before, [place]));
          const added = lines.filter((line) => /^ {2}shared-authority:removed:$|^ {4}/.test(line)).join("\n");
          assert.deepEqual(Object.keys((parse(added) as Record<string, object>)["shared-authority:removed"] ?? {}), [
            tenant,
          ]);
          writeInput(root(), { files: { "Pulumi.prod.yaml": goodStack + added.replaceAll("...", "Ada") + "\n" } });
          const after = readStackConfig({ root: root(), stack: "prod" });
          assert.deepEqual(undeclaredRemovals(after, removalsOf(after, [place])), []);
        },
      ),
      { numRuns: 50 },
    );
  });
});
