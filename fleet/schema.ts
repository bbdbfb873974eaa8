/**
 * The one source of truth of what may stand under `shared-authority:*`: from it come the checks of a stack file,
 * `stack.schema.json` for editors, and `docs/configuration.md`.
 *
 * An `error` text says what is expected; who turns an issue into a problem puts before it what came instead.
 * `fallback` is the text of a default that no constant can say; the documentation shows it.
 */
import { isIP } from "node:net";
import * as z from "zod";
import { gitUrlError, imageRepository, isBranchName, isInnerPath, ociRepository } from "./address";
import { containerResource, dataKey, dnsLabel, dnsSubdomain, quotaResource, releaseName } from "./kubernetes-name";
import { quantity } from "./quantity";
import { isVersion } from "../version/version";

/** The prefix that every key of ours carries in a stack file. */
export const projectPrefix = "shared-authority";

declare module "zod" {
  interface GlobalMeta {
    /** What holds where the key is absent, where no constant can say it. */
    fallback?: string;
  }
}

type Check = RegExp | ((text: string) => boolean);

/** A text; `expected` says in one phrase what it must be. */
function text(expected: string, check: Check = /\S/): z.ZodString {
  const base = z.string({ error: expected });
  return check instanceof RegExp ? base.regex(check, { error: expected }) : base.refine(check, { error: expected });
}

/** An object that takes no other keys than these. */
function keys<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? `a mapping with ${nameList(Object.keys(shape))}` : undefined),
  });
}

function nameList(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  return z.enum(values, { error: `one of ${nameList(values)}` });
}

function list<Element extends z.ZodType>(element: Element, of: string) {
  return z.array(element, { error: `a list of ${of}` });
}

