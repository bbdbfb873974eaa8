/**
 * The schema of applications, tenants and defaults. None of its keys has a default: an entry holds what is written in
 * it, `parse-config.ts` merges the entries over `builtInDefaults`.
 */
import * as z from "zod";
import { commitPatternError, tagPatternError } from "../version/tag-pattern";
import { isVersion } from "../version/version";
import { imageRepository, isBranchName, isInnerPath, ociRepository } from "./address";
import { builtInDefaults, defaultBranchRange } from "./built-in-defaults";
import { dataKey, dnsLabel, dnsSubdomain, quotaResource, releaseName } from "./kubernetes-name";
import {
  amounts,
  branchName,
  containerAmounts,
  gitPrefix,
  gitUrl,
  isCalendarDay,
  isCidr,
  key,
  keys,
  list,
  namespace,
  oneOf,
  prefix,
  secretName,
  text,
  textWithout,
  valuesPath,
} from "./schema-kinds";

const credentials =
  "It may be shared by tenants, or belong to this one: then its name begins with the tenant's name (see `secrets`). A Secret of another tenant, of another stack in the same authority namespace, or of the platform (`flux-system`, `configRepository.secret`) is refused.";

const image = () =>
  text(
    "an image repository with its registry, without tag and digest, such as `ghcr.io/stefanprodan/podinfo`",
    imageRepository,
  );

const further = () =>
  key(
    list(image(), "image repositories"),
    "Further image repositories that the platform accepts, with the registry, without tag and digest: of sidecars, subcharts and debug containers. What `defaults`, application and tenant name adds up. Of these, every tag may run.",
    { default: [], examples: [["docker.io/library/redis"]] },
  );

const images = () =>
  key(
    keys({
      admission: key(
        oneOf("deny", "audit", "off"),
        "What the cluster does with an image of another repository in the tenant's namespace. `deny`: refuse the pod, and the object with the pod template. `audit`: warn only, and record it in the audit log. `off`: nothing. Needs Kubernetes 1.30. Write `deny` in a new stack; the default is for stacks of version 0.1.",
        { default: builtInDefaults.images.admission },
      ),
      also: further(),
    }),
    "Which images may run in the tenant's namespace besides those of `image`, and how the cluster enforces it.",
  );

const pointers = () =>
  list(text("a JSON pointer, such as `/spec/replicas`", /^(?:\/(?:[^/~\p{Cc}]|~[01])+)+$/u), "JSON pointers").min(1, {
    error: "at least one JSON pointer",
  });

const driftTarget = () => {
  const part = (description: string, ...examples: string[]) =>
    key(text("a text"), description, { fallback: "any", examples });
  return keys({
    group: part("The API group, as a regular expression.", "apps"),
    version: part("The API version, as a regular expression.", "v1"),
    kind: part("The kind, as a regular expression.", "Deployment"),
    name: part("The name, as a regular expression.", "podinfo"),
    namespace: part("The namespace, as a regular expression.", "podinfo"),
    labelSelector: part("A label selector.", "app.kubernetes.io/name=podinfo"),
    annotationSelector: part("A selector of annotations, written like a label selector.", "example.com/owner=injector"),
  });
};

const driftDetection = () =>
  key(
    keys({
      ignore: key(
        list(
          keys({
            paths: pointers().meta({ description: "The fields, as JSON pointers.", examples: [["/spec/replicas"]] }),
            target: key(driftTarget(), "The objects whose fields these are.", { fallback: "all objects of the chart" }),
          }),
          "mappings with `paths` and `target`",
        ),
        "Fields that Flux leaves as they are between two upgrades, in the form of `spec.driftDetection.ignore` of a HelmRelease. The default is for autoscalers, which set the number of replicas; it also keeps a number that a person sets. A list that is given replaces the default as a whole: with `[]`, Flux corrects replicas too.",
        { default: builtInDefaults.driftDetection.ignore },
      ),
    }),
    "Flux restores what something else changes in the chart's objects, at each `intervals.release`. Name here what another controller of the cluster may change.",
    {
      examples: [
        {
          ignore: [
            { paths: ["/spec/replicas"] },
            { paths: ["/webhooks/0/clientConfig/caBundle"], target: { kind: "ValidatingWebhookConfiguration" } },
          ],
        },
      ],
    },
  );

