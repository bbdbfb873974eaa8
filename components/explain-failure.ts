import * as pulumi from "@pulumi/pulumi";

/**
 * Lets every Kubernetes object of the stack say, when an operation on it fails, what the raw message leaves out: what to
 * do. To be called once, before the first object is registered.
 *
 * It is the program's business and not the components': Pulumi's mocks know no hooks, and whoever tests a program of
 * their own with our components would wait for ever.
 */
export function explainFailures(): void {
  const explain = new pulumi.ErrorHook("explain-failure", async (args) => {
    const advice = adviceFor(args.errors[0] ?? "", title(args), args);
    if (advice !== undefined) await pulumi.log.error(advice);
    // What failed here fails for a reason that somebody has to mend: no other try.
    return false;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type.startsWith("kubernetes:") ? { props, opts: { ...opts, hooks: { onError: [explain] } } } : undefined,
  );
}

/** The object in question, as `kubectl` takes it: `helmrelease/podinfo --namespace flux-system`. */
function title(args: pulumi.ErrorHookArgs): string {
  const kind = args.type.slice(args.type.lastIndexOf(":") + 1).toLowerCase();
  const [namespace, name] = args.name.includes("/") ? args.name.split("/", 2) : [undefined, args.name];
  return `${kind}/${name}${namespace === undefined ? "" : ` --namespace ${namespace}`}`;
}

function adviceFor(error: string, object: string, args: pulumi.ErrorHookArgs): string | undefined {
  if (error.includes("already exists")) {
    const stack = pulumi.getStack();
    return (
      `${args.name} exists already, and what this program did not make it does not overwrite. If an \`up\` was ` +
      `interrupted before, \`npx authority recover --stack ${stack}\` takes over what that one made. Otherwise look at ` +
      `it with \`kubectl get ${object} --output yaml\`; then either delete it, or take it over with ` +
      `\`PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true pulumi up --stack ${stack} --target '${args.urn}'\`. ` +
      "Then run `pulumi up` again."
    );
  }
  if (/timed out|timeout|condition .*Ready|not ready/i.test(error)) {
    return (
      `${args.name} did not become ready in time; what ran before goes on running. See why with ` +
      `\`kubectl describe ${object}\`, then mend it with a commit: a better release, other values, or a revert of the ` +
      "promotion together with a `deny` of its version."
    );
  }
  return undefined;
}
