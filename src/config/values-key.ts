/**
 * The key of a values file in the ConfigMap: its path below the tenant's own folder, with `__` for `/`, which a key may
 * not contain.
 */
export function valuesKey(tenant: string, path: string): string {
  const own = `tenants/${tenant}/`;
  return (path.startsWith(own) ? path.slice(own.length) : path).replaceAll("/", "__");
}

/** The key of the values that the program writes to pin the image. They are merged after all files. */
export const pinnedImageKey = "pinned-image.yaml";
