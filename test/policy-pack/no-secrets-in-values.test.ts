import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { findCredentials } from "../../policy-pack/credential";
import { noSecretsInValues } from "../../policy-pack/no-secrets-in-values";
import { stackConfigOf, judge, objectsOf, withField, withUnknown } from "./fixture";

/** Made up at random; nothing opens with them. */
const awsSecret = ["wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEZ"].join("/");
const githubToken = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");
const privateKey = [
  ["-----BEGIN RSA", "PRIVATE KEY-----"].join(" "),
  ...Array.from({ length: 5 }, () => "MIIEowIBAAKCAQEA".repeat(4)),
  ["-----END RSA", "PRIVATE KEY-----"].join(" "),
];

describe("the search for credentials in values", () => {
  const credentials: [string, string, number][] = [
    ["a password", "a: 1\npassword: hunter2\n", 2],
    ["a password that is a number", "password: 12345\n", 1],
    ["a nested password", "redis:\n  auth:\n    password: hunter2\n", 3],
    ["a password in a list of maps", "users:\n  - name: a\n    password: hunter2\n", 3],
    ["a list of passwords", "passwords:\n  - hunter2\n", 2],
    ["a map of passwords", "passwords:\n  admin: hunter2\n", 2],
    ["a token", "slackToken: abc\n", 1],
    ["a secret access key by its name", "secretAccessKey: abc\n", 1],
    ["an API key", "api_key: abc\n", 1],
    ["a client secret", "oauth:\n  clientSecret: abc\n", 2],
    ["a passphrase", "passphrase: abc\n", 1],
    ["an Authorization header", "headers:\n  Authorization: Basic YTpi\n", 2],
    ["an environment variable", "env:\n  - name: DB_PASSWORD\n    value: hunter2\n", 3],
    ["an environment map", "env:\n  DB_PASSWORD: hunter2\n", 2],
    ["an argument", "extraArgs:\n  - --admin-password=hunter2\n", 2],
    ["a file in the values", "config: |\n  host: x\n  password: hunter2\n", 1],
    ["a quoted key", '"password": "hunter2"\n', 1],
    ["a flow map", "auth: {user: a, password: hunter2}\n", 1],
    ["an anchor", "base: &p hunter2\npassword: *p\n", 1],
    ["an AWS secret key", `aws_secret_access_key: ${awsSecret}\n`, 1],
    ["an AWS access key id", ["keyId: AKIA", "IOSFODNN7EXAMPL2\n"].join(""), 1],
    ["a GitHub token without a telling key", `a: ${githubToken}\n`, 1],
    ["a private key", `ca:\n  key: |\n${privateKey.map((line) => `    ${line}\n`).join("")}`, 3],
    ["a private key in base64", `tls:\n  pem: ${Buffer.from(privateKey.join("\n")).toString("base64")}\n`, 2],
    ["the private key of a kubeconfig", "users:\n  - user:\n      client-key-data: c2VjcmV0\n", 3],
    ["an address with a password", "url: https://user:hunter2@example.com/x\n", 1],
    ["a database address", "dsn: postgres://user:hunter2@db:5432/x\n", 1],
    ["a token in a query", "hook: https://example.com/x?access_token=abcdefgh\n", 1],
    ["a credential in the second document", "a: 1\n---\npassword: hunter2\n", 3],
    ["a credential under a comment that would switch the detector off", `# secretlint-disable\na: ${githubToken}\n`, 2],
    ["text that is not YAML", "a: [1\n", 2],
  ];
  for (const [what, content, line] of credentials) {
    it(`finds ${what}`, async () => {
      const places = await findCredentials(content);
      assert.deepEqual(
        places.map((place) => place.line),
        [line],
      );
      assert.doesNotMatch(JSON.stringify(places), /hunter2|ghp_|EXAMPL|MIIE|LS0t|c2Vj|abcdefgh|YTpi/);
    });
  }

  const innocent: [string, string][] = [
    ["nothing", ""],
    ["comments", "# password: hunter2\n"],
    ["an existing Secret", "auth:\n  existingSecret: redis-auth\n  existingSecretPasswordKey: password\n"],
    [
      "names of Secrets",
      "tls:\n  secretName: podinfo-tls\npasswordSecretName: x\nimagePullSecrets:\n  - name: regcred\n",
    ],
    ["a list of pull secrets", "image:\n  pullSecrets:\n    - regcred\nimagePullSecrets: [regcred]\n"],
    [
      "a reference",
      "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: db\n        key: password\n",
    ],
    ["a key in a Secret", "passwordSecretKey: redis-password\npasswordKey: redis-password\n"],
    ["a reference to a token", "tokenSecretRef:\n  name: x\n  key: token\n"],
    ["empty texts and nulls", 'password: ""\ntoken:\nsecret: null\n'],
    ["booleans", "auth: true\ntokenReview: false\nautomountServiceAccountToken: false\n"],
    ["maps and empty lists", "auth: {}\nsecrets: []\n"],
    [
      "placeholders",
      "password: ${DB_PASSWORD}\ntoken: $(TOKEN)\nsecret: '{{ .Values.x }}'\npasswd: <set by the team>\n",
    ],
    [
      "settings about credentials",
      "tokenTtl: 3600\nmaxTokens: 4096\npasswordPolicy: strict\nsecretsBackend: vault\nauthMode: oidc\n",
    ],
    ["files of credentials", "passwordFile: /run/secrets/password\ntokenPath: /var/run/token\n"],
    [
      "addresses",
      "tokenUrl: https://example.com/oauth/token\nurl: https://example.com/?page=2\nhost: redis://redis:6379\n",
    ],
    ["people and authorities", "author: Ann\nauthors: [Ann]\nauthority: example.com\n"],
    ["arguments", "extraArgs:\n  - --token-ttl=3600\n  - --enable-auth=true\n  - --port=80\n"],
    ["hashes and versions", `image:\n  tag: 6.14.1@sha256:${"ab".repeat(32)}\n`],
    ["a certificate in base64", `caBundle: ${Buffer.from("-----BEGIN CERTIFICATE-----\nMIIB\n").toString("base64")}\n`],
    ["a Secret as a volume", "volumes:\n  - name: x\n    secret:\n      secretName: y\n"],
  ];
  for (const [what, content] of innocent) {
    it(`does not report ${what}`, async () => assert.deepEqual(await findCredentials(content), []));
  }

  it("reports nothing in the values of an ordinary web service", async () => {
    const content = readFileSync(`${__dirname}/../fixtures/web-service-values.yaml`, "utf8");
    assert.deepEqual(await findCredentials(content), []);
  });

  it("terminates on an alias that contains itself", async () => {
    assert.deepEqual(await findCredentials("a: &a\n  b: *a\n"), []);
  });
});

