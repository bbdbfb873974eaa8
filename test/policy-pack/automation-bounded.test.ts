import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { automationBounded } from "../../policy-pack/automation-bounded";
import {
  commitCharts,
  commitImages,
  config,
  stackConfigOf,
  judge,
  stackObjects,
  withField,
  withUnknown,
} from "./fixture";

const kind = "ImageUpdateAutomation";

async function messageOf(objects: readonly KubernetesObject[], stack = config): Promise<string> {
  return (await judge(automationBounded, objects, stack)).map(({ message }) => message).join("\n");
}

describe("automation-bounded", () => {
  it("passes the stack's own automation", async () => assert.equal(await messageOf(stackObjects()), ""));

  it("passes an automation that commits to the promotion branch, in a folder", async () => {
    const stack = stackConfigOf(
      { policy: { range: ">=6", automation: "pull-request", deny: [] } },
      { configRepository: { ...config.configRepository!, path: "clusters/eu" } },
    );
    assert.equal(await messageOf(stackObjects(stack), stack), "");
  });

  it("passes an automation that moves the images of a branch's commits", async () => {
    const stack = commitImages.stack();
    assert.ok(stackObjects(stack).some((object) => object.kind === kind));
    assert.equal(await messageOf(stackObjects(stack), stack), "");
  });

  it("blocks an automation if the branch's charts and images are not automated", async () => {
    const moved = stackObjects(commitImages.stack());
    assert.match(await messageOf(moved, commitCharts.stack()), /no tenant of the stack is automated/);
  });

  const faults: [string, string, unknown, RegExp][] = [
    ["no policy selector", "spec/policySelector", undefined, /spec\.policySelector is missing/],
    ["an empty policy selector", "spec/policySelector", { matchLabels: {} }, /spec\.policySelector is missing/],
    ["no path", "spec/update/path", undefined, /spec\.update\.path is missing, must be "Pulumi\.prod\.yaml"/],
    ["the whole folder", "spec/update/path", ".", /spec\.update\.path is "\.", must be "Pulumi\.prod\.yaml"/],
    ["another stack's file", "spec/update/path", "Pulumi.dev.yaml", /spec\.update\.path is "Pulumi\.dev\.yaml"/],
    ["a path outside the repository", "spec/update/path", "../Pulumi.prod.yaml", /spec\.update\.path is "\.\.\/Pulumi/],
    ["another strategy", "spec/update/strategy", "Other", /spec\.update\.strategy is "Other"/],
    ["no author", "spec/git/commit/author", undefined, /author\.email is missing/],
    ["another author", "spec/git/commit/author/email", "ann@example.com", /author\.email is "ann@example\.com"/],
    ["a push to another branch", "spec/git/push/branch", "release", /push\.branch is "release", must be "main"/],
    ["a push by refspec", "spec/git/push/refspec", "refs/heads/main:refs/heads/x", /push\.refspec is set/],
    ["push options", "spec/git/push/options", { "merge_request.create": "" }, /push\.options is set/],
    ["a check-out of another branch", "spec/git/checkout/ref/branch", "x", /checkout\.ref\.branch is "x"/],
    ["another repository", "spec/sourceRef/name", "elsewhere", /has a source that this stack does not make/],
  ];
  for (const [what, path, value, reason] of faults) {
    it(`blocks ${what}`, async () =>
      assert.match(await messageOf(withField(stackObjects(), kind, path, value)), reason));
  }

  it("passes an equivalent path of the stack file", async () => {
    const objects = withField(stackObjects(), kind, "spec/update/path", "./Pulumi.prod.yaml");
    assert.equal(await messageOf(objects), "");
  });

  it("blocks a file in the repository's root if the project is in a folder", async () => {
    const stack = stackConfigOf({}, { configRepository: { ...config.configRepository!, path: "clusters/eu" } });
    assert.match(
      await messageOf(stackObjects(), stack),
      /path is "Pulumi\.prod\.yaml", must be "clusters\/eu\/Pulumi\.prod\.yaml"/,
    );
  });

  it("blocks a source of another repository", async () => {
    const objects = withField(stackObjects(), "GitRepository", "spec/url", "https://example.com/evil");
    assert.match(await messageOf([...objects].reverse()), /spec\.url of the source "shared-authority-prod"/);
    assert.match(
      await messageOf(objects),
      /spec\.url of the source "shared-authority-prod" is "https:\/\/example\.com\/evil"/,
    );
  });

  it("blocks every automation if no tenant is automated, or no repository is declared", async () => {
    const manual = stackConfigOf({ policy: { range: ">=6", automation: "manual", deny: [] } });
    assert.match(await messageOf(stackObjects(), manual), /no tenant of the stack is automated/);
    assert.match(
      await messageOf(stackObjects(), stackConfigOf({}, { configRepository: undefined })),
      /names no configRepository/,
    );
  });

  it("blocks an unknown value", async () => {
    const proxied = withUnknown(stackObjects(), kind, "spec/git/push/branch");
    assert.match(await messageOf(proxied), /`spec\.git\.push\.branch` is not known before the step/);
  });

  it("does not apply to other objects", async () => {
    assert.equal(await messageOf(stackObjects().filter((object) => object.kind !== kind)), "");
  });
});
