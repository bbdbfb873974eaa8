import assert from "node:assert/strict";
import { explainFailure, explainNotRunning, type Failure } from "../../src/program/explain-failure";
import type { FluxCondition } from "../../src/program/flux-conditions";
import type { LiveHelmRelease } from "../../src/program/helm-release-state";

const helmRelease = {
  apiVersion: "helm.toolkit.fluxcd.io/v2",
  kind: "HelmRelease",
  metadata: { name: "podinfo", namespace: "flux-system", annotations: { "shared-authority/tenant": "podinfo" } },
};

const late: Failure = {
  urn: "urn:pulumi:prod::shared-authority::kubernetes:helm.toolkit.fluxcd.io/v2:HelmRelease::flux-system/podinfo",
  name: "flux-system/podinfo",
  type: "kubernetes:helm.toolkit.fluxcd.io/v2:HelmRelease",
  failedOperation: "update",
  errors: ['"flux-system/podinfo" failed to fully initialize or become live: timed out waiting for the condition'],
  newInputs: helmRelease,
};

describe("the explanation of a failed operation", () => {
  const told = (conditions: readonly FluxCondition[], failure = late) =>
    explainFailure(
      failure,
      undefined,
      () => Promise.resolve(conditions),
      (tenant) => (tenant === "podinfo" ? "No earlier release of it runs." : undefined),
    );

  it("names the tenant and the object, and quotes Flux's reason", async () => {
    assert.equal(
      await told([{ type: "Ready", status: "False", reason: "UpgradeFailed", message: "pods never got ready" }]),
      "podinfo: HelmRelease flux-system/podinfo did not become ready in time. " +
        "Flux reports: UpgradeFailed: pods never got ready. No earlier release of it runs. " +
        "See `kubectl describe helmrelease/podinfo --namespace flux-system` for more, then fix it with a commit: a " +
        "better release, other values, or `authority rollback`, which denies this version.",
    );
  });

  it("escapes what Flux says", async () => {
    const message = "\u001b[8mcharts\u202e\n::stop-commands::x ##[add-path]y";
    assert.match(
      (await told([{ type: "Ready", status: "False", reason: "Failed", message }])) ?? "",
      /Flux reports: Failed: \\u001b\[8mcharts\\u202e \\u003a:stop-commands::x #\\u0023\[add-path\]y\. No/,
    );
  });

  it("has the reason of the failed upgrade first, then the rollback", async () => {
    const message = await told([
      { type: "Ready", status: "False", reason: "RollbackSucceeded", message: "rolled back to podinfo.v1" },
      { type: "Released", status: "False", reason: "UpgradeFailed", message: "pods never got ready" },
      { type: "Drifted", status: "False", reason: "NoDriftDetected", message: "no drift" },
    ]);
    assert.match(
      message ?? "",
      /Flux reports: UpgradeFailed: pods never got ready; RollbackSucceeded: rolled back to podinfo\.v1\. No/,
    );
  });

  it("does not blame the API server for errors that Flux reports about its own requests", async () => {
    for (const words of ["dial tcp 10.0.0.3:443: connect: connection refused", 'is forbidden: User "f" cannot get']) {
      const errors = [`${late.errors[0] ?? ""}: ${words}`];
      assert.match((await told([], { ...late, errors })) ?? "", /did not become ready in time/);
    }
  });

  it("has the reason why a source was not fetched, also while Flux retries", async () => {
    const failed = { type: "FetchFailed", status: "True", reason: "GitOperationFailed", message: "no such commit" };
    const trying = { type: "Ready", status: "Unknown", reason: "Progressing", message: "building artifact" };
    assert.match(
      (await told([trying, failed])) ?? "",
      /Flux reports: GitOperationFailed: no such commit; Progressing: building artifact\. No/,
    );
    const over = { ...trying, status: "False", reason: failed.reason, message: failed.message };
    assert.match((await told([over, failed])) ?? "", /Flux reports: GitOperationFailed: no such commit\. No/);
  });

  it("says that Flux has not processed an object without conditions", async () => {
    assert.match((await told([])) ?? "", /Flux has not processed it yet: check that its controllers run\./);
  });

  it("has the command for the right cluster if the cluster does not answer", async () => {
    const message = await explainFailure(late, "production", () => Promise.reject(new Error("connect ECONNREFUSED")));
    assert.match(
      message ?? "",
      /Cannot read the reason \(connect ECONNREFUSED\)\. .*`kubectl describe helmrelease\/podinfo --namespace flux-system --context production`/,
    );
  });

  const urn = "urn:pulumi:prod::shared-authority::shared-authority:index:Tenant$kubernetes:core/v1:Namespace::podinfo";
  const home = { urn, name: "podinfo", type: "kubernetes:core/v1:Namespace", failedOperation: "create" };

  it("has the fix for an object that already exists, ours or somebody else's", async () => {
    const message = await told([], { ...home, errors: ['namespaces "podinfo" already exists'] });
    assert.match(message ?? "", /interrupted, run `npx authority recover --stack prod`, which takes over/);
    assert.match(
      message ?? "",
      /`kubectl get namespace\/podinfo --output yaml`\. If it is somebody else's, give the tenant another name/,
    );
    // Plain `pulumi up` runs no policy pack, and `authority up` cannot pass `--target` while a tenant is skipped.
    assert.match(
      message ?? "",
      /`PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true npx authority up --stack prod`, which takes over/,
    );
    assert.doesNotMatch(message ?? "", /`pulumi up|--target/);
  });

  it("says that nothing was changed if the cluster does not answer", async () => {
    const errors = [
      "configured Kubernetes cluster is unreachable: Get https://10.0.0.1/openapi/v2?timeout=32s: refused",
    ];
    const message = await told([], { ...home, errors });
    assert.match(message ?? "", /^Namespace podinfo was not changed: the cluster does not answer/);
    assert.match(message ?? "", /`kubernetes:kubeconfig` and `kubernetes:context`/);
    assert.match(message ?? "", /Then run `npx authority up --stack prod` again to deploy the rest/);
  });

  const failures = [
    "Internal error occurred: the disk is slow",
    'an error on the server ("") has prevented the request from succeeding (post namespaces)',
    "the server is currently unable to handle the request (post namespaces)",
    "etcdserver: leader changed",
    'Post "https://10.0.0.1/api/v1/namespaces": dial tcp 10.0.0.1:443: connect: connection refused',
    'Post "https://10.0.0.1/api/v1/namespaces": read tcp 10.0.0.2:5->10.0.0.1:443: read: connection reset by peer',
    'Post "https://10.0.0.1/api/v1/namespaces": EOF',
    "unexpected EOF",
    "http2: client connection lost",
    'Patch "https://10.0.0.1/api/v1/namespaces/podinfo": net/http: TLS handshake timeout',
  ];
  for (const error of failures) {
    it(`says what is in the state and how to deploy the rest after: ${error}`, async () => {
      const message = await explainFailure({ ...home, errors: [error] }, "production", () => Promise.resolve([]));
      assert.equal(
        message,
        "Namespace podinfo failed because the API server failed or the connection to it was lost. Everything that was " +
          "created before is in the state. When `kubectl get --raw /readyz --context production` prints `ok`, run " +
          "`npx authority up --stack prod` again to deploy the rest.",
      );
    });
  }

  it("says whose credentials to use if these have no permission", async () => {
    const errors = ['namespaces is forbidden: User "jo" cannot create resource "namespaces" in API group ""'];
    assert.match(
      (await told([], { ...home, errors })) ?? "",
      /^Namespace podinfo was refused: .* Use the platform team's credentials .* `npx authority up --stack prod` again/,
    );
  });

  describe("of a release that does not run", () => {
    const object = { name: "podinfo", namespace: "flux-system" };
    const condition = { type: "Ready", status: "False", reason: "InstallFailed", message: "exceeded quota" };
    const live = (history: LiveHelmRelease["status"] = {}): LiveHelmRelease => ({
      metadata: { ...object, uid: "1", generation: 1 },
      status: { observedGeneration: 1, conditions: [condition], ...history },
    });

    it("says that Flux has given up, that nothing runs, and when to run `up` again", () => {
      assert.equal(
        explainNotRunning("podinfo", object, undefined, { live: live(), isChanged: true, hasGivenUp: true }),
        "podinfo: HelmRelease flux-system/podinfo did not become ready: Flux has given up. " +
          "Flux reports: InstallFailed: exceeded quota. No earlier release of it runs. " +
          "See `kubectl describe helmrelease/podinfo --namespace flux-system` for more. " +
          "If the cause is outside of the release, such as a quota, a webhook or a registry, correct it and run `up` " +
          "again, which has Flux try again. Otherwise fix it with a commit: a better release, other values, or " +
          "`authority rollback`, which denies this version.",
      );
    });

    it("says what keeps running, and that somebody has suspended it", () => {
      const history = [{ status: "deployed", chartVersion: "6.14.0" }];
      const suspended = { ...live({ history }), spec: { suspend: true } };
      const text = explainNotRunning("podinfo", object, "lab", { live: suspended, isChanged: true, hasGivenUp: false });
      assert.match(text, /did not become ready in time\. .*Suspended: somebody has suspended it/);
      assert.match(text, /What ran before keeps running: the chart's version 6\.14\.0\. See .* --context lab`/);
    });

    it("claims nothing if the cluster does not answer", () => {
      const lost = { live: undefined, isChanged: true, hasGivenUp: false, error: new Error("connect ECONNREFUSED") };
      assert.equal(
        explainNotRunning("podinfo", object, undefined, lost),
        "podinfo: HelmRelease flux-system/podinfo was written, but whether it runs is unknown. Cannot read what runs " +
          "in the cluster (connect ECONNREFUSED). When `kubectl get --raw /readyz` prints `ok`, run `up` again.",
      );
    });
  });

  it("says what may block a deletion", async () => {
    const { newInputs: oldInputs, ...deleted } = { ...late, failedOperation: "delete" };
    assert.match(
      (await told([], { ...deleted, oldInputs })) ?? "",
      /^podinfo: HelmRelease flux-system\/podinfo was not deleted in time\. A finalizer may block it.* run `npx authority up --stack prod` again/,
    );
  });

  it("is missing if the raw message is sufficient", async () => {
    const errors = [
      "admission webhook denied the request",
      'Internal error occurred: failed calling webhook "v.example.com": dial tcp: connect: connection refused',
      'pods "podinfo" is forbidden: exceeded quota: tenant, requested: pods=1, used: pods=50, limited: pods=50',
    ];
    for (const error of errors) assert.equal(await told([], { ...late, errors: [error] }), undefined);
  });
});
