import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { ProblemsError } from "../../src/config/problem";
import type { Evidence } from "../../src/release/evidence";
import {
  lockedEvidence,
  lockFile,
  lockText,
  parseLockText,
  readLock,
  withEvidence,
  withoutEvidence,
  writeLock,
} from "../../src/release/lock";
import { expectationsOf, promiseReasons } from "../../src/release/promise";
import { temporaryDirectory } from "../support/directory";
import { makeTenant } from "./tenants";

const digest = `sha256:${"a".repeat(64)}`;

function evidenceOf(version: string): Evidence {
  return {
    version,
    repository: "https://git.example.com/team/app",
    gitTag: version,
    commit: "81ef8654bff2d5fba88dcf9cf874b3adc425d6b7",
    branch: "master",
    chart: "./charts/app",
    chartVersion: version,
    appVersion: version,
    images: [{ reference: `registry.example.com/team/app:${version}`, digest }],
  };
}

describe("the lock", () => {
  const directory = temporaryDirectory();
  const path = () => join(directory(), lockFile);

  it("is empty when the file is missing, and reads back what was written", async () => {
    const empty = readLock(directory());
    assert.equal(empty.releases.size, 0);
    const lock = ["1.10.0", "1.9.0", "1.10.0-rc.1"].reduce(
      (sum, version) => withEvidence(sum, "web", evidenceOf(version)),
      empty,
    );
    const oci: Evidence = {
      version: "2.0.0",
      chart: "oci://r.example.com/c",
      chartDigest: digest,
      chartVersion: "2.0.0",
      appVersion: "2.0.0",
      revision: "master@sha1:0",
      images: [],
    };
    await writeLock(directory(), withEvidence(lock, "app", oci));
    const read = readLock(directory());
    assert.deepEqual([...read.releases.keys()], ["app", "web"]);
    assert.deepEqual([...(read.releases.get("web")?.keys() ?? [])], ["1.9.0", "1.10.0-rc.1", "1.10.0"]);
    assert.deepEqual(read.releases.get("web")?.get("1.9.0"), evidenceOf("1.9.0"));
    assert.deepEqual(read.releases.get("app")?.get("2.0.0"), oci);
    assert.match(readFileSync(path(), "utf8"), /^# The evidence of the releases that the stacks name or named,/);
    assert.match(readFileSync(path(), "utf8"), /^ {2}"1\.9\.0":$/m);
    assert.match(readFileSync(path(), "utf8"), /^ {4}appVersion: "1\.9\.0"$/m);
  });

  it("removes an entry with its comments, and keeps the bytes of the others", async () => {
    for (const version of ["1.0.0", "1.1.0"]) {
      await writeLock(directory(), withEvidence(readLock(directory()), "web", evidenceOf(version)));
    }
    await writeLock(directory(), withEvidence(readLock(directory()), "app", evidenceOf("3.0.0")));
    const commented = readFileSync(path(), "utf8")
      .replace("app:", "# The app.\napp:")
      .replace('  "1.0.0":', '  # The first.\n  "1.0.0":')
      .replace('  "1.1.0":', '  # The second.\n  "1.1.0":');
    const [head, app, first, second] = commented.split(/(?=^# The app|^ {2}# The)/m);
    const without = async (tenant: string, version: string) => {
      writeFileSync(path(), commented);
      await writeLock(directory(), withoutEvidence(readLock(directory()), tenant, version));
      return readFileSync(path(), "utf8");
    };
    assert.equal(await without("web", "1.0.0"), [head, app, second].join(""));
    assert.equal(await without("web", "1.1.0"), [head, app, first].join(""));
    assert.equal(await without("app", "3.0.0"), `${head}web:\n${first}${second}`);
    assert.equal(await without("app", "9.0.0"), commented);
    writeFileSync(path(), `${head}app:\n${first}`);
    await writeLock(directory(), withoutEvidence(readLock(directory()), "app", "1.0.0"));
    assert.equal(readFileSync(path(), "utf8"), String(head).trimEnd() + "\n");
  });

  it("keeps comments and the bytes of unchanged entries", async () => {
    await writeLock(directory(), withEvidence(readLock(directory()), "web", evidenceOf("1.0.0")));
    const commented = readFileSync(path(), "utf8")
      .replace("web:\n", "# the web team\nweb:\n")
      .replace('  "1.0.0":\n', '  # the first one\n  "1.0.0":\n')
      .replace("branch: master", "branch: master # as ever");
    writeFileSync(path(), commented);
    await writeLock(directory(), withEvidence(readLock(directory()), "web", evidenceOf("1.1.0")));
    const after = readFileSync(path(), "utf8");
    assert.ok(after.startsWith(commented), after);
    await writeLock(directory(), withEvidence(readLock(directory()), "web", evidenceOf("0.9.0")));
    for (const comment of ["# the web team", "# the first one", "# as ever", "# The evidence of the releases"]) {
      assert.ok(readFileSync(path(), "utf8").includes(comment), comment);
    }
  });

  it("keeps the bytes of an unchanged file, however people wrote it", async () => {
    const written = `# ours\n\nweb:   {'1.0.0': {chart: ./c}}   # short\n`;
    writeFileSync(path(), written);
    await writeLock(directory(), readLock(directory()));
    assert.equal(readFileSync(path(), "utf8"), written);
  });

  it("does not write an unchanged file", async () => {
    const lock = withEvidence(readLock(directory()), "web", evidenceOf("1.0.0"));
    await writeLock(directory(), lock);
    const { ino, mtimeMs } = statSync(path());
    await writeLock(directory(), lock);
    assert.deepEqual([statSync(path()).ino, statSync(path()).mtimeMs], [ino, mtimeMs]);
  });

  it("reports every problem with its line and path", () => {
    const wrong = [
      'web:\n  "1.0.0":\n    chart: ./c\n    commit: abc\n    colour: red\n    images:\n      a:1.0.0: latest\n  v2:\n    chart: ./c\n  "3.0.0": {}\n  "4.0.0":\n    chart: ./c\n    appVersion: 1.10\napi: []\n',
    ].join("");
    writeFileSync(path(), wrong);
    assert.throws(
      () => readLock(directory()),
      (error: unknown) => {
        assert.ok(error instanceof ProblemsError);
        assert.deepEqual(error.message.split("\n"), [
          'releases.lock.yaml:4:13: web.1.0.0.commit: "abc"; expected a commit id of 40 or 64 hexadecimal digits',
          "releases.lock.yaml:5:5: web.1.0.0.colour: unknown key; expected one of repository, gitTag, tagObject, commit, branch, chart, chartDigest, chartVersion, appVersion, revision, images",
          'releases.lock.yaml:7:16: web.1.0.0.images.a:1.0.0: "latest"; expected a digest such as `sha256:...`',
          'releases.lock.yaml:8:3: web.v2: "v2" is not a version; expected SemVer without prefix, such as "6.15.0"',
          "releases.lock.yaml:10:12: web.3.0.0: `chart` is missing",
          'releases.lock.yaml:13:17: web.4.0.0.appVersion: "1.10" without quotes; expected the chart\'s `appVersion`',
          "releases.lock.yaml:14:6: api: expected a map",
        ]);
        return true;
      },
    );
    for (const [text, expected] of [
      ["- web\n", "releases.lock.yaml:1:1: expected a map"],
      ["web:\n<<<<<<< HEAD\n  a: 1\n=======\n", "releases.lock.yaml:2:1: Git has left a merge conflict here"],
      ["web: *nowhere\n", "releases.lock.yaml: the file is not valid YAML: Unresolved alias"],
    ] as const) {
      writeFileSync(path(), text);
      assert.throws(
        () => readLock(directory()),
        (error: Error) => error instanceof ProblemsError && error.message.startsWith(expected),
      );
    }
    rmSync(path());
    mkdirSync(path());
    assert.throws(
      () => readLock(directory()),
      /releases\.lock\.yaml: This is not a regular file; expected a regular file/,
    );
    rmSync(path(), { recursive: true });
    writeFileSync(path(), "web: 1\nweb: 2\n");
    assert.throws(
      () => readLock(directory()),
      /releases\.lock\.yaml:2:1: the file is not valid YAML: Map keys must be unique/,
    );
  });

  it("is read as YAML's own library reads it, however people edit it", () => {
    const written = lockText("", withEvidence(parseLockText(""), "web", evidenceOf("1.10.0")));
    const pieces = [
      "web",
      "0x10",
      "1e3",
      "~",
      "null",
      "true",
      "'1.10.0'",
      '"',
      "'",
      ": ",
      "\n",
      "\n  ",
      " #",
      "&a ",
      "*a",
      "<<",
      "1.10.0:\n",
      "{}",
    ];
    const edit = fc.record({ at: fc.nat(written.length), remove: fc.nat(6), insert: fc.constantFrom("", ...pieces) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const text = edits.reduce(
          (all, { at, remove, insert }) => all.slice(0, at) + insert + all.slice(at + remove),
          written,
        );
        let lock;
        try {
          lock = parseLockText(text);
        } catch (error) {
          assert.ok(error instanceof ProblemsError);
          return;
        }
        type Entry = Record<string, unknown> & { images?: Record<string, string> | null };
        const content = (parse(text, { stringKeys: true }) ?? {}) as Record<string, Record<string, Entry> | null>;
        assert.deepEqual([...lock.releases.keys()], Object.keys(content));
        for (const [tenant, versions] of Object.entries(content)) {
          for (const [version, { images, ...facts }] of Object.entries(versions ?? {})) {
            const references = Object.entries(images ?? {}).map(([reference, digest]) => ({ reference, digest }));
            assert.deepEqual(lock.releases.get(tenant)?.get(version), { version, ...facts, images: references });
          }
        }
      }),
      { numRuns: 2000, examples: [[[{ at: 0, remove: 0, insert: ": " }]]] },
    );
  });

  it("is never read through a symbolic link, which leads to what no commit shows", async () => {
    writeFileSync(join(directory(), "elsewhere.yaml"), "web:\n");
    symlinkSync("elsewhere.yaml", path());
    assert.throws(() => readLock(directory()), /^ProblemsError: releases\.lock\.yaml: This is a symbolic link/);
    await assert.rejects(writeLock(directory(), withEvidence({ releases: new Map() }, "web", evidenceOf("1.0.0"))));
    rmSync(join(directory(), "elsewhere.yaml"));
    assert.throws(() => readLock(directory()), /symbolic link/);
  });

  it("is used only for the repository, chart and images that it was read for", () => {
    const lock = withEvidence({ releases: new Map() }, "app", evidenceOf("1.2.3"));
    assert.deepEqual(lockedEvidence(lock, makeTenant()), evidenceOf("1.2.3"));
    for (const other of [
      { name: "api" },
      { tag: "1.2.4" },
      { tag: undefined },
      { repository: "https://git.example.com/x" },
      { chart: { kind: "git", path: "charts/app" } },
      { images: ["registry.example.com/team/app", "registry.example.com/team/more"] },
    ] as const) {
      assert.equal(lockedEvidence(lock, makeTenant(other)), undefined, JSON.stringify(other));
    }
  });

  it("refuses a release that breaks the promise", () => {
    const lock = { releases: new Map() };
    assert.throws(
      () => withEvidence(lock, "app", { ...evidenceOf("1.0.0"), images: [{ reference: "a:1.0.0" }] }),
      TypeError,
    );
    assert.throws(() => withEvidence(lock, "app", { ...evidenceOf("1.0.0"), chartProblems: ["broken"] }), TypeError);
  });

  it("of this project has podinfo 6.15.0, which keeps the promise", () => {
    const tenant = makeTenant({
      name: "podinfo",
      repository: "https://github.com/stefanprodan/podinfo",
      chart: { kind: "git", path: "./charts/podinfo" },
      images: ["ghcr.io/stefanprodan/podinfo"],
      tag: "6.15.0",
    });
    const evidence = lockedEvidence(readLock(join(__dirname, "../..")), tenant);
    assert.ok(evidence);
    assert.deepEqual(promiseReasons(evidence, expectationsOf(tenant)), []);
  });
});