describe("no-secrets-in-values", () => {
  const leaking = stackConfigOf({
    values: [
      { path: "tenants/podinfo/values.yaml", content: "replicaCount: 2\n" },
      { path: "tenants/podinfo/values.prod.yaml", content: "redis:\n  password: hunter2\n" },
    ],
  });

  it("passes special config without credentials", async () => {
    assert.deepEqual(await judge(noSecretsInValues, objectsOf()), []);
  });

  it("blocks a credential in each values file without printing it", async () => {
    const violations = await judge(noSecretsInValues, objectsOf(leaking.tenants[0], undefined, leaking), leaking);
    assert.equal(violations[0]!.enforcement, "mandatory");
    assert.match(
      violations[0]!.message,
      /values\.prod\.yaml, line 2: redis\.password has a key that names a credential/,
    );
    assert.doesNotMatch(JSON.stringify(violations), /hunter2/);
  });

  it("blocks a credential in inline values", async () => {
    const objects = withField(objectsOf(), "HelmRelease", "spec/values", { redis: { password: "hunter2" } });
    const [violation] = await judge(noSecretsInValues, objects);
    assert.match(violation!.message, /spec\.values\.redis\.password has a key/);
  });

  it("blocks content that cannot be searched", async () => {
    const [violation] = await judge(noSecretsInValues, withField(objectsOf(), "ConfigMap", "binaryData/x", "AAEC"));
    assert.match(violation!.message, /x is no UTF-8 text/);
  });

  it("blocks an unknown value", async () => {
    const [violation] = await judge(noSecretsInValues, withUnknown(objectsOf(), "HelmRelease", "spec/values"));
    assert.match(violation!.message, /`spec\.values` is not known before the step/);
  });

  it("does not apply to a ConfigMap without a tenant", async () => {
    const metadata = { name: "x", namespace: "podinfo" };
    const data = { "values.yaml": "password: hunter2\n" };
    assert.deepEqual(await judge(noSecretsInValues, [{ apiVersion: "v1", kind: "ConfigMap", metadata, data }]), []);
  });
});
