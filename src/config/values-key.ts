/**
 * The key of a values file in the ConfigMap: its path below the tenant's own folder, with `__` for `/`, which is no
 * legal character of a key.
 */
export function valuesKey(tenant: string, path: string): string {
  const own = `tenants/${tenant}/`;
  return (path.startsWith(own) ? path.slice(own.length) : path).replaceAll("/", "__");
}

/** The key of the values that the program itself writes to pin the image; merged after all files. */
export const pinnedImageKey = "pinned-image.yaml";
