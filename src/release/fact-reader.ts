/** Reads single facts from Git and from registries: many at once within a bound, and each fact once. */
import type { ImageEvidence } from "./evidence";
import type { GitOptions, GitRepository } from "./git";
import type { Attempts } from "./read-result";
import { createRegistry, type ChartArtifact, type RegistryOptions } from "./registry";
import { createSharedRepositories } from "./shared-repositories";

/** Bounds, time-outs and retries. */
export interface FactReaderOptions {
  /** How many facts to read at the same time. Default: 8. */
  readonly concurrency?: number;
  readonly git?: GitOptions;
  readonly registry?: RegistryOptions;
}

/** Remembers what it has read. A failure is not remembered. */
export interface FactReader {
  /** @param key names the fact among those of the repository */
  readGit<Fact>(
    repository: string,
    key: readonly unknown[],
    read: (git: GitRepository) => Promise<Fact>,
  ): Promise<Fact>;
  readTags(image: string, insecure: boolean): Promise<string[]>;
  readChart(url: string, tag: string, insecure: boolean): Promise<ChartArtifact | undefined>;
  /** An OCI chart itself. */
  readChartArchive(url: string, digest: string, insecure: boolean): Promise<Buffer>;
  /** The images at a tag, with their digests where the registry has them. */
  readImages(
    images: readonly string[],
    tag: string,
    insecure: boolean,
    attempts: Attempts,
  ): Promise<readonly ImageEvidence[]>;
}

/** A reader with a memory of its own. */
export function createFactReader(options: FactReaderOptions = {}): FactReader {
  const registry = createRegistry(options.registry);
  const useRepository = createSharedRepositories(options.git ?? {});
  const known = new Map<string, Promise<unknown>>();
  let limit: Promise<<Fact>(read: () => Promise<Fact>) => Promise<Fact>> | undefined;

  function once<Fact>(key: readonly unknown[], read: () => Promise<Fact>): Promise<Fact> {
    const name = JSON.stringify(key);
    const bounded = async () => {
      limit ??= import("p-limit").then(({ default: pLimit }) => pLimit(options.concurrency ?? 8));
      return (await limit)(read);
    };
    const reading = known.get(name) ?? bounded();
    known.set(name, reading);
    reading.catch(() => known.delete(name));
    return reading as Promise<Fact>;
  }

  return {
    readGit: (repository, key, read) => once(["git", repository, ...key], () => useRepository(repository, read)),
    readTags: (...key) => once(["tags", ...key], () => registry.readTags(...key)),
    readChart: (...key) => once(["chart", ...key], () => registry.readChart(...key)),
    readChartArchive: (...key) => once(["archive", ...key], () => registry.readChartArchive(...key)),
    readImages: (images, tag, insecure, attempts) =>
      Promise.all(
        images.map(async (image) => {
          const reference = `${image}:${tag}`;
          const reading = once(["image", image, tag, insecure], () => registry.readDigest(image, tag, insecure));
          const digest = await attempts.read(`the image ${reference}`, reading);
          return digest === undefined ? { reference } : { reference, digest };
        }),
      ),
  };
}
