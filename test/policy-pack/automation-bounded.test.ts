import assert from "node:assert/strict";
import type { KubernetesObject } from "../../src/manifests/object";
import { equalityPolicy } from "../../src/policy-pack/equality";
import {
  allObjectsOf,
  commitImages,
  config,
  judge,
  objectsOf,
  stackConfigOf,
  stackObjects,
  verdict,
  withField,
} from "./fixture";

const kind = "ImageUpdateAutomation";

async function messageOf(objects: readonly KubernetesObject[], stack = config): Promise<string> {
  return (await judge(automationBounded, objects, stack)).map(({ message }) => message).join("\n");
}

const automationBounded = equalityPolicy("automation-bounded");

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

  const faults: [string, string, unknown, RegExp][] = [
    ["no policy selector", "spec/policySelector", undefined, /spec\.policySelector is missing, must be a map/],
    [
      "an empty policy selector",
      "spec/policySelector/matchLabels",
      {},
      /shared-authority\/stack is missing, must be "prod"/,
    ],
    ["no path", "spec/update/path", undefined, /spec\.update\.path is missing, must be "Pulumi\.prod\.yaml"/],
    ["the whole folder", "spec/update/path", ".", /spec\.update\.path is "\.", must be "Pulumi\.prod\.yaml"/],
    ["another stack's file", "spec/update/path", "Pulumi.dev.yaml", /spec\.update\.path is "Pulumi\.dev\.yaml"/],
    ["another strategy", "spec/update/strategy", "Other", /spec\.update\.strategy is "Other"/],
    ["no author", "spec/git/commit/author", undefined, /spec\.git\.commit\.author is missing, must be a map/],
    ["another author", "spec/git/commit/author/email", "ann@example.com", /author\.email is "ann@example\.com"/],
    ["a push to another branch", "spec/git/push/branch", "release", /push\.branch is "release", must be "main"/],
    [
      "a push by refspec",
      "spec/git/push/refspec",
      "refs/heads/main:refs/heads/x",
      /push\.refspec is .*, must be absent/,
    ],
    ["push options", "spec/git/push/options", { "merge_request.create": "" }, /push\.options is a map, must be absent/],
    ["a check-out of another branch", "spec/git/checkout/ref/branch", "x", /checkout\.ref\.branch is "x"/],
    ["another repository", "spec/sourceRef/name", "elsewhere", /sourceRef\.name is "elsewhere", must be/],
  ];
  for (const [what, path, value, reason] of faults) {
    it(`blocks ${what}`, async () =>
      assert.match(await messageOf(withField(stackObjects(), kind, path, value)), reason));
  }

  it("blocks another source of the shared repository", async () => {
    const objects = withField(stackObjects(), "GitRepository", "spec/url", "https://example.com/evil");
    assert.match(
      await messageOf(objects),
      /GitRepository flux-system\/shared-authority-prod:\n {2}- spec\.url is "https:/,
    );
  });

  for (const [what, of, path, value, reason] of [
    [
      "a wider range",
      "ImagePolicy",
      "spec/policy/semver/range",
      "*",
      /semver\.range is "\*", must be ">=6\.0\.0 <7\.0\.0/,
    ],
    ["a filter for other tags", "ImagePolicy", "spec/filterTags", undefined, /spec\.filterTags is missing/],
    ["another stack's automation", "ImagePolicy", "metadata/labels/shared-authority~stack", "dev", /stack is "dev"/],
    ["another image", "ImageRepository", "spec/image", "example.com/evil", /spec\.image is "example\.com\/evil"/],
    [
      "credentials of others",
      "ImageRepository",
      "spec/secretRef",
      { name: "push" },
      /secretRef is a map, must be absent/,
    ],
  ] as const) {
    it(`blocks an image policy with ${what}`, async () =>
      assert.match(await messageOf(withField(objectsOf(), of, path, value)), reason));
  }

  describe("of webhooks and alerts", () => {
    const stack = stackConfigOf(
      {},
      {
        receivers: { registry: { type: "harbor", secretName: "shared-authority-harbor" } },
        alerts: { type: "slack", secretName: "shared-authority-slack", eventSeverity: "error" },
      },
    );

    it("passes the stack's own", async () => {
      assert.equal(await messageOf(stackObjects(stack), stack), "");
      assert.equal(await verdict(allObjectsOf(stack), stack), "");
    });

    for (const [what, of, path, value, reason] of [
      ["an alert that goes elsewhere", "Provider", "spec/address", "https://example.com", /spec\.address is .*absent/],
      ["a provider with another Secret", "Provider", "spec/secretRef/name", "podinfo", /secretRef\.name is "podinfo"/],
      ["a webhook with another token", "Receiver", "spec/secretRef/name", "podinfo", /secretRef\.name is "podinfo"/],
      ["an alert that is silent", "Alert", "spec/suspend", true, /spec\.suspend is true, must be absent/],
      ["an alert of another stack's label", "Alert", "spec/eventSources/0/matchLabels", {}, /matchLabels/],
    ] as const) {
      it(`blocks ${what}`, async () =>
        assert.match(await messageOf(withField(stackObjects(stack), of, path, value), stack), reason));
    }

    for (const kind of ["Receiver", "Provider", "Alert"]) {
      it(`blocks a second ${kind}, and a release without the decided one`, async () => {
        const objects = allObjectsOf(stack);
        const decided = objects.find((object) => object.kind === kind)!;
        const second = { ...decided, metadata: { ...decided.metadata, name: "shared-authority-prod-2" } };
        assert.match(
          await verdict([...objects, second], stack),
          new RegExp(`${kind} .*-2.*decides no such object`, "s"),
        );
        assert.match(
          await verdict(
            objects.filter((object) => object !== decided),
            stack,
          ),
          new RegExp(kind),
        );
      });
    }
  });

  it("does not apply to other objects", async () => {
    const others = objectsOf().filter((object) => !object.kind.startsWith("Image"));
    assert.equal(await messageOf(others.map((object) => ({ ...object, spec: {} }))), "");
  });
});
