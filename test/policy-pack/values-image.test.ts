import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import type { Tenant } from "../../src/config/stack-config";
import { imageFaults } from "../../src/policy-pack/values-image";
import { exampleTenant } from "../manifests/example-stack";

const digest = `sha256:${"ab".repeat(32)}`;
const tenant: Tenant = {
  ...exampleTenant,
  digest,
  furtherImages: ["docker.io/library/redis", "quay.io/example/proxy"],
};

/** The faults of values files, the first of them `values.yaml`. */
function faultsOf(files: readonly string[], changes: Partial<Tenant> = {}): string {
  const values = files.map((content, index) => ({
    path: `tenants/podinfo/values${index === 0 ? "" : `.${index}`}.yaml`,
    content,
  }));
  return imageFaults({ ...tenant, values, ...changes }).join("\n");
}

describe("images in special config", () => {
  const foreign: Readonly<Record<string, unknown>> = {
    "a reference": { image: "attacker.example/podinfo:6.14.1" },
    "a reference without registry": { image: "attacker/podinfo" },
    "a reference without organization": { image: "podinfo" },
    "a reference by digest": { image: `attacker.example/podinfo@${digest}` },
    "a repository": { image: { repository: "attacker.example/podinfo" } },
    "a repository with tag": { image: { repository: "attacker.example/podinfo", tag: "6.14.1" } },
    "a repository that has a tag in it": { image: { repository: "attacker.example/podinfo:6.14.1" } },
    "registry, repository, tag and digest": {
      image: { registry: "attacker.example", repository: "stefanprodan/podinfo", tag: "6.14.1", digest },
    },
    "a registry": { image: { registry: "attacker.example" } },
    "the registry of all images": { global: { imageRegistry: "attacker.example" } },
    "the registry below global": { global: { image: { registry: "attacker.example" } } },
    "a plain registry below global": { global: { registry: "attacker.example" } },
    "a hub": { global: { hub: "attacker.example/hub", tag: "1.0.0" } },
    "registry, image and tag": { controller: { image: { registry: "attacker.example", image: "podinfo", tag: "1" } } },
    "name and tag": { image: { name: "attacker.example/podinfo", tag: "1" } },
    "another organization": { image: { repository: "ghcr.io/attacker/podinfo" } },
    "another registry": { image: { repository: "docker.io/stefanprodan/podinfo" } },
    "a longer name": { image: { repository: "ghcr.io/stefanprodan/podinfo-evil" } },
    "a component": { backend: { worker: { image: { repository: "attacker.example/podinfo" } } } },
    "a component's reference": { backend: { image: "attacker.example/podinfo:1" } },
    "a list of containers": { extraContainers: [{ name: "app", image: "attacker.example/podinfo:1" }] },
    "a list in a list": { pods: [{ containers: [{ image: { repository: "attacker.example/x" } }] }] },
    "a list of images": { images: ["attacker.example/podinfo:1"] },
    "images by name": { images: { app: "attacker.example/podinfo" } },
    "images by name with parts": { images: { app: { repository: "attacker.example/podinfo" } } },
    "a sidecar's reference": { sidecarImage: "attacker.example/podinfo:1" },
    "a sidecar's parts": { sidecarImage: { repository: "attacker.example/podinfo" } },
    "parts in camel case": { imageRepository: "attacker.example/podinfo", imageTag: "1" },
    "parts in snake case": { image_repository: "attacker.example/podinfo" },
    "prefixed parts": { proxyImageRepository: "attacker.example/podinfo", proxyImageTag: "6.14.1" },
    "the name of the image": { imageName: "attacker.example/podinfo" },
    "parts without the word": { controller: { repository: "attacker.example/podinfo", tag: "1" } },
    "parts beside a pull policy": { controller: { repository: "attacker/podinfo", pullPolicy: "Always" } },
    "a repository alone": { controller: { repository: "attacker.example/podinfo" } },
    "an image volume": { extraVolumes: [{ name: "data", image: { reference: "attacker.example/data:1" } }] },
    "an environment variable": { env: [{ name: "RELATED_IMAGE_PROXY", value: "attacker.example/proxy:1" }] },
    "a flag": { args: ["--reloader-image=attacker.example/reloader:v1"] },
    "a flag with a number as tag": { args: ["--solver-image=attacker.example/a/solver:1"] },
    "a flag without tag": { args: ["-sidecar-image=attacker.example/sidecar"] },
    "a flag without registry": { args: ["--sidecarImage=attacker"] },
    "a flag and its value": { args: ["--v=2", "--sidecar-image", "attacker.example/library/busybox:1"] },
    "a flag and its value, as arguments of an image": { image: { args: ["--sidecar-image", "busybox"] } },
    "a flag that maps a name to an image": { args: ["--image=proxy=attacker.example/proxy:1"] },
    "the second image of a flag": { args: ["--images=redis:8,attacker.example/x:1"] },
    "a flag in a command line": { command: "operator --v=2 --proxy-image='attacker.example/x' --port=80" },
    "a flag and its value in a script": { script: "set -e\noperator --proxy-image attacker.example/x:1\n" },
    "a flag with a template as tag in a script": {
      script: "set -e\noperator --proxy-image=attacker.example/x:{{ .t }}\n",
    },
    "the repository in a flag": { args: ["--image-repository=attacker.example/x"] },
    "the registry in a flag": { args: ["--image-registry=attacker.example"] },
    "a reference anywhere": { anything: "attacker.example/podinfo:6.14.1" },
    "a manifest in a text": { extra: "kind: Pod\nspec:\n  containers:\n    - image: attacker.example/podinfo:1\n" },
    "a manifest in a template": { extra: "{{ if true }}\n  - image: attacker.example/podinfo:1\n{{ end }}\n" },
    "a manifest in JSON": { extra: '{"kind":"Pod","spec":{"containers":[{"image":"attacker.example/podinfo:1"}]}}' },
    "a new name, as kustomize has it": { images: [{ name: "podinfo", newName: "attacker.example/podinfo" }] },
    "a path": { image: { path: "attacker.example/podinfo" } },
    "an override": { image: { override: "attacker.example/podinfo:1" } },
    "an override in camel case": { imageOverride: "attacker.example/podinfo" },
    "a lower-case key": { dockerimage: "attacker.example/podinfo", imagetag: "6.14.1" },
    "a numbered image": { image2: "attacker.example/podinfo" },
    "a registry for Docker": { dockerRegistry: "attacker.example" },
    "a debug image": { debug: { image: "busybox" } },
    "an image volume without registry": { extraVolumes: [{ name: "data", image: { reference: "attacker" } }] },
    "a registry below docker": { docker: { registry: "attacker.example" } },
    "a patch": { patches: [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: "attacker/x" }] },
    "a patch in a text": { patch: '[{"op":"add","path":"/spec/containers/0/image","value":"attacker.example/x"}]' },
  };
  for (const [what, values] of Object.entries(foreign)) {
    it(`refuses ${what} of another repository`, () => {
      const fault = faultsOf([stringify(values)]);
      assert.match(
        fault,
        /tenants\/podinfo\/values\.yaml, line \d+: `[^`]+` names the (?:image repository|registry) "/,
      );
      assert.match(
        fault,
        /expected (?:that of )?docker\.io\/library\/redis or ghcr\.io\/stefanprodan\/podinfo or quay/,
      );
      assert.match(fault, /add the repository to `images\.also` of the tenant, of its application or of `defaults`/);
      assert.equal(fault.split("\n").length, 1, "one message for one fact");
    });
  }

  it("refuses every form in JSON as well", () => {
    for (const [what, values] of Object.entries(foreign)) assert.notEqual(faultsOf([JSON.stringify(values)]), "", what);
  });

  it("judges each of two values that may be the repository, in any order", () => {
    const own = "ghcr.io/stefanprodan/podinfo";
    assert.match(faultsOf([stringify({ image: { image: "attacker.example/x", repository: own } })]), /attacker/);
    assert.match(faultsOf([stringify({ image: { repository: own, image: "attacker.example/x" } })]), /attacker/);
    assert.equal(faultsOf([stringify({ image: { name: "podinfo", repository: own } })]), "");
    assert.equal(faultsOf([stringify({ image: { repository: own, name: "podinfo" } })]), "");
  });

  it("names file, line and path", () => {
    const fault = faultsOf(["# comment\nweb:\n  image:\n    # comment\n    repository: attacker.example/podinfo\n"]);
    assert.match(fault, /^tenants\/podinfo\/values\.yaml, line 5: `web\.image\.repository` names/);
  });

  const templates: [string, unknown, string][] = [
    ["a reference", { sidecarImage: "{{ .Values.x }}" }, "sidecarImage"],
    ["a repository", { image: { repository: "{{ .Values.x }}" } }, "image.repository"],
    ["a part of a repository", { image: "ghcr.io/{{ .Values.x }}/podinfo:6.14.1" }, "image"],
    ["a registry", { image: { repository: "redis", registry: "{{ .Values.x }}" } }, "image.registry"],
    ["the registry of all images", { global: { imageRegistry: "{{ .Values.x }}" } }, "global.imageRegistry"],
    ["a flag", { args: ["--proxy-image={{ .Values.x }}"] }, "args[0]"],
    ["a variable in a flag", { args: ["--proxy-image", "$(PROXY)"] }, "args[1]"],
  ];
  for (const [what, values, path] of templates) {
    it(`refuses a template, which cannot be judged: ${what}`, () => {
      const fault = faultsOf([stringify(values)]);
      assert.ok(fault.includes(`\`${path}\` `), fault);
      assert.match(fault, /names the image by the template ".+", which cannot be judged; write the image itself$/);
      assert.doesNotMatch(fault, /images\.also|docker\.io/);
    });
  }

  it("refuses a template as the tag or digest of the judged image", () => {
    const tag = faultsOf([stringify({ image: { tag: "{{ .Values.x }}" } })]);
    assert.match(
      tag,
      /`image\.tag` sets the tag by the template "{{ \.Values\.x }}", which cannot be judged; remove it/,
    );
    const pinned = faultsOf([stringify({ image: { digest: "{{ .Values.x }}" } })]);
    assert.match(pinned, /sets the digest by the template "{{ \.Values\.x }}", which cannot be judged; remove it/);
    assert.equal(faultsOf([stringify({ redis: { image: "docker.io/library/redis:{{ .Values.x }}" } })]), "");
  });

  const otherTags: Readonly<Record<string, unknown>> = {
    "a tag": { image: { tag: "6.13.0" } },
    "a tag with its repository": { image: { repository: "ghcr.io/stefanprodan/podinfo", tag: "latest" } },
    "a reference": { image: "ghcr.io/stefanprodan/podinfo:latest" },
    "a tag in camel case": { imageTag: "latest" },
    "a tag at the top": { tag: "latest" },
    "a number": { image: { tag: 6.14 } },
    "a tag with a digest": { image: { tag: `latest@${digest}` } },
    "a component's tag": { backend: { image: { tag: "latest" } } },
    "a suffix": { image: { tagSuffix: "-debug" } },
    "an override": { image: { tagOverride: "6.13.0" }, imageVersionOverride: "6.13.0" },
    "a version": { image: { version: "6.13.0" } },
    "a version at the top": { version: "6.13.0" },
    "a version below the name of the tenant": { podinfo: { version: "6.13.0" } },
    "a tag below another key": { backend: { tag: "v6" } },
    "one of two tags": { image: "ghcr.io/stefanprodan/podinfo:6.14.1", imageTag: "6.13.0" },
    "the other of two tags": { image: "ghcr.io/stefanprodan/podinfo:6.13.0", imageTag: "6.14.1" },
    "a flag": { args: ["--sidecar-image-tag=6.13.0"] },
    "a flag of Helm": { script: "set -e\nhelm upgrade x ./x --set replicas=1,image.tag=6.13.0\n" },
    "a map of tags": { imageTags: { web: "6.13.0" } },
    "a template of the repository": { extra: "kind: Pod\nimage: '{{ .Values.image.repository }}:6.13.0'\n" },
  };
  for (const [what, values] of Object.entries(otherTags)) {
    it(`refuses another tag of the judged image: ${what}`, () => {
      const fault = faultsOf([stringify(values)], { furtherImages: [] });
      assert.match(fault, /sets the tag "[^"]+", but the judged one is "6\.14\.1"; remove it/);
    });
  }

  it("refuses another digest, and says what sets the judged one", () => {
    const other = `sha256:${"cd".repeat(32)}`;
    for (const values of [
      { image: { digest: other } },
      { image: { repository: "ghcr.io/stefanprodan/podinfo", digest: other } },
      { image: `ghcr.io/stefanprodan/podinfo:6.14.1@${other}` },
      { imageDigest: other },
    ]) {
      assert.match(faultsOf([stringify(values)]), /sets the digest "sha256:cd.*`pinDigest` sets the digest/);
    }
    assert.match(faultsOf([stringify({ image: { digest: other } })], { digest: undefined }), /the stack file has none/);
  });

  const accepted: Readonly<Record<string, unknown>> = {
    "the judged image": { image: "ghcr.io/stefanprodan/podinfo:6.14.1" },
    "its parts": { image: { registry: "ghcr.io", repository: "stefanprodan/podinfo", tag: "6.14.1", digest } },
    "its registry": { global: { imageRegistry: "ghcr.io" } },
    "the registry of a further image": { global: { imageRegistry: "docker.io" } },
    "no image": { image: { repository: "", tag: "", pullPolicy: "Always", pullSecrets: ["regcred"] } },
    "a further image with any tag": { redis: { image: { repository: "redis", tag: "8" } } },
    "another spelling of a further image": { redis: { image: "docker.io/redis:8.2" } },
    "a further image in parts": { proxy: { image: { registry: "quay.io", repository: "example/proxy", tag: "v3" } } },
    "pull secrets": { imagePullSecrets: [{ name: "regcred" }], imagePullPolicy: "Always" },
    "credentials of a registry": { imageCredentials: { registry: "registry.example.com", username: "x" } },
    "a Git repository": { git: { repository: "https://github.com/example/config", tag: "v1" } },
    "a Git repository in short": {
      repository: { url: "github.com/example/x" },
      source: { repository: "github.com/a/b" },
    },
    "flags with declared images": {
      args: [
        "--image=ghcr.io/stefanprodan/podinfo:6.14.1",
        "--proxy-image",
        "quay.io/example/proxy:1",
        "--image=redis",
      ],
    },
    "other flags about images": {
      args: ["--image-pull-policy=Always", "--image-gc-threshold=85", "--scan-images=true", "--max-images", "5", "--v"],
      more: [
        "--image-credentials",
        "regcred",
        "--scan-image",
        "--port=80",
        "--image-dir=/x",
        "--image=/x.iso",
        "--image",
      ],
    },
    "a template in a flag in a script": { script: "set -e\noperator --proxy-image={{ .Values.x }} --port=80\n" },
    "prose about flags": { notes: "The flag --proxy-image names the proxy.\nUse --image only once." },
    "a further image and its tag": { redis: { image: "docker.io/library/redis", imageTag: "7" } },
    "a log tag": { fluentbit: { input: { tag: "kube.*" } } },
    "a flavour": { image: { flavor: "slim", debug: true, pullPolicy: "IfNotPresent" } },
    pictures: {
      ui: { image: "logo.png", backgroundImage: "https://example.com/a.png", heroImage: "/static/hero.svg" },
    },
    "addresses and paths": {
      url: "https://example.com/a:1",
      host: "example.com:8080",
      path: "secret/data/app",
      annotation: "example.com/path",
      arn: "arn:aws:iam::123456789012:role/app",
    },
    "other registries": { schemaRegistry: "schema.example.com:8081", npmRegistry: "registry.npmjs.org" },
    "a multi-line template": { config: "{{ if .Values.x }}\nimage: {{ .Values.y }}\n{{ end }}\n" },
    "text about images": { notes: "the image: a picture\nsecond line\n" },
    "versions of other things": { chart: { version: "1.2.3" }, apiVersion: "v2", registry: { enabled: true } },
    "constructor as key": { image: { constructor: "x" }, constructor: { tag: "x" } },
    "templates of values that are judged themselves": {
      initContainers: [{ image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}" }],
    },
    "the judged image, its registry in a template": {
      image: "{{ .Values.global.imageRegistry }}/stefanprodan/podinfo",
    },
    "a plain word as tag where no image is": { tag: "blue", web: { tag: "green" }, log: { tag: "app.v1" } },
    "another digest where no image is": { digest: "sha512" },
    "the docker socket": { docker: { registry: true, socket: "/var/run/docker.sock" } },
    "a patch of something else": { patches: [{ op: "replace", path: "/spec/replicas", value: "2" }] },
    "a machine image": { image: { name: "hero" }, nodePool: { imageType: "COS_CONTAINERD" } },
  };
  for (const [what, values] of Object.entries(accepted)) {
    it(`accepts ${what}`, () => assert.equal(faultsOf([stringify(values)]), ""));
  }

  it("accepts any tag of the application's image where no tag is judged", () => {
    const stack = { tag: undefined, digest: undefined };
    assert.equal(faultsOf(["image: { tag: master }"], stack), "");
    assert.notEqual(faultsOf(["image: { repository: attacker.example/x, tag: master }"], stack), "");
  });

  it("accepts a repository whose registry is set for all images", () => {
    const values = { global: { imageRegistry: "quay.io" }, proxy: { image: { repository: "example/proxy" } } };
    assert.equal(faultsOf([stringify(values)]), "");
  });

  it("names the path within a file that a value holds, and judges each image of the file once", () => {
    for (const extra of [
      'kind: Pod\nspec: { containers: [{ "im\\u0061ge": attacker.example/x }] }\n',
      "kind: Pod\nspec:\n  containers:\n    - ? image\n      : attacker.example/x\n",
      "{{ if .Values.x }}\nspec:\n  containers:\n    - image: attacker.example/x:{{ .Values.tag }}\n{{ end }}\n",
      'spec:\n  containers:\n    - image: {{ .Values.x | default "attacker.example/x" }}\n',
      '{"spec": {"containers": [{"image": "attacker.example/x"}]}}',
    ]) {
      const [fault = "", ...more] = faultsOf([stringify({ extra })]).split("\n");
      assert.match(fault, /line 1: `extra\.spec\.containers\[0\]\.image` names .*"attacker\.example\/x"/, extra);
      assert.deepEqual(more, []);
    }
    const broken = "# no YAML: {\n  image: attacker.example/x\n  - : [\n";
    assert.match(faultsOf([stringify({ extra: broken })]), /`extra(?:\.image)?` names .*"attacker\.example\/x"/);
    assert.match(faultsOf([stringify({ extra: "!!binary aW1hZ2U=: attacker.example/x\n" })]), /without a YAML tag/);
    assert.match(faultsOf([stringify({ extra: `x: ${"[".repeat(5000)}\n` })]), /line 1: a text is nested too deeply/);
  });

  it("reads tags, merge keys and line ends as Helm does", () => {
    const own = "ghcr.io/stefanprodan/podinfo";
    const encoded = Buffer.from("attacker.example/x:v1").toString("base64");
    for (const content of [
      `image: !!binary ${encoded}\n`,
      `image: !<tag:yaml.org,2002:binary> ${encoded}\n`,
      "containers: !!omap [image: attacker.example/x]\n",
      "containers: !!pairs [image: attacker.example/x]\n",
      `image: attacker.example/x\n"<<": { image: ${own} }\n`,
      `image: attacker.example/x\n'<<': { image: ${own} }\n`,
      stringify({ extra: `kind: Pod\nimage: !!binary ${encoded}\n` }),
      'extra: "# x\\u2028image: attacker.example/x"\n',
    ]) {
      assert.match(faultsOf([content]), /names the image repository "attacker\.example\/x"/, content);
    }
    assert.equal(faultsOf([`image: attacker.example/x\n<<: { image: ${own} }\n`]), "");
    assert.equal(faultsOf([`image: !!str ${own}\n`]), "");
  });

  it("judges the files together, as Helm merges them", () => {
    const repository = "redis: { image: { repository: docker.io/library/redis } }\n";
    assert.equal(faultsOf([repository, 'redis: { image: { tag: "8" } }\n']), "");
    assert.match(faultsOf(['redis: { image: { tag: "8" } }\n']), /write `redis\.image\.repository` beside it/);
    const bad = "image: { repository: attacker.example/x }\n";
    assert.equal(faultsOf([bad, "image: { repository: ghcr.io/stefanprodan/podinfo }\n"]), "");
    assert.equal(faultsOf([bad, "image: { repository: null }\n"]), "");
    assert.match(faultsOf(["image: {}\n", `\n${bad}`]), /^tenants\/podinfo\/values\.1\.yaml, line 2/);
    const list = "containers: [{ image: attacker.example/x }]\n";
    assert.equal(faultsOf([list, "containers: []\n"]), "");
    assert.match(
      faultsOf(["image: { registry: ghcr.io }\n", "image: { repository: attacker/x }\n"]),
      /ghcr\.io\/attacker/,
    );
  });

  it("names the key that tells the repository of a lone tag or digest", () => {
    for (const [key, expected] of [
      ["imageTag", "imageRepository"],
      ["sidecar_image_tag", "sidecar_image_repository"],
      ["SIDECAR_IMAGE_TAG", "SIDECAR_IMAGE_REPOSITORY"],
      ["sidecarImageVersion", "sidecarImageRepository"],
      ["imagetag", "imagerepository"],
      ["imageDigest", "imageRepository"],
    ] as const) {
      const values = { [key]: key === "imageDigest" ? `sha256:${"cd".repeat(32)}` : "7" };
      const fault = faultsOf([stringify({ backup: [values] })]);
      assert.ok(fault.endsWith(`for an image of \`images.also\`, write \`backup[0].${expected}\` beside it`), fault);
      assert.equal(faultsOf([stringify({ backup: [{ ...values, [expected]: "redis" }] })]), "");
    }
    assert.doesNotMatch(faultsOf([stringify({ image: { tagSuffix: "-debug" } })]), /beside it/);
  });

  it("judges a tag beside the reference that it belongs to", () => {
    const own = "ghcr.io/stefanprodan/podinfo";
    assert.match(
      faultsOf([stringify({ image: own, imageTag: "7" })]),
      /`imageTag` sets the tag "7", but the judged one/,
    );
    const foreign = faultsOf([stringify({ image: "attacker.example/x", imageTag: "7" })]);
    assert.match(foreign, /`image` names the image repository/);
    assert.match(faultsOf([stringify({ image: "redis", proxyImageTag: "7" })]), /`proxyImageTag` sets the tag/);
  });

  it("reads anchors, aliases and merge keys", () => {
    assert.match(faultsOf(["x: &x { repository: attacker.example/x }\nimage: *x\n"]), /`image\.repository` names/);
    assert.match(
      faultsOf(["x: &x { repository: attacker.example/x }\nimage: { <<: *x }\n"]),
      /`image\.repository` names/,
    );
    assert.match(faultsOf(["x: &x\n  tag: latest\nimage: { <<: [*x] }\n"]), /`image\.tag` sets/);
    assert.match(faultsOf(['"im\\u0061ge": attacker.example/x\n']), /`image` names/);
    // Helm takes 6.0.0 and the attacker's image: a merge key replaces what stands before it.
    assert.match(faultsOf(['image:\n  tag: "6.14.1"\n  <<: { tag: "6.0.0" }\n']), /`image\.tag` sets/);
    assert.match(
      faultsOf(["image:\n  repository: ghcr.io/stefanprodan/podinfo\n  <<: { repository: attacker.example/x }\n"]),
      /`image\.repository` names/,
    );
    const bomb = Array.from({ length: 12 }, (_, index) => {
      const inner = index === 0 ? "x" : Array.from({ length: 9 }, () => `*a${index - 1}`).join(", ");
      return `a${index}: &a${index} [${inner}]`;
    });
    assert.match(faultsOf([bomb.join("\n")]), /more than 1000 aliases/);
  });

  it("refuses keys that Helm could read as another text", () => {
    for (const key of ["!!binary dGFn", "!!merge x", "? [a]\n ", "!!str tag"]) {
      assert.match(faultsOf([`image:\n  ${key}: "6.0.0"\n`]), /line 2: a key must be a plain text/, key);
    }
  });

  it("judges any values, however deep, and always finds a foreign image in them", () => {
    const key = fc.oneof(fc.constantFrom("image", "name", "tag", "repository", "value", "constructor"), fc.string());
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.integer(),
        fc.constant(null),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, tree, { maxKeys: 4, noNullPrototype: true }), (values) => {
        assert.equal(typeof faultsOf([JSON.stringify(values)]), "string");
        const containers = [{ name: "x", image: "attacker.example/x" }];
        assert.match(faultsOf([JSON.stringify({ ...values, containers })]), /attacker\.example/);
      }),
    );
    const deep = `${'{"a":'.repeat(3000)}1${"}".repeat(3000)}`;
    assert.equal(typeof faultsOf([deep]), "string");
  });

  it("shortens and escapes what it quotes", () => {
    const fault = faultsOf([stringify({ image: `attacker.example/${"x".repeat(500)}\u001b[31m` })]);
    assert.ok(fault.length < 600 && !fault.includes("\u001b"), fault);
  });
});