/** The keys that `defaults` allows, except `policy` and `images`, which depend on the place. */
const commonShape = () => ({
  branch: key(branchName(), "The branch that is deployed where the stack follows a branch.", {
    fallback: "`shared-authority:branch` of the stack, or `master`",
  }),
  releasedFrom: key(
    list(
      text("the name of a branch, or a pattern with `*`, `**` and `?`", (value) =>
        isBranchName(value.replaceAll("**", "x").replaceAll("*", "x").replaceAll("?", "x")),
      ),
      "branches",
    ).min(1, { error: "at least one branch" }),
    "Branches, as patterns. A release's commit must be on one of them. `*` matches anything but `/`, `**` anything, `?` one character.",
    { examples: [["master", "release/*"]], default: builtInDefaults.releasedFrom },
  ),
  prefix: key(
    keys({
      git: key(gitPrefix(), "The prefix of a Git tag.", { default: "" }),
      chart: key(prefix(), "The prefix of the chart's `version`.", { default: "" }),
      image: key(prefix(), "The prefix of an image tag.", { default: "" }),
    }),
    "The text before the version in each of the three places. It must be declared; it is never detected.",
  ),
  driftDetection: driftDetection(),
  team: key(
    list(
      text(
        "a Kubernetes group of the application team, and none of the cluster's own (`system:...`)",
        (value) => /^[^\s\p{Cc}](?:[^\p{Cc}]*[^\s\p{Cc}])?$/u.test(value) && !value.startsWith("system:"),
      ),
      "groups",
    ),
    "The Kubernetes groups of the application team. They may work in the namespace, but cannot change which release runs.",
    { examples: [["podinfo-developers"]], default: builtInDefaults.team },
  ),
  repositorySecret: key(
    secretName(),
    `A Secret in the authority namespace with the credentials of the Git repository. ${credentials}`,
    { fallback: "none: the repository is public" },
  ),
  registrySecret: key(
    secretName(),
    `A Secret in the authority namespace, of type \`kubernetes.io/dockerconfigjson\`, with the credentials of the registry. ${credentials}`,
    { fallback: "none: the registry is public" },
  ),
  insecureRegistry: key(
    z.boolean({ error: "`true` or `false`" }),
    "Whether the registry speaks plain HTTP. For labs, never in production.",
    { default: builtInDefaults.insecureRegistry },
  ),
});

const automation = () =>
  key(
    oneOf("auto", "pull-request", "manual"),
    'Who changes the version. `auto`: Flux commits to the main branch. `pull-request`: Flux commits to the promotion branch. `manual`: people. With the first two, the lines of `tag` and `digest` end in Flux\'s marker, `# {"$imagepolicy": "<authority namespace>:<tenant>:tag"}`. With `manual`, and while a pin holds, they have no marker. Where the stack follows a branch, only the tag of a `branchImage` can be automated.',
    { default: builtInDefaults.policy.automation },
  );

const port = () => {
  const error = "a port from 1 to 65535";
  return z.int({ error }).min(1, { error }).max(65535, { error });
};

const networkRule = () =>
  keys({
    namespaces: list(namespace(), "namespaces")
      .default([])
      .meta({ description: "Namespaces of the cluster that traffic may come from or go to." }),
    cidrs: list(text("an address block, such as `10.0.0.0/8` or `2001:db8::/32`", isCidr), "address blocks")
      .default([])
      .meta({ description: "Address blocks outside the cluster, in CIDR notation.", examples: [["10.0.0.0/8"]] }),
    ports: list(
      z
        .union(
          [
            port(),
            keys({
              port: port().meta({ description: "The number of the port, 1 to 65535." }),
              protocol: oneOf("TCP", "UDP", "SCTP").default("TCP").meta({ description: "The protocol of the port." }),
            }),
          ],
          { error: "a port from 1 to 65535, or a mapping with `port` and `protocol`" },
        )
        .transform((value) => (typeof value === "number" ? { port: value, protocol: "TCP" as const } : value)),
      "ports",
    )
      .default([])
      .meta({
        description: "The ports: a number (TCP) or `{port, protocol}`. An empty list means all ports.",
        fallback: "`[]`",
        examples: [[443]],
      }),
  }).refine((rule) => rule.namespaces.length + rule.cidrs.length > 0, {
    error: "at least one namespace or address block: a rule without any would open the tenant to everyone",
  });

const networkRules = (description: string) =>
  key(list(networkRule(), "rules with `namespaces`, `cidrs` and `ports`"), description, { default: [] });

