/** The schema of one tenant's entry. */
import * as z from "zod";
import { commitPatternError, tagPatternError } from "../version/tag-pattern";
import { isVersion } from "../version/version";
import { imageRepository, isBranchName, isInnerPath, ociRepository } from "./address";
import { dataKey, quotaResource } from "./kubernetes-name";
import {
  branchName,
  gitUrl,
  namespace,
  secretName,
  prefix,
  gitPrefix,
  amounts,
  containerAmounts,
  text,
  textWithout,
  valuesPath,
  keys,
  oneOf,
  list,
  constant,
  isCalendarDay,
  isCidr,
} from "./schema-kinds";

/** What a namespace may take where its entry says nothing: a small service, and no way into the cluster from outside. */
export const defaultQuota: Readonly<Record<string, string>> = {
  "requests.cpu": "1",
  "requests.memory": "1Gi",
  "limits.cpu": "4",
  "limits.memory": "2Gi",
  pods: "20",
  "services.loadbalancers": "0",
  "services.nodeports": "0",
};

/** What a container gets where neither the chart nor the tenant's entry says anything. */
export const defaultLimits = {
  default: { cpu: "500m", memory: "256Mi" },
  defaultRequest: { cpu: "50m", memory: "64Mi" },
} as const;

const commitPattern = "^master-(?P<sha>[0-9a-f]+)-(?P<ts>[0-9]+)$";

