import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileChanges } from "../../src/report/file-changes";
import { temporaryDirectory } from "../support/directory";

const password = "Zq7hunter2pw";
const token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

describe("what a report shows of a Pulumi file", () => {
  const directory = temporaryDirectory();

  async function changes(...lines: readonly string[]) {
    const [before, after] = ["before", "after"].map((side) => join(directory(), side)) as [string, string];
    const write = (folder: string, text: string) => {
      mkdirSync(folder);
      writeFileSync(join(folder, "Pulumi.prod.yaml"), text);
    };
    write(before, "config:\n  app:kept: 1\n");
    write(after, ["config:", "  app:kept: 1", ...lines.map((line) => `  ${line}`), ""].join("\n"));
    return fileChanges(before, after, "Pulumi.prod.yaml");
  }

  const credentials: [title: string, line: string, secret: string][] = [
    [
      "a kubeconfig",
      `kubernetes:kubeconfig: "apiVersion: v1\\nusers:\\n- name: a\\n  user: {password: ${password}}\\n"`,
      password,
    ],
    ["an address with a password", `app:address: "postgres://shop:${password}@db/shop"`, password],
    ["an argument", `app:args: ["--password=${password}"]`, password],
    ["a token", `app:x: ${token}`, token],
    ["a token in a setting of ours", `shared-authority:alerts: { type: slack, channel: ${token} }`, token],
  ];
  for (const [title, line, secret] of credentials) {
    it(`is not ${title}`, async () => {
      const found = await changes(line);
      assert.equal(JSON.stringify(found).includes(secret), false, JSON.stringify(found));
      assert.ok(found.some(({ isHidden }) => isHidden));
    });
  }

  it("is each other setting, and the name of a Secret", async () => {
    const found = await changes("shared-authority:alerts: { type: slack, secretName: slack-hook }", "app:size: large");
    assert.deepEqual(
      found.map(({ path, after }) => [path, after]),
      [
        ["config.shared-authority:alerts.type", "slack"],
        ["config.shared-authority:alerts.secretName", "slack-hook"],
        ["config.app:size", "large"],
      ],
    );
  });
});