/** What bounds a tenant in the cluster. */
const boundsShape = () => ({
  quota: key(
    amounts(quotaResource, "a resource that a ResourceQuota bounds, such as `requests.cpu`, `limits.memory` or `pods`"),
    "What the tenant's namespace may use in total: `spec.hard` of its ResourceQuota. A quota that is given replaces the default as a whole.",
    { default: builtInDefaults.quota },
  ),
  limits: key(
    keys({
      default: key(containerAmounts(), "The limits of a container that names none.", {
        default: builtInDefaults.limits.default,
      }),
      defaultRequest: key(containerAmounts(), "The requests of a container that names none.", {
        default: builtInDefaults.limits.defaultRequest,
      }),
      max: key(containerAmounts(), "The highest limits that a container may name.", {
        fallback: "only the quota applies",
      }),
    }),
    "What one container gets: the LimitRange of the namespace.",
  ),
  network: key(
    keys({
      ingress: networkRules("Who may reach the tenant's pods."),
      egress: networkRules("What the tenant's pods may reach."),
    }),
    "What the network allows beyond the tenant's own namespace and DNS. Everything else is closed. Each rule names at least one namespace or address block.",
  ),
  podSecurity: key(
    oneOf("restricted", "baseline", "privileged"),
    "The Pod Security level that the namespace enforces.",
    { default: builtInDefaults.podSecurity },
  ),
});

const pinForm = "`true`, a path in the chart's values such as `image.tag`, or a mapping with `tag` and `digest`";

/** The values that get the tag and the digest of an image. */
const pinnedValues = () =>
  z
    .union(
      [
        valuesPath(),
        keys({
          tag: valuesPath().meta({ description: "The path that gets the tag.", examples: ["image.tag"] }),
          digest: valuesPath().meta({ description: "The path that gets the digest.", examples: ["image.digest"] }),
        }).refine(
          ({ tag, digest }) => tag === digest || !(tag.startsWith(`${digest}.`) || digest.startsWith(`${tag}.`)),
          {
            error: "two paths of which none is inside the other",
          },
        ),
      ],
      { error: pinForm },
    )
    .transform((value) => (typeof value === "string" ? { tag: value } : value));

/** What an application publishes. */
const applicationShape = () => ({
  repository: key(
    gitUrl(),
    "The application's Git repository: `https://`, `ssh://` or, for labs, `http://`, without credentials. Required for a chart in Git. With an OCI chart, it lets the promise be checked against the Git tag as well.",
    { examples: ["https://github.com/stefanprodan/podinfo"], fallback: "none (OCI charts only)" },
  ),
  chart: key(
    text(
      "a path in the Git repository without `..`, such as `./charts/podinfo`, or an OCI artifact without tag and digest, such as `oci://ghcr.io/stefanprodan/charts/podinfo`",
      (value) => (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(value) ? ociRepository.test(value) : isInnerPath(value)),
    ),
    "The chart: its path in the Git repository, without `..`, or an OCI artifact, `oci://` with registry and path, without tag and digest.",
    { examples: ["./charts/podinfo", "oci://ghcr.io/stefanprodan/charts/podinfo"] },
  ),
  image: key(
    z
      .union([image(), list(image(), "image repositories").min(1, { error: "at least one image repository" })], {
        error: "one image repository or a list of them",
      })
      .transform((value) => (typeof value === "string" ? [value] : value)),
    "The image repository or a list of them, with the registry, without tag and digest. Each must have the tag; Flux scans the first one for new tags.",
    { examples: ["ghcr.io/stefanprodan/podinfo"] },
  ),
  ...commonShape(),
  branchImage: key(
    keys({
      pattern: textWithout(commitPatternError, "a pattern of image tags").meta({
        description:
          "The image tags of commits: a regular expression from `^` to `$` that Flux (`filterTags.pattern`) and this program read alike. Its group `sha` is the commit's id or the beginning of it. Its group `ts` is a number of up to 15 digits that grows: Flux uses the tag with the highest.",
        examples: ["^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$"],
      }),
      value: pinnedValues().meta({
        description:
          "The path in the chart's values that gets the tag, or `{tag, digest}` as in `pinDigest`. Flux sets the digests of all images in the pods.",
        examples: ["image.tag"],
      }),
    }),
    "For an application that publishes an image for each commit: where the stack follows a branch, the tenant runs that image with the chart of the same commit. `policy.automation` says who changes `tag` and `digest`. Only for a chart in Git. A stack that follows tags does not inherit it.",
    { fallback: "none: the chart's own image runs" },
  ),
  branchChart: key(
    keys({
      range: text("a SemVer range in Flux's syntax, such as `>=0.0.0-0`").default(defaultBranchRange).meta({
        description:
          "The SemVer range of the chart's versions, in Flux's syntax (`ref.semver`). A range without a pre-release excludes all pre-releases.",
      }),
      pattern: textWithout(tagPatternError, "a pattern of chart tags").meta({
        description:
          "The chart's tags: a regular expression from `^` to `$` that Flux (`ref.semverFilter`) and this program read alike.",
        examples: ["^0\\.0\\.0-master\\.[0-9]+$"],
      }),
    }),
    "For an application that publishes an OCI chart for each commit: where the stack follows a branch, Flux runs the newest one that range and pattern allow, without an `up` or a commit here. A stack that follows tags does not inherit it.",
    { fallback: "none; required for an OCI chart where the stack follows a branch" },
  ),
  pinDigest: key(
    z.union([z.literal(true, { error: pinForm }), pinnedValues()], { error: pinForm }),
    "Pods run exactly the images that were checked: Flux sets tag and digest of every image of `image` in the chart's pods, wherever its repository is named. `true`: no more than that. A path in the chart's values: it gets the tag as well. `{tag, digest}`: two paths, for a chart that wants the digest too, such as one whose images are in custom resources; if both are the same path, it gets `<tag>@<digest>`. The values are of the first image. Only where the stack follows tags; a stack that follows a branch does not inherit it.",
    {
      examples: [true, "image.tag", { tag: "image.tag", digest: "image.digest" }],
      fallback: "none: the chart's own tag applies",
    },
  ),
});

