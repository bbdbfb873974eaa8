/**
 * The one source of truth of what may stand under `shared-authority:*`: from it come the checks of a stack file,
 * `stack.schema.json` for editors, and `docs/configuration.md`.
 */
import * as z from "zod";
import { releaseName } from "./kubernetes-name";
import {
  gitUrl,
  branchName,
  namespace,
  secretName,
  duration,
  sourceTimeout,
  folder,
  text,
  keys,
  oneOf,
  constant,
} from "./schema-kinds";
import { buildTenantSchema } from "./tenant-schema";

/** The prefix that every key of ours carries in a stack file. */
export const projectPrefix = "shared-authority";

function buildStackSchema() {
  const tenants = z.record(
    text(
      "the name of a tenant: lower-case letters, digits and `-`, at most 53 characters (Helm's limit for a release)",
      releaseName,
    ),
    buildTenantSchema(),
    {
      error:
        "a mapping from tenant to entry, never a list: elements of a list swap their comments when one is removed, and Flux's markers are comments",
    },
  );

  return keys({
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
        description:
          "The folder of this project in the repository; automation edits the stack file in it, and nothing else. `.`: the top.",
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
      source: duration().default("1m0s").meta({
        description:
          "How often Flux looks for new commits of a branch. At the source of a release, which cannot change, it looks once an hour.",
      }),
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
      description:
        "The tenants by name: lower-case letters, digits and `-`, at most 53 characters, and no name of Flux's own accounts or of this program's objects. Never a list.",
      fallback: constant({}),
    }),
  });
}

let built: ReturnType<typeof buildStackSchema> | undefined;

/** The schema of everything under `shared-authority:`, without the prefix. Built at the first call: loading is cheap. */
export function stackSchema(): ReturnType<typeof buildStackSchema> {
  return (built ??= buildStackSchema());
}

/** A stack's settings as they come out of the schema: with every constant default filled in. */
export type StackSettings = z.output<ReturnType<typeof stackSchema>>;

/** A tenant's entry as it comes out of the schema. */
export type TenantSettings = StackSettings["tenants"][string];
