/**
 * The one source of what may stand under `shared-authority:*`: the checks, `stack.schema.json` and
 * `project.schema.json` for editors, and `docs/configuration.md` come from it.
 */
import * as z from "zod";
import { releaseName } from "./kubernetes-name";
import {
  branchName,
  duration,
  folder,
  gitUrl,
  key,
  keys,
  namespace,
  oneOf,
  secretName,
  sourceTimeout,
  text,
} from "./schema-kinds";
import {
  defaultAuthorityNamespace,
  defaultConfigRepository,
  defaultIntervals,
  defaultTimeouts,
} from "./built-in-defaults";
import { alertsSchema, receiversSchema } from "./notification-schema";
import { buildApplicationSchema, buildDefaultsSchema, buildTenantSchema } from "./tenant-schema";

/** A mapping by name. Lists are refused: their elements swap comments when one is removed, and markers are comments. */
function byName<Entry extends z.ZodType>(kind: string, entry: Entry) {
  return z.record(
    text(
      `the name of ${kind}: lower-case letters, digits and \`-\`, at most 53 characters (Helm's limit for a release)`,
      releaseName,
    ),
    entry,
    {
      error: `a mapping from ${kind.replace(/^an? /, "")} to entry, never a list: elements of a list swap their comments when one is removed, and Flux's markers are comments`,
    },
  );
}

function buildStackSchema() {
  return keys({
    follow: oneOf("branch", "tags").meta({
      description:
        "What the stack follows. `branch`: the latest commit of each tenant's branch (dev). `tags`: releases only (production).",
    }),
    branch: key(
      branchName(),
      "The branch of all tenants for which neither the tenant, its application nor `defaults` names one. Only where the stack follows a branch.",
      { fallback: "`master`" },
    ),
    authorityNamespace: namespace().default(defaultAuthorityNamespace).meta({
      description:
        "The namespace of the platform's Flux objects, none of the cluster's own (`default`, `kube-...`). A tenant has no rights there.",
    }),
    configRepository: key(
      keys({
        url: gitUrl().meta({
          description:
            "The address of this repository: `https://`, `ssh://` or, for labs, `http://`, without credentials.",
          examples: ["https://github.com/example/shared-authority.git"],
        }),
        branch: branchName()
          .default(defaultConfigRepository.branch)
          .meta({ description: "The main branch: automation `auto` commits here." }),
        promotionBranch: key(
          branchName(),
          "The branch that automation `pull-request` commits to. It must differ from `branch`.",
          { fallback: "`promotions/<stack>`" },
        ),
        path: folder("a folder of the repository without `..`, `.` for its top")
          .default(defaultConfigRepository.path)
          .meta({
            description:
              "The folder of this project in the repository; automation edits the stack file in it, and nothing else. `.`: the top.",
          }),
        secret: key(secretName(), "The name of a Secret in the authority namespace with the credentials to push.", {
          fallback: "none",
        }),
        author: keys({
          name: text("the name of the author, on one line", /^[^\p{Cc}<>]*[^\s\p{Cc}<>][^\p{Cc}<>]*$/u)
            .default(defaultConfigRepository.author.name)
            .meta({ description: "The name of the author." }),
          email: text("an e-mail address", /^[^\s<>@]+@[^\s<>@]+$/)
            .default(defaultConfigRepository.author.email)
            .meta({ description: "The e-mail address of the author." }),
        })
          .prefault({})
          .meta({ description: "The author of the automation's commits." }),
      }),
      "This repository, as Flux's automation reads and writes it.",
      { fallback: "none; required where a tenant's automation is `auto` or `pull-request`" },
    ),
    receivers: key(
      receiversSchema(),
      "Webhooks by which Flux looks at once, and not at the next interval. Each is a Receiver of Flux.",
      { fallback: "none" },
    ),
    alerts: key(
      alertsSchema(),
      "Where Flux reports what fails in this stack, also after `up` has ended: a Provider and an Alert of Flux.",
      { fallback: "none" },
    ),
    removed: key(
      byName(
        "a tenant",
        keys({
          namespace: namespace().meta({ description: "The namespace that is deleted with everything in it." }),
          by: text("who decided", /[^\s.]/).meta({ description: "Who decided it." }),
          reason: text("why it is removed", /[^\s.]/).meta({ description: "Why it is removed." }),
        }),
      ),
      "What is to be deleted from the cluster, by the first name of its tenant: a tenant that is no longer in `tenants`, or the namespace that a tenant has left. Without this, nothing of a tenant is deleted. `authority up` deletes it; then the entry may be removed.",
      {
        fallback: "none",
        examples: [{ search: { namespace: "search", by: "Ada", reason: "nobody uses it any more" } }],
      },
    ),
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
      kubeconfigFrom: key(
        keys({
          stack: text(
            "the name of a stack: `<organization>/<project>/<stack>`",
            /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+){0,2}$/,
          ).meta({ description: "The stack, as a StackReference names it.", examples: ["example/clusters/prod"] }),
          output: text("the name of the stack's output")
            .default("kubeconfig")
            .meta({ description: "The output of that stack that is the kubeconfig." }),
        }),
        "A stack whose output is the kubeconfig.",
        { fallback: "`kubernetes:kubeconfig` or `kubernetes:context` of this stack" },
      ),
    })
      .prefault({})
      .meta({ description: "How the cluster is chosen where the delivery is `cluster`." }),
    intervals: keys({
      source: duration().default(defaultIntervals.source).meta({
        description:
          "How often Flux looks for new commits of a branch. At the source of a release, which cannot change, it looks once an hour.",
      }),
      image: duration()
        .default(defaultIntervals.image)
        .meta({ description: "How often Flux scans the registry for new tags." }),
      release: duration()
        .default(defaultIntervals.release)
        .meta({ description: "How often Flux compares a release with what runs." }),
      automation: duration()
        .default(defaultIntervals.automation)
        .meta({ description: "How often Flux's automation looks for something to commit." }),
    })
      .prefault({})
      .meta({ description: "How often Flux looks; each a Go duration such as `1m0s`." }),
    timeouts: keys({
      source: sourceTimeout().default(defaultTimeouts.source).meta({
        description:
          "How long one fetch of a source may take; in minutes and seconds, because Flux accepts no hours here.",
      }),
      release: duration()
        .default(defaultTimeouts.release)
        .meta({ description: "How long one install, upgrade or rollback of a release may take." }),
    })
      .prefault({})
      .meta({ description: "How long Flux and the program wait; each a Go duration such as `1m0s`." }),
  });
}

