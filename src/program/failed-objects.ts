import * as pulumi from "@pulumi/pulumi";
import { refusal } from "./refusal";

/**
 * Watches every Kubernetes object of the run, and ends an `up` in which one failed with an error. To be called once,
 * before the first object is registered.
 *
 * With `--continue-on-error` the engine otherwise deletes what a program that ended well no longer registers: after a
 * failed source also the ConfigMap that the running release still uses, which moreover makes the state invalid.
 *
 * @returns a function to be called after the last object is registered; its promise rejects where an object failed
 */
export function watchObjects(): () => Promise<void> {
  const objects: pulumi.Resource[] = [];
  pulumi.runtime.registerStackTransformation(({ type, resource }) => {
    if (type.startsWith("kubernetes:")) objects.push(resource);
    return undefined;
  });
  return async () => {
    if (pulumi.runtime.isDryRun()) return;
    const succeeded = await Promise.all(objects.map(async (object) => isKnown(metadataOf(object))));
    if (succeeded.every(Boolean)) return;
    throw refusal(
      "At least one object failed. This run therefore deletes nothing: what runs may still use it. The next successful " +
        "run deletes it.",
    );
  };
}

/**
 * Whether an `up` has deployed the object: it did not fail, and nothing that it depends on did. The SDK does not reject
 * the outputs of such an object: a failed one has its ID but unknown properties, a skipped one has no ID.
 */
export async function isDeployed(object: pulumi.CustomResource): Promise<boolean> {
  return (await isKnown(object.id)) && (await isKnown(metadataOf(object)));
}

function metadataOf(object: pulumi.Resource): pulumi.Output<unknown> {
  return (object as pulumi.Resource & { readonly metadata: pulumi.Output<unknown> }).metadata;
}

/** The SDK's types omit `isKnown`; `apply` cannot tell, because it never calls back for an unknown value. */
function isKnown(output: pulumi.Output<unknown>): Promise<boolean> {
  return (output as unknown as { readonly isKnown: Promise<boolean> }).isKnown.catch(() => false);
}
