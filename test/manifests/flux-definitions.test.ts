import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import fc from "fast-check";
import { parse } from "yaml";
import { providerTypes, receiverTypes } from "../../src/config/notification-schema";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import type { KubernetesObject } from "../../src/manifests/object";
import { renderedFile } from "../../src/manifests/rendered-file";
import type { BranchEvidence, Evidence } from "../../src/release/evidence";
import { lacks } from "../support/tools";
import { digest, exampleBranch, exampleEvidence, exampleStack, exampleTenant, manifestsOf } from "./example-stack";

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly [keyword: string]: unknown;
}

/**
 * The schema as JSON Schema, with every field that it does not name refused: the API server would drop such a field
 * in silence.
 */
function strict(schema: Schema): Schema {
  const { properties, items } = schema;
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties !== undefined;
  return {
    ...schema,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, strict(field)])),
          ...(open ? {} : { additionalProperties: false }),
        }),
    ...(items === undefined ? {} : { items: strict(items) }),
  };
}

/** The fields of metadata are Kubernetes' own; no definition names them. */
function withOpenMetadata(schema: Schema): Schema {
  return { ...schema, properties: { ...schema.properties, metadata: {} } };
}

function readDefinitions(folder: string): Map<string, ValidateFunction> {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const validators = new Map<string, ValidateFunction>();
  for (const file of readdirSync(folder)) {
    const { spec } = parse(readFileSync(join(folder, file), "utf8")) as Definition;
    for (const { name, schema } of spec.versions) {
      validators.set(
        `${spec.group}/${name}/${spec.names.kind}`,
        ajv.compile(withOpenMetadata(strict(schema.openAPIV3Schema))),
      );
    }
  }
  return validators;
}

const secretName = fc.option(fc.constantFrom("podinfo", "podinfo-credentials"), { nil: undefined });

const port = fc.record({
  port: fc.integer({ min: 1, max: 65535 }),
  protocol: fc.constantFrom("TCP" as const, "UDP" as const, "SCTP" as const),
});

const rules = fc.array(
  fc.record({
    namespaces: fc.array(fc.constantFrom("ingress", "monitoring"), { maxLength: 2 }),
    cidrs: fc.constantFrom(["10.0.0.0/8"], ["2001:db8::/32", "192.0.2.0/24"]),
    ports: fc.array(port, { maxLength: 2 }),
  }),
  { maxLength: 2 },
);

/** Tenants that differ in whatever a stack file can say. */
const tenantChanges: fc.Arbitrary<Partial<Tenant>> = fc.record({
  repositorySecret: secretName,
  registrySecret: secretName,
  insecureRegistry: fc.boolean(),
  prefix: fc.constantFrom({ git: "", chart: "", image: "" }, { git: "v", chart: "", image: "v" }),
  policy: fc.record({
    range: fc.constantFrom("*", ">=6.0.0 <7.0.0", "6.x || 7.x"),
    automation: fc.constantFrom("auto" as const, "pull-request" as const, "manual" as const),
    deny: fc.constantFrom([], ["6.13.5"]),
    pin: fc.constantFrom(undefined, { reason: "incident", by: "platform" }),
  }),
  values: fc.constantFrom(
    [],
    [
      { path: "tenants/podinfo/values.yaml", content: "replicaCount: 2\n" },
      { path: "tenants/podinfo/prod/values.yaml", content: "a: b\n" },
    ],
  ),
  team: fc.constantFrom([], ["developers", "github:org/team"]),
  limits: fc.constantFrom(exampleTenant.limits, { ...exampleTenant.limits, max: { memory: "1Gi" } }),
  network: fc.record({ ingress: rules, egress: rules }),
  secrets: fc.constantFrom([], [{ name: "podinfo-values", key: "values.yaml" }]),
  pinDigest: fc.constantFrom(
    undefined,
    true as const,
    { tag: "image.tag" },
    { tag: "image.tag", digest: "image.digest" },
  ),
  driftDetection: fc.constantFrom(
    exampleTenant.driftDetection,
    { ignore: [] },
    {
      ignore: [{ paths: ["/spec/replicas", "/data/a~1b"], target: { kind: "Deployment", labelSelector: "a=b" } }],
    },
  ),
});

const ociEvidence: Evidence = {
  ...exampleEvidence,
  chart: "oci://ghcr.io/stefanprodan/charts/podinfo",
  chartDigest: digest,
};

const commitEvidence: BranchEvidence = {
  ...exampleBranch,
  images: [{ reference: "ghcr.io/stefanprodan/podinfo:master-dd50717-1", digest }],
};