function buildSchemas() {
  const gitUrl = () =>
    z.string({ error: "the address of a Git repository" }).superRefine((value, context) => {
      const expected = gitUrlError(value);
      if (expected !== undefined) context.addIssue({ code: "custom", message: expected });
    });
  const branchName = () => text("the name of a Git branch", isBranchName);
  const namespace = () => text("a namespace: lower-case letters, digits and `-`, at most 63 characters", dnsLabel);
  const secretName = () => text("the name of a Secret: lower-case letters, digits, `-` and `.`", dnsSubdomain);
  const duration = () =>
    text(
      "a Go duration longer than nothing, such as `1m0s`, `30s` or `1h30m`",
      /^(?=.*[1-9])(?:[0-9]{1,6}(?:\.[0-9]{1,6})?(?:ms|s|m|h))+$/,
    );
  const sourceTimeout = () =>
    text(
      "a Go duration in minutes, seconds or milliseconds (for sources Flux takes no hours), such as `1m0s`",
      /^(?=.*[1-9])(?:[0-9]{1,6}(?:\.[0-9]{1,6})?(?:ms|s|m))+$/,
    );
  const folder = (expected: string) => text(expected, isInnerPath);
  const prefix = () =>
    text(
      'a prefix of letters, digits, `.`, `_`, `-` that does not end in a digit, such as "v", or "" for none',
      /^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,62})?(?<![0-9])$/,
    );
  const gitPrefix = () =>
    text(
      'a prefix of letters, digits, `.`, `_`, `-`, `/` that does not end in a digit, such as "v", or "" for none',
      /^(?:[A-Za-z0-9_][A-Za-z0-9._/-]{0,99})?(?<![0-9])$/,
    );
  const amount = () => {
    const expected = "a quantity that is not negative, such as `500m`, `256Mi` or `2`";
    return z
      .union([text(expected, quantity), z.number({ error: expected }).min(0, { error: expected })], { error: expected })
      .transform(String);
  };
  const amounts = (resource: RegExp, expected: string) =>
    z.record(text(expected, resource), amount(), { error: "a mapping from resource to quantity" });
  const containerAmounts = () =>
    amounts(containerResource, "a resource of a container, such as `cpu`, `memory` or `ephemeral-storage`");

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
        fallback: "`*` where the stack follows a branch; required where it follows tags",
      }),
    automation: oneOf("auto", "pull-request", "manual").default("manual").meta({
      description:
        'Who moves the version. `auto`: Flux commits to the main branch. `pull-request`: Flux commits to the promotion branch. `manual`: people. With the first two, `tag` (and `digest`, where it is given) carries Flux\'s marker as a comment on its line: `# {"$imagepolicy": "<authority namespace>:<tenant>:tag"}`; with `manual`, and while a pin holds, it carries none. A stack that follows a branch has no versions to move: there only `manual` is accepted.',
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
      fallback: "not pinned",
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

  const tenant = keys({
    repository: gitUrl()
      .optional()
      .meta({
        description:
          "The application's Git repository: `https://`, `ssh://` or, for labs, `http://`; without credentials. Required for a chart in Git; with an OCI chart it lets the promise be judged by the Git tag as well.",
        examples: ["https://github.com/stefanprodan/podinfo"],
        fallback: "none (OCI charts only)",
      }),
    repositorySecret: secretName().optional().meta({
      description: "The name of a Secret in the authority namespace with the credentials of the Git repository.",
      fallback: "none: the repository is public",
    }),
    chart,
    image: images,
    registrySecret: secretName().optional().meta({
      description:
        "The name of a Secret in the authority namespace, of type `kubernetes.io/dockerconfigjson`, with the credentials of the registry.",
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
          "The image tag that runs: image prefix and SemVer version, quoted. Required where the stack follows tags, refused where it follows a branch. Flux writes here when `automation` says so.",
        examples: ["6.15.0"],
        fallback: "required where the stack follows tags",
      }),
    digest: text("a digest: `sha256:` and 64 hexadecimal digits", /^sha256:[0-9a-f]{64}$/)
      .optional()
      .meta({
        description: "The digest of the first image at `tag`, as Flux writes it. Only where the stack follows tags.",
        fallback: "none: the evidence alone says which image was judged",
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
          "The values files of the special config, merged in this order over the chart's own defaults: names in the tenant's folder `tenants/<tenant>/`, or paths from the project's folder that begin with `tenants/`. `[]` for none.",
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
      .default({
        "requests.cpu": "1",
        "requests.memory": "1Gi",
        "limits.cpu": "4",
        "limits.memory": "2Gi",
        pods: "20",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      })
      .meta({
        description:
          "What the tenant's whole namespace may take: `spec.hard` of its ResourceQuota. Given, it replaces the default whole.",
      }),
    limits: keys({
      default: containerAmounts()
        .default({ cpu: "500m", memory: "256Mi" })
        .meta({ description: "The limits of a container that names none." }),
      defaultRequest: containerAmounts()
        .default({ cpu: "50m", memory: "64Mi" })
        .meta({ description: "The requests of a container that names none." }),
      max: containerAmounts()
        .optional()
        .meta({ description: "The highest limits that a container may name.", fallback: "no bound but the quota" }),
    })
      .prefault({})
      .meta({ description: "What one container gets: the LimitRange of the namespace." }),
    network: keys({
      ingress: networkRules().meta({ description: "Who may reach the tenant's pods." }),
      egress: networkRules().meta({ description: "What the tenant's pods may reach." }),
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
          "Secrets in the authority namespace that values are taken from, merged last: a name, or `{name, key}`. Named `<tenant>` or `<tenant>-...`, so that no tenant reads another's.",
        examples: [["podinfo-values"]],
      }),
    pinDigest: text("a path in the chart's values such as `image.tag`", /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*$/)
      .optional()
      .meta({
        description:
          "The path in the chart's values that gets `<tag>@<digest>`, so that pods run the very image that was judged. Only where the stack follows tags.",
        examples: ["image.tag"],
        fallback: "none: the chart's own tag decides",
      }),
  });

  const tenants = z.record(
    text(
      "the name of a tenant: lower-case letters, digits and `-`, at most 53 characters (Helm's limit for a release)",
      releaseName,
    ),
    tenant,
    {
      error:
        "a mapping from tenant to entry, never a list: elements of a list swap their comments when one is removed, and Flux's markers are comments",
    },
  );

  const stack = keys({
    follow: oneOf("branch", "tags").meta({
      description:
        "What the stack follows. `branch`: the latest commit of `branch` in every tenant's repository (dev). `tags`: releases only (production).",
    }),
    branch: branchName()
      .default("master")
      .meta({ description: "The branch that a stack with `follow: branch` follows, in every tenant's repository." }),
    authorityNamespace: namespace().default("flux-system").meta({
      description: "The namespace of the platform's Flux objects. A tenant has no rights there.",
    }),
    configRepository: keys({
      url: gitUrl().meta({
        description:
          "The address of this repository: `https://`, `ssh://` or, for labs, `http://`; without credentials.",
        examples: ["https://github.com/example/shared-authority.git"],
      }),
      branch: branchName().default("main").meta({ description: "The main branch: automation `auto` commits here." }),
      promotionBranch: branchName().optional().meta({
        description: "The branch that automation `pull-request` commits to. Another one than `branch`.",
        fallback: "`promotions/<stack>`",
      }),
      path: folder("a folder of the repository without `..`, `.` for its top").default(".").meta({
        description: "The folder of this project in the repository; automation edits nothing outside it. `.`: the top.",
      }),
      secret: secretName().optional().meta({
        description: "The name of a Secret in the authority namespace with the credentials to push.",
        fallback: "none",
      }),
      author: keys({
        name: text("the name of the author, on one line", /^[^\p{Cc}<>]*[^\s\p{Cc}<>][^\p{Cc}<>]*$/u)
          .default("Shared Authority")
          .meta({ description: "The name of the author." }),
        email: text("an e-mail address", /^[^\s<>@]+@[^\s<>@]+$/)
          .default("shared-authority@localhost")
          .meta({ description: "The e-mail address of the author." }),
      })
        .prefault({})
        .meta({ description: "Who the automation's commits are by." }),
    })
      .optional()
      .meta({
        description: "This repository, as Flux's automation reads and writes it.",
        fallback: "none; required where a tenant's automation is `auto` or `pull-request`",
      }),
    delivery: z
      .union(
        [
          z.literal("cluster", { error: "`cluster`, or `{manifests: <folder>}`" }),
          keys({
            manifests: folder("a folder below the project's folder, such as `rendered/prod`").meta({
              description: "The folder, relative to the project's, that the objects are written into as YAML.",
            }),
          }),
        ],
        { error: "`cluster`, or `{manifests: <folder>}`" },
      )
      .default("cluster")
      .meta({
        description:
          "Where the objects go. `cluster`: to the cluster that `kubernetes:*` or `cluster` chooses. `{manifests: <folder>}`: as YAML into a folder that a Kustomization of Flux deploys.",
        examples: ["cluster", { manifests: "rendered/prod" }],
      }),
    cluster: keys({
      kubeconfigFrom: keys({
        stack: text(
          "the name of a stack: `<organization>/<project>/<stack>`",
          /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+){0,2}$/,
        ).meta({ description: "The stack, as a StackReference names it.", examples: ["example/clusters/prod"] }),
        output: text("the name of the stack's output")
          .default("kubeconfig")
          .meta({ description: "The output of that stack that is the kubeconfig." }),
      })
        .optional()
        .meta({
          description: "A stack whose output is the kubeconfig.",
          fallback: "`kubernetes:kubeconfig` or `kubernetes:context` of this stack",
        }),
    })
      .prefault({})
      .meta({ description: "How the cluster is chosen where the delivery is `cluster`." }),
    intervals: keys({
      source: duration().default("1m0s").meta({ description: "How often Flux looks for new commits." }),
      image: duration().default("5m0s").meta({ description: "How often Flux scans the registry for new tags." }),
      release: duration().default("10m0s").meta({ description: "How often Flux compares a release with what runs." }),
      automation: duration()
        .default("5m0s")
        .meta({ description: "How often Flux's automation looks for something to commit." }),
    })
      .prefault({})
      .meta({ description: "How often Flux looks; each a Go duration such as `1m0s`." }),
    timeouts: keys({
      source: sourceTimeout().default("1m0s").meta({
        description: "How long one fetch of a source may take; in minutes and seconds, since Flux takes no hours here.",
      }),
      release: duration()
        .default("5m0s")
        .meta({ description: "How long one install, upgrade or rollback of a release may take." }),
    })
      .prefault({})
      .meta({ description: "How long Flux and the program wait; each a Go duration such as `1m0s`." }),
    tenants: tenants.default({}).meta({
      description: "The tenants by name: lower-case letters, digits and `-`, at most 53 characters. Never a list.",
    }),
  });

  return { stack };
}

/** Whether such a day exists: `2027-02-29` does not. */
function isCalendarDay(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const time = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}

function isCidr(value: string): boolean {
  const match = /^([0-9a-fA-F.:]+)\/(0|[1-9][0-9]{0,2})$/.exec(value);
  if (match === null) return false;
  const family = isIP(match[1] ?? "");
  return family !== 0 && Number(match[2]) <= (family === 4 ? 32 : 128);
}

let built: ReturnType<typeof buildSchemas> | undefined;

/** The schema of everything under `shared-authority:`, without the prefix. Built at the first call: loading is cheap. */
export function stackSchema(): ReturnType<typeof buildSchemas>["stack"] {
  return (built ??= buildSchemas()).stack;
}

/** A stack's settings as they come out of the schema: with every constant default filled in. */
export type StackSettings = z.output<ReturnType<typeof stackSchema>>;

/** A tenant's entry as it comes out of the schema. */
export type TenantSettings = StackSettings["tenants"][string];