/** The decision that something stays as it is. */
const standstill = (name: string, what: string) =>
  keys({
    reason: text(`why ${what} stays`).meta({ description: `Why ${what} stays.` }),
    by: text("who decided").meta({ description: "Who decided it." }),
    until: key(
      text("a day of the calendar, quoted: `YYYY-MM-DD`", isCalendarDay),
      `The last day of the ${name}, quoted. After it the ${name} is reported as expired.`,
      { examples: ["2027-01-31"], fallback: "no end" },
    ),
  });

const policy = () =>
  key(
    keys({
      range: key(
        text("a SemVer range in Flux's syntax, such as `>=6.0.0 <7.0.0`"),
        "The SemVer range of the versions that may run, without prefix, in Flux's syntax (Masterminds/semver 3): `,` or a blank means and, `||` means or, `!=` excludes one. Required where the stack follows tags, unused where it follows a branch.",
        { examples: [">=6.0.0 <7.0.0"], fallback: "none where the stack follows tags, `*` where it follows a branch" },
      ),
      automation: automation(),
      deny: key(
        list(text('a quoted SemVer version without prefix, such as `"6.13.5"`', isVersion), "versions"),
        "Versions, quoted and without prefix, that never run, even if the range includes them.",
        { examples: [["6.13.5"]], default: [] },
      ),
      pin: key(
        standstill("pin", "the version"),
        "The version that `tag` names stays until people write another one; a commit may set both. Flux writes none: a pinned tenant has no marker, because suspending the ImagePolicy does not stop Flux.",
        { fallback: "no pin" },
      ),
      hold: key(
        standstill("hold", "what runs"),
        "Only commits of people change what runs. As with a pin, Flux writes no version and the tenant has no marker. A source that follows a branch is suspended, and the release runs on from its last commit. Not for an OCI chart of a branch: Flux takes no release from a suspended OCIRepository.",
        { fallback: "no hold" },
      ),
      onFailure: key(
        oneOf("none", "rollback"),
        "What `authority up` does if it deploys a new version and the release does not become ready. `none`: it reports the failure. `rollback`: it also rolls back to the version that ran before, as `authority rollback` does, pushes that commit and deploys it. Only where the stack follows tags and `delivery` is `cluster`.",
        { fallback: "`none`", examples: ["rollback"] },
      ),
    }),
    "Which release may run, and who changes it.",
  );

const secret = () =>
  z
    .union(
      [
        secretName(),
        keys({
          name: secretName().meta({ description: "The name of the Secret." }),
          key: text("a key of a Secret: letters, digits, `-`, `_`, `.`", dataKey)
            .default("values.yaml")
            .meta({ description: "The key in the Secret. It holds YAML like a values file." }),
        }),
      ],
      { error: "the name of a Secret, or a mapping with `name` and `key`" },
    )
    .transform((value) => (typeof value === "string" ? { name: value, key: "values.yaml" } : value));

const credentialException = () =>
  keys({
    hash: text("the hash that the policy's message shows, quoted: 12 hexadecimal digits", /^[0-9a-f]{12}$/).meta({
      description: "The hash of the value, as the policy's message shows it. A new value is judged again.",
    }),
    reason: text("why the value is not a credential", /[^\s.]/).meta({
      description: "Why the value is not a credential.",
    }),
  });