const lazily = <Schema>(build: () => Schema): (() => Schema) => {
  let built: Schema | undefined;
  return () => (built ??= build());
};

/** The keys of a stack that concern no single tenant. Like all schemas here, built at the first call. */
export const stackSchema = lazily(buildStackSchema);

/** An application in `Pulumi.yaml`. */
export const applicationSchema = lazily(buildApplicationSchema);

/** What `defaults` holds. */
export const defaultsSchema = lazily(buildDefaultsSchema);

/** A tenant of a stack. */
export const tenantSchema = lazily(buildTenantSchema);

/** Mappings by name, whose entries are checked one by one. */
export const namesSchema = {
  applications: lazily(() => byName("an application", z.unknown())),
  tenants: lazily(() => byName("a tenant", z.unknown())),
} as const;

const withDefaults = () =>
  key(
    defaultsSchema(),
    "Values for all tenants that are set neither by the tenant nor by its application. A stack's `defaults` replace those of `Pulumi.yaml` as a whole.",
    { fallback: "none" },
  );

/** Everything that `Pulumi.yaml` may hold under our prefix. */
export const projectFileSchema = lazily(() =>
  keys({
    applications: key(
      byName("an application", applicationSchema()),
      "The applications by name, each declared once for all stacks.",
      { fallback: "none" },
    ),
    defaults: withDefaults(),
  }),
);

/** Everything that a stack file may hold under our prefix. */
export const stackFileSchema = lazily(() =>
  keys({
    ...stackSchema().shape,
    defaults: withDefaults(),
    tenants: key(
      byName("a tenant", tenantSchema()),
      "The tenants by name: lower-case letters, digits and `-`, at most 53 characters, and no name of an account of Flux or Kubernetes, or of this program's objects.",
      { fallback: "none" },
    ),
  }),
);

/** A stack's settings without its tenants. */
export type StackSettings = z.output<ReturnType<typeof stackSchema>>;
