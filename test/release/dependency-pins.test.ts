import assert from "node:assert/strict";
import fc from "fast-check";
import { readDependencies, type DependencyList } from "../../src/release/chart-dependencies";
import { dependencyPinProblems } from "../../src/release/dependency-pins";
import { readHelmYaml } from "../../src/release/helm-yaml";

const repository = "https://charts.example.com";

function listOf(file: string, content: string): DependencyList {
  const yaml = readHelmYaml(file, "dependencies: []", content);
  assert.ok(!Array.isArray(yaml));
  return readDependencies(file, yaml);
}

interface Entry {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly repository?: unknown;
  readonly alias?: string;
}

function problems(declared: readonly Entry[], vendored: readonly string[] = [], locked?: readonly Entry[]): string[] {
  return dependencyPinProblems({
    declared: listOf("Chart.yaml", JSON.stringify({ dependencies: declared })),
    lock: locked && listOf("Chart.lock", JSON.stringify({ dependencies: locked })),
    vendored,
  });
}

const newest = "Flux would use the newest version when it builds the chart";
const redis = { name: "redis", version: ">=0.0.0", repository };
const exact = { ...redis, version: "1.2.3" };
const unpinned =
  `Chart.yaml depends on redis ">=0.0.0" of ${repository}, which neither charts/ nor Chart.lock pins at that commit: ` +
  `${newest}; commit Chart.lock or the chart itself`;