/** The keys of a tenant that an application does not have. */
const placeShape = () => ({
  application: key(
    text("the name of an application in `Pulumi.yaml`", releaseName),
    "The application in `Pulumi.yaml` that the tenant runs. The tenant may override each of its keys.",
    { fallback: "the application of the tenant's own name, if there is one" },
  ),
  tag: key(
    text("an image tag, quoted"),
    "The image tag that runs: image prefix and SemVer version, quoted. Required where the stack follows tags. Where it follows a branch, only with `branchImage`. Flux writes it where `policy.automation` allows it.",
    { examples: ["6.15.0"], fallback: "none" },
  ),
  digest: key(
    text("a digest: `sha256:` and 64 hexadecimal digits", /^sha256:[0-9a-f]{64}$/),
    "The digest of the first image at `tag`, as Flux writes it. Only with a `tag`.",
    { fallback: "none: the evidence alone says which image was checked" },
  ),
  policy: policy(),
  images: images(),
  formerly: key(
    text("the first name of the tenant: lower-case letters, digits and `-`, at most 53 characters", releaseName),
    "The first name of a tenant that was renamed. All of its objects in the cluster keep this name, and Flux's markers name it, so the release keeps running as it is.",
    { fallback: "none: the tenant was not renamed" },
  ),
  adopts: key(
    keys({
      namespace: text("the namespace of a HelmRelease", dnsLabel).meta({
        description: "The namespace of the HelmRelease.",
      }),
      name: text("the name of a HelmRelease", dnsSubdomain).meta({ description: "The name of the HelmRelease." }),
    }),
    "The HelmRelease whose Helm release the tenant takes over, with the namespace that it runs in; `authority adopt` writes it. Without this, an `up` refuses a namespace that it has not created. Remove it when the tenant runs.",
    { fallback: "none: an `up` creates the namespace", examples: [{ namespace: "podinfo", name: "podinfo" }] },
  ),
  namespace: key(namespace(), "The tenant's own namespace, where its workload runs. No two tenants share one.", {
    fallback: "`formerly`, or the tenant's name",
  }),
  values: key(
    list(text("the name of a values file below `tenants/`", isInnerPath), "values files"),
    "The values files of the special config, merged in this order over the chart's defaults: names in the folder `tenants/<tenant>/`, or paths from the project's folder that begin with `tenants/`. Each ends in `.yaml`, `.yml` or `.json`.",
    {
      examples: [["values.yaml", "values.prod.yaml"]],
      fallback: "`values.yaml` and `values.<stack>.yaml` of the tenant's folder, where they exist",
    },
  ),
  credentialExceptions: key(
    z.record(
      text("the file and the path of a value, such as `values.yaml:login.mode`", /^[^:]+:./),
      credentialException(),
      { error: "a mapping from `<file>:<path>` to `{hash, reason}`" },
    ),
    "Values that the policy `no-secrets-in-values` takes for credentials, and that are none: from the values file and the path in it to `{hash, reason}`. The policy's message prints the lines to add. The hash is that of the value, so that a new value is judged again.",
    {
      fallback: "none",
      examples: [{ "values.yaml:login.mode": { hash: "3f9c0a51d7e2", reason: "a mode of the login form" } }],
    },
  ),
  secrets: key(
    list(secret(), "Secrets"),
    "Secrets in the authority namespace that values are read from, merged last: a name, or `{name, key}`. The name is `<tenant>` or begins with `<tenant>-`, so that no tenant reads another's. If it fits two tenants, it belongs to the longer name.",
    { default: builtInDefaults.secrets, examples: [["podinfo-values"]] },
  ),
});

/** Builds the schema of an application in `Pulumi.yaml`. */
export const buildApplicationSchema = () =>
  keys({
    ...applicationShape(),
    images: key(keys({ also: further() }), "Which images the application runs besides those of `image`."),
  });

/** Builds the schema of `defaults`, in `Pulumi.yaml` or in a stack. */
export const buildDefaultsSchema = () =>
  keys({
    ...commonShape(),
    policy: key(keys({ automation: automation() }), "Who changes versions."),
    images: images(),
    ...boundsShape(),
  });

/** Builds the schema of a stack's tenant. It may state everything itself. */
export const buildTenantSchema = () => keys({ ...placeShape(), ...boundsShape(), ...applicationShape() });

/** What is written in an application's entry. */
export type ApplicationEntry = z.output<ReturnType<typeof buildApplicationSchema>>;

/** What is written in `defaults`. */
export type DefaultsEntry = z.output<ReturnType<typeof buildDefaultsSchema>>;

/** What is written in a tenant's entry. */
export type TenantEntry = z.output<ReturnType<typeof buildTenantSchema>>;
