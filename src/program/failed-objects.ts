import * as pulumi from "@pulumi/pulumi";
import { isKnown } from "./output";
import { refusal } from "./refusal";

/**
 * Watches every Kubernetes object of the run, and ends an `up` in which one failed with an error. To be called once,
 * before the first object is registered.
 *
 * With `--continue-on-error` the engine otherwise deletes what a program that ended well no longer registers: after a
 * failed source also the ConfigMap that the running release still uses, which moreover makes the state invalid.
 *
 * @returns a function to be called after the last object is registered, with whether each release runs; its promise
 *   rejects where an object failed, or a release does not run
 */
export function watchObjects(): (releases: Iterable<Promise<boolean>>) => Promise<void> {
  const objects: pulumi.Resource[] = [];
  pulumi.runtime.registerStackTransformation(({ type, resource }) => {
    if (type.startsWith("kubernetes:")) objects.push(resource);
    return undefined;
  });
  return async (releases) => {
    if (pulumi.runtime.isDryRun()) return;
    const succeeded = await Promise.all([...objects.map((object) => isKnown(metadataOf(object))), ...releases]);
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
