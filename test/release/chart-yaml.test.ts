import assert from "node:assert/strict";
import fc from "fast-check";
import { dependencyProblems } from "../../src/release/chart-folder";
import { readChartYaml } from "../../src/release/chart-yaml";

function read(content: string | Buffer) {
  const { version, appVersion, problems } = readChartYaml(content);
  return [version, appVersion, ...problems];
}

describe("Chart.yaml", () => {
  const both = ["1.2.3", "1.2.3"];

  it("returns both versions as they are written", () => {
    const valid = {
      plain: "version: 1.2.3\nappVersion: 1.2.3\n",
      quoted: "version: \"1.2.3\"\nappVersion: '1.2.3' # a comment\n",
      crlf: "apiVersion: v1\r\nversion: 1.2.3\r\nappVersion: 1.2.3\r\n",
      bom: "\uFEFFversion: 1.2.3\nappVersion: 1.2.3\n",
      json: '{"version": "1.2.3", "appVersion": "1.2.3"}',
      anchor: "version: &v 1.2.3\nappVersion: *v\n",
      tag: "version: !!str 1.2.3\nappVersion: 1.2.3\n",
      block: "version: >-\n  1.2.3\nappVersion: |-\n  1.2.3\n",
      documents: "---\nversion: 1.2.3\nappVersion: 1.2.3\n---\nversion: 9.9.9\n",
      nested:
        "dependencies:\n  - name: redis\n    version: 9.9.9\n    appVersion: 9.9.9\nversion: 1.2.3\nappVersion: 1.2.3\n",
      annotation: "annotations: {version: 9.9.9}\nversion: 1.2.3\nappVersion: 1.2.3\n",
    };
    for (const [name, content] of Object.entries(valid)) {
      assert.deepEqual(read(content), both, name);
      assert.deepEqual(read(Buffer.from(content)), both, name);
    }
    assert.deepEqual(read("version: 1.2.3\nappVersion: v1.2.3\n"), ["1.2.3", "v1.2.3"]);
    assert.deepEqual(read('version: "1.2.3"\nappVersion: "1.2.3 "\n'), ["1.2.3", "1.2.3 "]);
  });

  it("returns nothing for missing fields", () => {
    assert.deepEqual(read("version: 1.2.3\n"), ["1.2.3", undefined]);
    assert.deepEqual(read("version: 1.2.3\nappVersion:\n"), ["1.2.3", undefined]);
    assert.deepEqual(read("version: 1.2.3\nappVersion: ~\n"), ["1.2.3", undefined]);
    assert.deepEqual(read("name: app\n"), [undefined, undefined]);
  });

  it("reports an unquoted value that Helm reads differently", () => {
    assert.deepEqual(read("version: 1.2.3\nappVersion: 1.10\n"), [
      "1.2.3",
      "1.10",
      "appVersion in Chart.yaml is 1.10 without quotes, which Helm reads as 1.1; it must be quoted",
    ]);
    assert.deepEqual(read('version: 1.2.3\nappVersion: "1.10"\n'), ["1.2.3", "1.10"]);
    assert.deepEqual(read("version: 010\nappVersion: yes\n"), [
      "010",
      "yes",
      "version in Chart.yaml is 010 without quotes, which Helm reads as 8; it must be quoted",
      "appVersion in Chart.yaml is yes without quotes, which Helm reads as true; it must be quoted",
    ]);
    assert.deepEqual(read("version: 1.2.3\nappVersion: 7\n"), ["1.2.3", "7"]);
    assert.deepEqual(read("version: 1.2.3\nappVersion: 2024-01-31\n"), ["1.2.3", "2024-01-31"]);
  });

  it("reports why it cannot be read", () => {
    const broken = {
      [`Chart.yaml cannot be read as YAML at line 3: Map keys must be unique`]:
        "version: 1.2.3\nappVersion: 1.2.3\nversion: 1.2.4\n",
      [`version in Chart.yaml is a map or a list, must be text`]: "version: {{ .Version }}\nappVersion: 1.2.3\n",
      [`Chart.yaml cannot be read as YAML at line 2: the character U+2028 is a line end for some YAML readers only`]:
        "version: 1.2.3\nappVersion: 1.2.3 # x\u2028appVersion: 6.6.6\n",
      [`Chart.yaml is not UTF-8 text`]: Buffer.from([0x76, 0xff, 0xfe]),
      [`Chart.yaml must be a map of keys, such as \`version: 1.0.0\`, and is empty`]: "",
      [`Chart.yaml must be a map of keys, such as \`version: 1.0.0\`, not a list or text`]: "- version: 1.2.3\n",
    };
    for (const [reason, content] of Object.entries(broken)) {
      assert.deepEqual(readChartYaml(content).problems, [reason]);
    }
    for (const content of [
      "version: @VERSION@\n",
      "{{- if .x }}\nversion: 1.2.3\n{{- end }}\n",
      "version: 1.2.3\n\tappVersion: 1\n",
      "a: *b\nversion: *c\n",
    ]) {
      const { version, problems } = readChartYaml(content);
      assert.ok(version === undefined || problems.length > 0, content);
    }
    assert.match(
      readChartYaml("version: @VERSION@\n").problems[0] ?? "",
      /^Chart\.yaml cannot be read as YAML at line 1: /,
    );
  });

  it("reports a second spelling of a key", () => {
    assert.deepEqual(read("version: 1.2.3\nappVersion: 1.2.3\nappversion: 6.6.6\n"), [
      "1.2.3",
      undefined,
      'Chart.yaml has the key "appversion", which Helm reads as "appVersion"; write "appVersion"',
    ]);
    // Go's JSON folds the long s as well.
    assert.deepEqual(read('version: 1.2.0\nappVersion: "1.2.0"\nverſion: 6.6.6\nappVerſion: "6.6.6"\n'), [
      undefined,
      undefined,
      'Chart.yaml has the key "verſion", which Helm reads as "version"; write "version"',
      'Chart.yaml has the key "appVerſion", which Helm reads as "appVersion"; write "appVersion"',
    ]);
    assert.deepEqual(read("VERſION: 6.6.6\nappVersion: 1.2.3\n"), [
      undefined,
      "1.2.3",
      'Chart.yaml has the key "VERſION", which Helm reads as "version"; write "version"',
    ]);
  });

  it("reports a repeated key from a merge or an alias", () => {
    assert.deepEqual(read("version: 1.2.3\nappVersion: 1.2.3\n<<: {appverſion: 6.6.6}\n"), [
      "1.2.3",
      undefined,
      'Chart.yaml has the key "appverſion", which Helm reads as "appVersion"; write "appVersion"',
    ]);
    assert.deepEqual(read("name: &k appVersion\nversion: 1.2.3\nappVersion: 1.2.3\n*k : 6.6.6\n"), [
      "1.2.3",
      undefined,
      'Chart.yaml has the key "appVersion" more than once; expected once',
    ]);
    assert.deepEqual(read("version: 1.2.3\nappVersion: 1.2.3\n<<: {version: 6.6.6}\n"), ["1.2.3", "1.2.3"]);
  });

  it("takes time that grows with the file, and not faster", () => {
    const lines = (count: number, line: (index: number) => string) =>
      Array.from({ length: count }, (_, index) => line(index));
    const files: Record<string, (count: number) => string> = {
      "many keys": (count) => lines(count, (index) => `k${index}: 1`).join("\n"),
      "many keys in one map": (count) => `a: {${lines(count, (index) => `k${index}: 1`).join(", ")}}`,
      "many merges": (count) => `a: &a {x: 1}\n${lines(count, (index) => `b${index}: {<<: *a}`).join("\n")}`,
      "many aliases": (count) => `a: &a 1\nb: [${"*a,".repeat(count)}]`,
      "many dependencies": (count) =>
        `dependencies:\n${lines(count, (index) => `- {name: a${index}, version: 1.x}`).join("\n")}`,
    };
    for (const [title, make] of Object.entries(files)) {
      const timeOf = (count: number) => {
        const content = make(count);
        const start = performance.now();
        dependencyProblems(readChartYaml(content).dependencies, {
          files: new Map([["Chart.lock", content]]),
          vendored: [],
        });
        return performance.now() - start;
      };
      const [small, large] = [timeOf(2_000), timeOf(20_000)];
      // Ten times as much; with quadratic steps it is a hundred times.
      assert.ok(large < 40 * small + 1_000, `${title}: ${small} ms, ${large} ms`);
    }
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array()), (content) =>
        Array.isArray(readChartYaml(content).problems),
      ),
    );
  });

  it("returns any text that is quoted as in JSON", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        assert.deepEqual(read(`version: 1.0.0\nappVersion: ${JSON.stringify(text)}\n`), ["1.0.0", text]);
      }),
    );
  });
});