describe("the dependencies of a chart in Git", () => {
  it("are not pinned by a range alone", () => {
    assert.deepEqual(problems([redis]), [unpinned]);
    for (const version of [
      "*",
      "1",
      "1.2",
      "1.x",
      "^1.2.3",
      "~1.2.3",
      "=1.2.3",
      "1.2.3 || 2",
      ">=1.2.3",
      "1.2.3 ",
      "vv1.2.3",
    ]) {
      assert.deepEqual(
        problems([{ ...redis, version }]),
        [unpinned.replace('">=0.0.0"', JSON.stringify(version))],
        version,
      );
    }
    for (const version of [undefined, null, ""]) {
      assert.deepEqual(problems([{ ...redis, version }]), [unpinned.replace('">=0.0.0"', "of any version")]);
    }
    assert.deepEqual(problems([redis, { ...redis, name: "pg" }]), [unpinned, unpinned.replace("redis", "pg")]);
  });

  it("are pinned by an exact version, with or without a lock", () => {
    for (const version of ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+build.7"]) {
      assert.deepEqual(problems([{ ...redis, version }]), [], version);
      assert.deepEqual(problems([redis], [], [{ ...redis, version }]), [], version);
    }
    assert.deepEqual(problems([redis], [], [{ ...exact, repository: `${repository}/` }]), []);
  });

  it("are pinned by charts in charts/", () => {
    for (const vendored of [
      ["redis/Chart.yaml"],
      ["redis-1.2.3.tgz"],
      ["redis-v1.2.3-rc.1.tgz"],
      ["redis-1.2.3+b.tgz"],
    ]) {
      assert.deepEqual(problems([redis], vendored), [], vendored[0]);
      assert.deepEqual(problems([redis], vendored, [redis]), [], vendored[0]);
    }
    for (const path of [
      "redis/values.yaml",
      "redis/templates/Chart.yaml",
      "redis",
      "redis.tgz",
      "redis-1.2.tgz",
      "redis-ha-1.2.3.tgz",
      "_redis/Chart.yaml",
      ".redis-1.2.3.tgz",
      "redis-1.2.3.tgz.prov",
      "Chart.yaml",
    ]) {
      assert.deepEqual(problems([redis], [path]), [unpinned], path);
    }
    assert.deepEqual(problems([{ ...redis, name: "redis-ha" }], ["redis-ha-1.2.3.tgz"]), []);
  });

  it("are looked up in charts/ by alias, unless charts/ has as many charts as the list", () => {
    const cache = { ...redis, alias: "cache" };
    const pg = { ...exact, name: "pg" };
    assert.deepEqual(problems([cache], ["redis-1.2.3.tgz"]), []);
    assert.deepEqual(problems([cache, pg], ["redis-1.2.3.tgz"]), [unpinned]);
    assert.deepEqual(problems([cache, pg], ["redis-1.2.3.tgz"], [redis, pg]), []);
    assert.deepEqual(problems([cache, { ...redis, alias: "queue" }], ["redis-1.2.3.tgz"]), [unpinned, unpinned]);
    assert.deepEqual(problems([cache, { ...redis, alias: "queue" }], [], [exact, exact]), []);
  });

  it("are read from the lock if it exists", () => {
    const notListed = unpinned.replace(newest, "Flux would build the chart by Chart.lock, which does not list it");
    assert.deepEqual(problems([redis], [], [redis]), [unpinned]);
    assert.deepEqual(problems([exact], [], [redis]), [unpinned.replace(">=0.0.0", "1.2.3")]);
    assert.deepEqual(problems([redis], [], [exact, redis]), [unpinned]);
    assert.deepEqual(problems([redis], [], []), [notListed]);
    assert.deepEqual(problems([redis], [], [{ ...exact, name: "pg" }]), [notListed]);
    assert.deepEqual(problems([redis], [], [{ ...exact, repository: "https://elsewhere.example.com" }]), [notListed]);
    assert.deepEqual(problems([redis], ["redis/Chart.yaml"], []), []);
    assert.deepEqual(problems([], [], [redis]), [
      `Chart.lock lists redis ">=0.0.0" of ${repository}, which is not an exact version, and charts/ does not contain it at that commit: ${newest}; commit Chart.lock as \`helm dependency update\` writes it`,
    ]);
  });

  it("need no pin in the same repository", () => {
    for (const local of ["", null, undefined, "file://../common"]) {
      assert.deepEqual(problems([{ ...redis, repository: local }]), [], String(local));
    }
  });

  it("need the lock when the repository is an alias", () => {
    for (const alias of ["@example", "alias:example"]) {
      const aliased = { ...exact, repository: alias };
      assert.deepEqual(problems([aliased]).length, 1);
      assert.deepEqual(problems([aliased], [], [exact]), []);
      assert.deepEqual(problems([aliased], [], [aliased]).length, 1);
    }
  });

  it("are shown without the secrets in their address", () => {
    const [problem = ""] = problems([
      { ...redis, repository: "https://somebody:hunter2@charts.example.com/a?token=hunter3" },
    ]);
    assert.match(problem, / of https:\/\/\*\*\*@charts\.example\.com\/a\?\*\*\*, which /);
    assert.doesNotMatch(problem, /hunter/);
    const [strange = ""] = problems([{ ...redis, name: "re\ndis", repository: "oci://a b" }]);
    assert.match(strange, /^Chart\.yaml depends on "re\\ndis" ">=0\.0\.0" of "oci:\/\/a b", which /);
  });

  it("are refused when they cannot be read", () => {
    const read = (content: string) => listOf("Chart.yaml", content).problems;
    assert.deepEqual(read("dependencies: redis\n"), [
      "dependencies in Chart.yaml is not a list, must be a list of charts, such as `- name: redis`",
    ]);
    assert.deepEqual(read("dependencies: {redis: 1.2.3}\n"), [
      "dependencies in Chart.yaml is not a list, must be a list of charts, such as `- name: redis`",
    ]);
    assert.deepEqual(read("dependencies: [null, redis, {version: 1.2.3}, {name: {}}, {name: a, repository: [b]}]\n"), [
      "dependency 1 in Chart.yaml is not a map, must have a `name`",
      "dependency 2 in Chart.yaml is not a map, must have a `name`",
      "dependency 3 in Chart.yaml has no `name`, must have the name of a chart",
      "name of dependency 4 in Chart.yaml is a map or a list, must be text",
      "repository of dependency 5 in Chart.yaml is a map or a list, must be text",
    ]);
    assert.deepEqual(read("Dependencies: [{name: redis}]\n"), [
      'Chart.yaml has the key "Dependencies", which Helm reads as "dependencies"; write "dependencies"',
    ]);
    assert.deepEqual(read('dependencies: [{name: redis, version: 1.2.3, "verſion": "*"}]\n'), [
      'dependency 1 in Chart.yaml has the key "verſion", which Helm reads as "version"; write "version"',
    ]);
    for (const nothing of ["name: app\n", "dependencies:\n", "dependencies: []\n", ""]) {
      assert.deepEqual(listOf("Chart.yaml", nothing), { file: "Chart.yaml", dependencies: [], problems: [] });
    }
    assert.equal(problems([null as unknown as Entry], ["redis-1.2.3.tgz"]).length, 1);
    assert.equal(problems([redis], ["redis-1.2.3.tgz"], [{}]).length, 1);
  });

  it("are read with merges and aliases, as Helm reads them", () => {
    const list = listOf(
      "Chart.yaml",
      "x: &x {name: redis, version: 1.10}\n<<: {dependencies: [*x, {<<: *x, alias: b}]}\n",
    );
    assert.deepEqual(list.dependencies, [
      { name: "redis", version: "1.1", repository: "", alias: "" },
      { name: "redis", version: "1.1", repository: "", alias: "b" },
    ]);
  });

  it("pass only if Flux would fetch no range", () => {
    const name = fc.constantFrom("a", "b");
    const nameOf = new Map([
      ["a/Chart.yaml", "a"],
      ["b-1.2.3.tgz", "b"],
      ["c/Chart.yaml", "c"],
    ]);
    const entry = fc.record({
      name,
      alias: fc.constantFrom("", "b", "c"),
      version: fc.constantFrom("1.2.3", "v2.0.0", "1.x", "*", ""),
      repository: fc.constantFrom("", "file://../a", repository, "oci://charts.example.com/a"),
    });
    const vendored = fc.array(fc.constantFrom(...nameOf.keys(), "odd.tgz"));
    fc.assert(
      fc.property(
        fc.array(entry),
        vendored,
        fc.option(fc.array(entry), { nil: undefined }),
        (declared, files, locked) => {
          const requested = locked ?? declared;
          const current = [...new Set(files)];
          const names = current.map((file) => nameOf.get(file));
          // collectMissing of source-controller's dependency_manager.go.
          const fetched =
            current.length === requested.length
              ? []
              : requested.filter((one) => !names.includes(one.alias === "" ? one.name : one.alias));
          const isPinned = fetched
            .filter((one) => one.repository !== "" && !one.repository.startsWith("file://"))
            .every(({ version }) => /^v?\d+\.\d+\.\d+$/.test(version));
          assert.ok(isPinned || problems(declared, files, locked).length > 0);
        },
      ),
    );
  });
});
