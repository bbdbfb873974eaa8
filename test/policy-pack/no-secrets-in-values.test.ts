import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { parse } from "yaml";
import type { StackConfig, Tenant } from "../../src/config/stack-config";
import { findCredentials } from "../../src/policy-pack/credential";
import { exceptionsInUse, noSecretsInValues } from "../../src/policy-pack/no-secrets-in-values";
import { stackConfigOf, judge, objectsOf } from "./fixture";

/** Made up at random; nothing opens with them. */
const awsSecret = ["wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEZ"].join("/");
const githubToken = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");
const privateKey = [
  ["-----BEGIN RSA", "PRIVATE KEY-----"].join(" "),
  ...Array.from({ length: 5 }, () => "MIIEowIBAAKCAQEA".repeat(4)),
  ["-----END RSA", "PRIVATE KEY-----"].join(" "),
];

/** JSON in a text in JSON in a text, so many times. */
function nested(times: number): string {
  return times === 0 ? "a" : JSON.stringify({ a: nested(times - 1) });
}

describe("the search for credentials in values", () => {
  const credentials: [string, string, number][] = [
    ["a password", "a: 1\npassword: hunter2\n", 2],
    ["a password that is a number", "password: 12345\n", 1],
    ["a numbered password", "password2: hunter2\n", 1],
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

  it("judges an alias under each name", async () => {
    const content = "x: &x\n  - hunter2\nmode: *x\npasswords: *x\n";
    assert.deepEqual(
      (await findCredentials(content)).map(({ path }) => path),
      ["passwords[0]"],
    );
  });

  it("shows no key that is a credential itself", async () => {
    const places = await findCredentials(`"\\x67hp_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx":\n  password: hunter2\n`);
    assert.equal(places.length, 2);
    assert.doesNotMatch(JSON.stringify(places), /wWPw5k4/);
  });

  const unsearchable: [string, string, RegExp][] = [
    ["deep lists", `a: ${"[".repeat(100)}${"]".repeat(100)}\n`, /nested too deeply/],
    ["lists too deep to parse", `a: ${"[".repeat(20_000)}\n`, /nested too deeply|not YAML/],
    ["deep JSON in a text", `a: '${"[".repeat(100_000)}${"]".repeat(100_000)}'\n`, /nested too deeply/],
    ["JSON in JSON in JSON", `a: ${JSON.stringify(nested(8))}\n`, /nested too deeply/],
    [
      "one large text under many names",
      `a: &a ${"word ".repeat(20_000)}\n${Array.from({ length: 1000 }, (_, index) => `b${index}: *a\n`).join("")}`,
      /too much text/,
    ],
    ["very many values", `a: [${"1,".repeat(250_000)}]\n`, /too many values/],
  ];
  for (const [what, content, looks] of unsearchable) {
    it(`passes no values that cannot be searched: ${what}`, async () => {
      const [place] = await findCredentials(content);
      assert.match(place?.looks ?? "", looks);
    });
  }

  it("searches aliases that expand to billions of values once", async () => {
    const levels = Array.from(
      { length: 30 },
      (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`,
    );
    assert.deepEqual(await findCredentials(`a0: &a0 [x]\n${levels.join("\n")}\n`), []);
  });

  const repeated = [
    'password="',
    "password=${",
    "{{ ",
    "a:b@",
    "http://a:",
    "<password>",
    "a=",
    "Bearer ",
    "'a','",
    "\n",
  ];
  it("searches texts of a megabyte in linear time", async () => {
    // Quadratic steps would exceed the time limit.
    for (const part of repeated) {
      await findCredentials(`a: ${JSON.stringify(part.repeat(2 ** 20 / part.length))}\n`);
    }
  }).timeout(60_000);

  it("reads any text without an error", async () => {
    const part = fc.constantFrom(
      "password",
      "token",
      ": ",
      "=",
      "\n",
      "  ",
      "- ",
      "&a ",
      "*a",
      "<<",
      "{",
      "}",
      "[",
      '"',
      "'",
      "|",
      "!!binary ",
      "$",
      "://",
      "@",
    );
    const text = fc.array(fc.oneof(part, fc.string({ unit: "grapheme", maxLength: 8 })), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, async (parts) => {
        await findCredentials(parts.join(""));
      }),
      { numRuns: 2000 },
    );
  });

  it("finds a password in each form of a scalar, without printing it", async () => {
    const password = fc.stringMatching(/^[A-Z][a-z]{4,8}[0-9]{3,6}[!+=][a-z]{2,6}$/);
    const form = fc.constantFrom<(text: string) => string>(
      (text) => `password: ${text}\n`,
      (text) => `password: ${JSON.stringify(text)}\n`,
      (text) => `password: |-\n  ${text}\n`,
      (text) => `password: !!binary ${Buffer.from(text).toString("base64")}\n`,
      (text) => `a: ${JSON.stringify(JSON.stringify({ password: text }))}\n`,
      (text) => `a: |\n  x=1\n  export DB_PASSWORD=${text}\n`,
      (text) => `a: [--db-password, ${JSON.stringify(text)}]\n`,
      (text) => `a: ${Buffer.from(`password: ${text}\n`).toString("base64")}\n`,
    );
    await fc.assert(
      fc.asyncProperty(password, form, async (text, write) => {
        const places = await findCredentials(write(text));
        assert.equal(places.length, 1);
        assert.ok(!JSON.stringify(places).includes(text));
      }),
    );
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
      /- tenants\/podinfo\/values\.prod\.yaml, line 2: `redis\.password` has a key that names a credential/,
    );
    assert.match(
      violations[0]!.message,
      /a Secret named `podinfo` or `podinfo-\.\.\.` in the authority namespace, .* under the key `values\.yaml`, and name/,
    );
    assert.doesNotMatch(JSON.stringify(violations), /hunter2/);
  });

  describe("with exceptions", () => {
    const file = "tenants/podinfo/values.prod.yaml";
    const stack = (content: string, credentialExceptions?: Tenant["credentialExceptions"]) =>
      stackConfigOf({ values: [{ path: file, content }], credentialExceptions });
    const messageOf = async (config: StackConfig): Promise<string | undefined> => {
      const [violation] = await judge(noSecretsInValues, objectsOf(config.tenants[0], undefined, config), config);
      return violation?.message;
    };
    /** The lines that the message prints, as the stack file then has them. */
    const exceptionsIn = (message: string, reason: string): Tenant["credentialExceptions"] => {
      const [, lines = ""] = /^( {6}credentialExceptions:\n(?: {8}.*\n?)+)/m.exec(message) ?? [];
      const entry = parse(lines.replaceAll('"..."', JSON.stringify(reason))) as Pick<Tenant, "credentialExceptions">;
      return entry.credentialExceptions;
    };
    const alarms = "login:\n  password: required-at-login\nother:\n  token: shown\n";

    it("prints the lines that except each value, without the value", async () => {
      const message = (await messageOf(stack(alarms))) ?? "";
      assert.match(message, /to `shared-authority:tenants\.podinfo` in Pulumi\.prod\.yaml:$/m);
      assert.deepEqual(Object.keys(exceptionsIn(message, "x") ?? {}), [
        "values.prod.yaml:login.password",
        "values.prod.yaml:other.token",
      ]);
      assert.doesNotMatch(message, /required-at-login|shown/);
    });

    it("passes the values with these lines, and judges a new value again", async () => {
      const exceptions = exceptionsIn((await messageOf(stack(alarms))) ?? "", "a text of the form");
      assert.equal(await messageOf(stack(alarms, exceptions)), undefined);
      const changed = (await messageOf(stack(alarms.replace("shown", "hunter2"), exceptions))) ?? "";
      assert.match(changed, /line 4: `other\.token` has a key .*; the exception for it is for another value/);
      assert.doesNotMatch(changed, /login|hunter2/);
      assert.match(changed, /to `shared-authority:tenants\.podinfo\.credentialExceptions` in/);
    });

    it("excepts a value at its own place only", async () => {
      const exceptions = exceptionsIn((await messageOf(stack(alarms))) ?? "", "a text of the form");
      assert.match((await messageOf(stack(`${alarms}more:\n  token: shown\n`, exceptions))) ?? "", /more\.token/);
      const exception = exceptions?.["values.prod.yaml:other.token"];
      assert.ok(exception);
      const moved = { "values.prod.yaml:more.token": exception };
      assert.match((await messageOf(stack("more:\n  token: shown\n", moved))) ?? "", /more\.token/);
    });

    it("excepts one of two values at the same path", async () => {
      const exceptions = exceptionsIn((await messageOf(stack("token: shown\n"))) ?? "", "a text of the form");
      assert.match(
        (await messageOf(stack("token: shown\n---\ntoken: hunter2\n", exceptions))) ?? "",
        /line 3: `token`/,
      );
    });

    it("excepts a value in a list, also by the key that earlier messages printed", async () => {
      const content = "users:\n  - password: hunter2\n";
      const message = (await messageOf(stack(content))) ?? "";
      assert.match(message, /line 2: `users\[0\]\.password` has a key/);
      const exceptions = exceptionsIn(message, "a label");
      assert.deepEqual(Object.keys(exceptions ?? {}), ["values.prod.yaml:users[0].password"]);
      assert.equal(await messageOf(stack(content, exceptions)), undefined);
      const earlier = "values.prod.yaml:users.0.password";
      const exception = { hash: scryptSync("hunter2", earlier, 6).toString("hex"), reason: "a label" };
      assert.equal(await messageOf(stack(content, { [earlier]: exception })), undefined);
      const changed = content.replace("hunter2", "hunter3");
      assert.match((await messageOf(stack(changed, { [earlier]: exception }))) ?? "", /is for another value/);
    });

    it("says that a comment has no exception", async () => {
      const message = (await messageOf(stack(`# ${githubToken}\na: 1\n`))) ?? "";
      assert.match(message, /values\.prod\.yaml, line 1: a comment has the shape of .*; no exception covers a comment/);
      assert.doesNotMatch(message, /credentialExceptions/);
    });

    it("offers no exception for what cannot be searched", async () => {
      assert.doesNotMatch((await messageOf(stack("a: [1\n"))) ?? "", /credentialExceptions/);
    });
  });

  it("does not apply to a ConfigMap without a tenant", async () => {
    const metadata = { name: "x", namespace: "podinfo" };
    const data = { "values.yaml": "password: hunter2\n" };
    assert.deepEqual(await judge(noSecretsInValues, [{ apiVersion: "v1", kind: "ConfigMap", metadata, data }]), []);
  });
});

describe("exceptions-in-use", () => {
  const exception = { hash: "3f9c0a51d7e2", reason: "a label" };
  const judged = async (content: string, place: string) => {
    const values = [{ path: "tenants/podinfo/values.yaml", content }];
    const stack = stackConfigOf({ values, credentialExceptions: { [place]: exception } });
    return judge(exceptionsInUse, objectsOf(stack.tenants[0], undefined, stack), stack);
  };

  it("warns of an exception whose value is gone, no longer looks like a credential, or is in no file", async () => {
    for (const [content, place] of [
      ["a: 1\n", "values.yaml:login.password"],
      ["login:\n  password: ${PASSWORD}\n", "values.yaml:login.password"],
      ["login:\n  password: hunter2\n", "values.dev.yaml:login.password"],
    ] as const) {
      const [violation, ...others] = await judged(content, place);
      assert.deepEqual(others, []);
      assert.equal(violation!.enforcement, "advisory");
      assert.ok(
        violation!.message.includes(
          `the exception "${place}" is for nothing that looks like a credential. Remove it from ` +
            "`shared-authority:tenants.podinfo.credentialExceptions` in Pulumi.prod.yaml",
        ),
        violation!.message,
      );
    }
  });

  it("says nothing of an exception for another value, which no-secrets-in-values reports", async () => {
    assert.deepEqual(await judged("login:\n  password: hunter2\n", "values.yaml:login.password"), []);
    assert.deepEqual(await judged("users:\n  - password: hunter2\n", "values.yaml:users.0.password"), []);
  });
});