/** Builds the schema; the tenant's name is the key under which the entry stands. */
export function buildTenantSchema() {
  const image = () =>
    text(
      "an image repository with its registry, without tag and digest, such as `ghcr.io/stefanprodan/podinfo`",
      imageRepository,
    );
  const images = z
    .union([image(), list(image(), "image repositories").min(1, { error: "at least one image repository" })], {
      error: "one image repository or a list of them",
    })
    .transform((value) => (typeof value === "string" ? [value] : value))
    .meta({
      description:
        "The image repository, or a list of them: each must carry the tag. With the registry, without tag and digest. The first one is the one that Flux scans for new tags.",
      examples: ["ghcr.io/stefanprodan/podinfo"],
    });

  const chart = text(
    "a path in the Git repository without `..`, such as `./charts/podinfo`, or an OCI artifact without tag and digest, such as `oci://ghcr.io/stefanprodan/charts/podinfo`",
    (value) => (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(value) ? ociRepository.test(value) : isInnerPath(value)),
  ).meta({
    description:
      "The chart: its path in the Git repository, without `..`; or an OCI artifact, `oci://` with registry and path, without tag and digest.",
    examples: ["./charts/podinfo", "oci://ghcr.io/stefanprodan/charts/podinfo"],
  });

  const pin = keys({
    reason: text("why the version stays").meta({ description: "Why the version stays, for those who come later." }),
    by: text("who decided").meta({ description: "Who decided it." }),
    until: text("a day of the calendar, quoted: `YYYY-MM-DD`", isCalendarDay)
      .optional()
      .meta({
        description: 'The last day of the pin, `"YYYY-MM-DD"`, quoted; after it the pin is reported as expired.',
        examples: ["2027-01-31"],
        fallback: "no end",
      }),
  });

  const policy = keys({
    range: text("a SemVer range in Flux's syntax, such as `>=6.0.0 <7.0.0`")
      .optional()
      .meta({
        description:
          "The SemVer range of the versions that may run, without prefix, in Flux's own syntax (Masterminds/semver 3): `,` or a blank means and, `||` means or, `!=` leaves one out. Required where the stack follows tags; it decides nothing where it follows a branch.",
        examples: [">=6.0.0 <7.0.0"],
        fallback: "none where the stack follows tags (there it is required), `*` where it follows a branch",
      }),
    automation: oneOf("auto", "pull-request", "manual").default("manual").meta({
      description:
        'Who moves the version. `auto`: Flux commits to the main branch. `pull-request`: Flux commits to the promotion branch. `manual`: people. With the first two, `tag` (and `digest`, where it is given) carries Flux\'s marker as a comment on its line: `# {"$imagepolicy": "<authority namespace>:<tenant>:tag"}`; with `manual`, and while a pin holds, it carries none. A stack that follows a branch has nothing to move but the tags of a `branchImage`: without one only `manual` is accepted there.',
    }),
    deny: list(text('a quoted SemVer version without prefix, such as `"6.13.5"`', isVersion), "versions")
      .default([])
      .meta({
        description: "Versions, without prefix and quoted, that never run, whatever the range says.",
        examples: [["6.13.5"]],
      }),
    pin: pin.optional().meta({
      description:
        "The decision that the version stays where it is. A pinned tenant carries no marker, since a suspended ImagePolicy alone does not stop Flux.",
      fallback: "no pin",
    }),
  });

  const port = () => {
    const expected = "a port from 1 to 65535";
    return z.int({ error: expected }).min(1, { error: expected }).max(65535, { error: expected });
  };
  const openPort = z
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
    .transform((value) => (typeof value === "number" ? { port: value, protocol: "TCP" as const } : value));
  const networkRule = keys({
    namespaces: list(namespace(), "namespaces")
      .default([])
      .meta({ description: "Namespaces of the cluster that the opening is to or from." }),
    cidrs: list(text("an address block, such as `10.0.0.0/8` or `2001:db8::/32`", isCidr), "address blocks")
      .default([])
      .meta({ description: "Address blocks outside the cluster, in CIDR notation.", examples: [["10.0.0.0/8"]] }),
    ports: list(openPort, "ports")
      .default([])
      .meta({
        description: "The ports: a number (TCP) or `{port, protocol}`. None: all ports.",
        fallback: constant([]),
        examples: [[443]],
      }),
  }).refine((rule) => rule.namespaces.length + rule.cidrs.length > 0, {
    error: "at least one namespace or address block: a rule without any would open the tenant to everyone",
  });
  const networkRules = () => list(networkRule, "rules with `namespaces`, `cidrs` and `ports`").default([]);

  const secret = z
    .union(
      [
        secretName(),
        keys({
          name: secretName().meta({ description: "The name of the Secret." }),
          key: text("a key of a Secret: letters, digits, `-`, `_`, `.`", dataKey)
            .default("values.yaml")
            .meta({ description: "The key in the Secret; it holds YAML like a values file." }),
        }),
      ],
      { error: "the name of a Secret, or a mapping with `name` and `key`" },
    )
    .transform((value) => (typeof value === "string" ? { name: value, key: "values.yaml" } : value));

  return keys({
    repository: gitUrl()
      .optional()
      .meta({
        description:
          "The application's Git repository: `https://`, `ssh://` or, for labs, `http://`; without credentials. Required for a chart in Git; with an OCI chart it lets the promise be judged by the Git tag as well.",
        examples: ["https://github.com/stefanprodan/podinfo"],
        fallback: "none (OCI charts only)",
      }),
    repositorySecret: secretName().optional().meta({
      description:
        "The name of a Secret in the authority namespace with the credentials of the Git repository. One of the platform, or of the tenant's own as in `secrets`: a name that belongs to another tenant is refused, and so is that of `configRepository.secret`.",
      fallback: "none: the repository is public",
    }),
    chart,
    branch: branchName().optional().meta({
      description: "The branch that is followed where the stack follows one.",
      fallback: "`branch` of the stack",
    }),
    image: images,
    registrySecret: secretName().optional().meta({
      description:
        "The name of a Secret in the authority namespace, of type `kubernetes.io/dockerconfigjson`, with the credentials of the registry. One of the platform, or of the tenant's own as in `secrets`: a name that belongs to another tenant is refused, and so is that of `configRepository.secret`.",
      fallback: "none: the registry is public",
    }),
    insecureRegistry: z
      .boolean({ error: "`true` or `false`" })
      .default(false)
      .meta({ description: "Whether the registry speaks plain HTTP. For labs: never in production." }),
    tag: text("an image tag, quoted")
      .optional()
      .meta({
        description:
          "The image tag that runs: image prefix and SemVer version, quoted. Where the stack follows a branch, only with `branchImage`, and then a tag of its pattern. Flux writes here when `automation` says so.",
        examples: ["6.15.0"],
        fallback: "none; required where the stack follows tags, and with `branchImage`",
      }),
    digest: text("a digest: `sha256:` and 64 hexadecimal digits", /^sha256:[0-9a-f]{64}$/)
      .optional()
      .meta({
        description: "The digest of the first image at `tag`, as Flux writes it. Only where there is a `tag`.",
        fallback: "none: the evidence alone says which image was judged",
      }),
    branchImage: keys({
      pattern: textWithout(commitPatternError, "a pattern of image tags").meta({
        description:
          "The image tags of commits: a regular expression from `^` to `$`, read alike by Flux (`filterTags.pattern`) and this program. Its group `sha` is the id of the commit or the beginning of it, its group `ts` a number that grows: Flux takes the tag with the highest (numbers of up to 15 digits compare exactly).",
        examples: [commitPattern],
      }),
      value: valuesPath().meta({
        description: "The path in the chart's values that gets `<tag>@<digest>`.",
        examples: ["image.tag"],
      }),
    })
      .optional()
      .meta({
        description:
          "For an application that publishes an image for each commit: where the stack follows a branch, the tenant runs that image, with the chart of the same commit, and not the last release's image. `policy.automation` says who moves `tag` and `digest`; `up` deploys them. A commit without an image changes nothing. Only for a chart in Git.",
        fallback: "none: the chart's own image runs",
      }),
    branchChart: keys({
      range: text("a SemVer range in Flux's syntax, such as `>=0.0.0-0`").default(">=0.0.0-0").meta({
        description:
          "The SemVer range of the chart's versions, in Flux's own syntax (`ref.semver`). A range that names no pre-release lets none in.",
      }),
      pattern: textWithout(tagPatternError, "a pattern of chart tags").meta({
        description:
          "The chart's tags: a regular expression from `^` to `$`, read alike by Flux (`ref.semverFilter`) and this program.",
        examples: ["^0\\.0\\.0-master\\.[0-9]+$"],
      }),
    })
      .optional()
      .meta({
        description:
          "For an application that publishes a chart for each commit, as an OCI artifact: where the stack follows a branch, Flux runs the newest one that range and pattern allow, with no `up` and no commit here. A commit without a chart changes nothing.",
        fallback: "none; required for an OCI chart where the stack follows a branch",
      }),
    prefix: keys({
      git: gitPrefix().default("").meta({ description: "What stands before the version in a Git tag." }),
      chart: prefix().default("").meta({ description: "What stands before the version in the chart's `version`." }),
      image: prefix().default("").meta({ description: "What stands before the version in an image tag." }),
    })
      .prefault({})
      .meta({ description: "What stands before the version in each of the three places: declared, never guessed." }),
    releasedFrom: list(
      text("the name of a branch, or a pattern with `*`, `**` and `?`", (value) =>
        isBranchName(value.replaceAll("**", "x").replaceAll("*", "x").replaceAll("?", "x")),
      ),
      "branches",
    )
      .min(1, { error: "at least one branch" })
      .default(["master"])
      .meta({
        description:
          "The branches, as patterns, on one of which a release's commit must lie. `*` stands for anything but `/`, `**` for anything, `?` for one character.",
        examples: [["master", "release/*"]],
      }),
    policy: policy.prefault({}).meta({ description: "Which release may run, and who moves it." }),
    values: list(text("the name of a values file below `tenants/`", isInnerPath), "values files")
      .optional()
      .meta({
        description:
          "The values files of the special config, merged in this order over the chart's own defaults: names in the tenant's folder `tenants/<tenant>/`, or paths from the project's folder that begin with `tenants/`; each ends in `.yaml`, `.yml` or `.json`. `[]` for none.",
        examples: [["values.yaml", "values.prod.yaml"]],
        fallback: "`values.yaml` and `values.<stack>.yaml` of the tenant's folder, where they exist",
      }),
    team: list(
      text(
        "a Kubernetes group of the application team, and none of the cluster's own (`system:...`)",
        (value) => /^[^\s\p{Cc}](?:[^\p{Cc}]*[^\s\p{Cc}])?$/u.test(value) && !value.startsWith("system:"),
      ),
      "groups",
    )
      .default([])
      .meta({
        description:
          "The Kubernetes groups of the application team: they may work in the namespace, but move no release.",
        examples: [["podinfo-developers"]],
      }),
    namespace: namespace().optional().meta({
      description: "The tenant's own namespace, where its workload runs. No two tenants share one.",
      fallback: "the tenant's name",
    }),
    quota: amounts(
      quotaResource,
      "a resource that a ResourceQuota bounds, such as `requests.cpu`, `limits.memory` or `pods`",
    )
      .default(defaultQuota)
      .meta({
        description:
          "What the tenant's whole namespace may take: `spec.hard` of its ResourceQuota. Given, it replaces the default whole.",
        fallback: constant(defaultQuota),
      }),
    limits: keys({
      default: containerAmounts()
        .default(defaultLimits.default)
        .meta({ description: "The limits of a container that names none.", fallback: constant(defaultLimits.default) }),
      defaultRequest: containerAmounts()
        .default(defaultLimits.defaultRequest)
        .meta({
          description: "The requests of a container that names none.",
          fallback: constant(defaultLimits.defaultRequest),
        }),
      max: containerAmounts()
        .optional()
        .meta({ description: "The highest limits that a container may name.", fallback: "no bound but the quota" }),
    })
      .prefault({})
      .meta({ description: "What one container gets: the LimitRange of the namespace." }),
    network: keys({
      ingress: networkRules().meta({ description: "Who may reach the tenant's pods.", fallback: constant([]) }),
      egress: networkRules().meta({ description: "What the tenant's pods may reach.", fallback: constant([]) }),
    })
      .prefault({})
      .meta({
        description:
          "What the network opens beyond its own namespace and DNS; everything else is closed. Each rule names at least one namespace or address block.",
      }),
    podSecurity: oneOf("restricted", "baseline", "privileged")
      .default("restricted")
      .meta({ description: "The Pod Security level that the namespace enforces." }),
    secrets: list(secret, "Secrets")
      .default([])
      .meta({
        description:
          "Secrets in the authority namespace that values are taken from, merged last: a name, or `{name, key}`. Named `<tenant>` or `<tenant>-...`, so that no tenant reads another's; where that fits two tenants, the Secret belongs to the longer name.",
        fallback: constant([]),
        examples: [["podinfo-values"]],
      }),
    pinDigest: valuesPath()
      .optional()
      .meta({
        description:
          "The path in the chart's values that gets `<tag>@<digest>`, so that pods run the very image that was judged. Only where the stack follows tags.",
        examples: ["image.tag"],
        fallback: "none: the chart's own tag decides",
      }),
  });
}
