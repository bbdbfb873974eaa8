import type * as pulumi from "@pulumi/pulumi";

/** The SDK's types omit `isKnown`; `apply` cannot tell, because it never calls back for an unknown value. */
export function isKnown(output: pulumi.Output<unknown>): Promise<boolean> {
  return (output as unknown as { readonly isKnown: Promise<boolean> }).isKnown.catch(() => false);
}

/** The value of an output. Never resolves if a preview does not know it. */
export function valueOf<T>(output: pulumi.Output<T> | undefined): Promise<T> | undefined {
  return output === undefined ? undefined : new Promise((resolve) => output.apply(resolve));
}