const newestChart: BranchEvidence = { branch: "master", chart: "oci://ghcr.io/stefanprodan/charts/podinfo" };

/** What a tenant declares besides, where such evidence is read for it. */
const forms = new Map<Evidence | BranchEvidence, Partial<Tenant>>([
  [exampleEvidence, {}],
  [exampleBranch, {}],
  [ociEvidence, { chart: { kind: "oci", url: ociEvidence.chart } }],
  [
    commitEvidence,
    {
      tag: "master-dd50717-1",
      branchImage: { pattern: "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$", value: { tag: "image.tag" } },
    },
  ],
  [
    newestChart,
    {
      chart: { kind: "oci", url: newestChart.chart },
      branchChart: { range: ">=0.0.0-0", pattern: "^0\\.0\\.0-master\\.[0-9]+$" },
    },
  ],
]);

const evidence = fc.constantFrom(...forms.keys());

/** What a stack declares that has no tenant. */
const stackChanges: fc.Arbitrary<Partial<StackConfig>> = fc.constantFrom(
  {},
  {
    configRepository: { ...exampleStack.configRepository!, secretName: "push" },
    delivery: { kind: "manifests", directory: "rendered" },
    receivers: {
      registry: { type: "harbor", secretName: "harbor", resourceFilter: "true" },
      configRepository: { type: "github", secretName: "github" },
    },
    alerts: {
      type: "slack",
      secretName: "slack",
      certSecretName: "ca",
      channel: "releases",
      eventSeverity: "error",
      eventMetadata: { cluster: "eu-1" },
    },
  },
);

const manifests = fc
  .tuple(tenantChanges, evidence, stackChanges)
  .map(([changes, facts, stack]): KubernetesObject[] => manifestsOf({ ...changes, ...forms.get(facts) }, facts, stack));

describe("rendered Flux objects", () => {
  let definitions = new Map<string, ValidateFunction>();

  before(function () {
    const { AUTHORITY_TOOLS: tools } = process.env;
    if (tools === undefined) lacks(this, "needs Flux's definitions: AUTHORITY_TOOLS is not set");
    definitions = readDefinitions(join(tools, "crds"));
  });

  it("are what Flux's own definitions take, with no field that they do not name", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(manifests, (objects) => {
        for (const object of objects.filter(({ apiVersion }) => apiVersion.includes("toolkit.fluxcd.io"))) {
          const kind = `${object.apiVersion}/${object.kind}`;
          const validate = definitions.get(kind);
          assert.ok(validate !== undefined, `there is no definition of ${kind}`);
          assert.ok(validate(object), `${kind} ${object.metadata.name}: ${JSON.stringify(validate.errors)}`);
          seen.add(object.kind);
        }
      }),
    );
    assert.deepEqual([...seen].sort(), [
      "Alert",
      "GitRepository",
      "HelmRelease",
      "ImagePolicy",
      "ImageRepository",
      "ImageUpdateAutomation",
      "OCIRepository",
      "Provider",
      "Receiver",
    ]);
  });

  it("have each type of receiver and provider that works with a token and without a commit", () => {
    const typesOf = (kind: string) => {
      const schema = definitions.get(`notification.toolkit.fluxcd.io/${kind}`)?.schema as Schema;
      return (schema.properties?.spec?.properties?.type?.enum ?? []) as string[];
    };
    const hasToken = (type: string) => type !== "generic-oidc";
    assert.deepEqual([...receiverTypes].sort(), typesOf("v1/Receiver").filter(hasToken).sort());
    const isOfCommit = /^(?:github|gitlab|gitea|bitbucket|bitbucketserver|azuredevops)$|comment$/;
    const others = typesOf("v1beta3/Provider").filter((type) => !isOfCommit.test(type));
    assert.deepEqual([...providerTypes].sort(), others.sort());
  });

  it("have each a file of its own", () => {
    fc.assert(
      fc.property(manifests, (objects) => {
        const paths = objects.map((object) => renderedFile(object).path.toLowerCase());
        assert.equal(new Set(paths).size, paths.length);
      }),
    );
  });

  it("would be found out with a field that Flux does not know", () => {
    const validate = definitions.get("helm.toolkit.fluxcd.io/v2/HelmRelease");
    const release = manifestsOf().find(({ kind }) => kind === "HelmRelease")!;
    assert.equal(validate?.({ ...release, spec: { ...(release.spec as object), unknownField: 1 } }), false);
  });
});
