import assert from "node:assert/strict";
import { changesBetween } from "../../src/report/changes";
import { secretsOf, withoutSecrets } from "../../src/report/hidden";

const token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

/** What a report shows of two sides. */
async function shown(before: unknown, after: unknown): Promise<string> {
  const secrets = await secretsOf([before, after]);
  return JSON.stringify([withoutSecrets(before, after, secrets), changesBetween(before, after, secrets)]);
}

describe("what a report does not show", () => {
  const cases: Readonly<Record<string, readonly [before: unknown, after: unknown]>> = {
    "a value whose name says that it is a credential": [
      { db: { password: "x-cret" } },
      { db: { password: "x-cret-2" } },
    ],
    "a number with such a name": [{ adminPassword: 7355608 }, { adminPassword: 1234567 }],
    "all below such a name": [{ passwords: { ana: "x-cret" } }, { passwords: { ana: "x-cret", bo: "7355608" } }],
    "a value that looks like one": [{ plain: "a" }, { plain: token, args: ["--verbose", `--header=${token}`] }],
    "the same text at another place": [
      { token, note: "none" },
      { token, note: `it is ${token}` },
    ],
    "the content of a Secret": [
      { kind: "Secret", stringData: { a: "x-cret" } },
      { kind: "Secret", stringData: { a: "7355608" } },
    ],
    "the content of a Secret in a list": [
      { kind: "List", items: [{ kind: "Secret", data: { a: "x-cret" } }] },
      { kind: "List", items: [{ kind: "Secret", data: { a: "7355608" } }] },
    ],
  };
  for (const [name, [before, after]] of Object.entries(cases)) {
    it(`is ${name}`, async () => {
      assert.doesNotMatch(await shown(before, after), new RegExp(`x-cret|7355608|1234567|${token}`));
    });
  }

  it("is still said to change", async () => {
    const [before, after] = [
      { password: "x-cret-1", port: 1 },
      { password: "x-cret-2", port: 2 },
    ];
    assert.deepEqual(changesBetween(before, after, await secretsOf([before, after])), [
      { path: "password", before: "", after: "", isHidden: true },
      { path: "port", before: "1", after: "2", isHidden: false },
    ]);
  });

  it("is neither a switch nor a reference", async () => {
    const [before, after] = [
      { automountServiceAccountToken: "true", replicas: 1 },
      { automountServiceAccountToken: false },
    ];
    assert.match(await shown(before, after), /"automountServiceAccountToken","before":"true","after":"false"/);
  });
});
