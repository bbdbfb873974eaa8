/** Image references, read as `distribution/reference` reads them: container runtimes and registries use its rules. */

/** A reference in its parts. */
export interface ImageReference {
  /** With its registry: `docker.io/library/nginx`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** Splits a reference. Any text has a repository, so text that is not a reference is compared and refused, too. */
export function parseImage(reference: string): ImageReference {
  const [, repository = "", tag, digest] = /^((?:.*\/)?[^/:@]*)(?::([^@]*))?(?:@(.*))?/s.exec(reference) ?? [];
  return { repository: fullRepository(repository), tag, digest };
}

/** A repository with its registry, in one spelling: `nginx` and `index.docker.io/nginx` are `docker.io/library/nginx`. */
export function fullRepository(repository: string): string {
  const first = repository.slice(0, Math.max(0, repository.indexOf("/")));
  const hasRegistry = first === "localhost" || /[.:A-Z]/.test(first);
  const registry = hasRegistry ? first : "docker.io";
  const path = hasRegistry ? repository.slice(first.length + 1) : repository;
  const host = registry === "index.docker.io" ? "docker.io" : registry;
  return `${host}/${host === "docker.io" && !path.includes("/") ? "library/" : ""}${path}`;
}
