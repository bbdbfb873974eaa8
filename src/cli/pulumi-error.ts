/** A run of `pulumi` failed. The message contains everything that the engine printed. */
export class PulumiError extends Error {
  override readonly name = "PulumiError";
}
