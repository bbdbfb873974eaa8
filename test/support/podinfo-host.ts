import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { serveRegistry } from "../../demo/embedded-registry";
import { git } from "../../demo/git";
import { serveGit } from "../../demo/git-server";
import { pushImage } from "../../demo/push";
import { makePodinfoRepository, type PodinfoTag, podinfoTags } from "./podinfo-repository";

/** podinfo on a Git host and a registry of this machine. */
export interface PodinfoHost {
  /** The address of the Git repository. */
  readonly repository: string;
  /** The image repository, as in an image reference. */
  readonly image: string;
  /** The facts about 6.15.0, the newest release with an image. */
  readonly newest: { readonly commit: string; readonly tagObject: string; readonly digest: string };
  /** The bare repository's folder. */
  readonly bare: string;
  readonly closeRegistry: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Some of podinfo's tags, to be fast: two that break the promise, and two that keep it. */
const someTags = ["v1.4.1", "v1.4.2", "6.14.0", "6.14.1"];

const release = (tag: string): PodinfoTag => ({ tag, kind: "annotated", chartVersion: tag, appVersion: tag });

/**
 * Serves podinfo with some of its tags, and the image of 6.15.0.
 *
 * @param directory an existing folder
 * @param withoutImage further, newer releases
 */
export async function servePodinfo(directory: string, ...withoutImage: readonly string[]): Promise<PodinfoHost> {
  const repositories = join(directory, "git");
  mkdirSync(repositories, { recursive: true });
  const bare = join(repositories, "podinfo.git");
  const version = "6.15.0";
  const tags = podinfoTags.filter(({ tag }) => someTags.includes(tag));
  await makePodinfoRepository(bare, [...tags, ...[version, ...withoutImage].map(release)]);
  const [gitServer, registry] = await Promise.all([serveGit({ root: repositories }), serveRegistry()]);
  const digest = await pushImage(registry.url, "stefanprodan/podinfo", version);
  const [commit, tagObject] = await Promise.all(
    [`${version}^{commit}`, version].map((name) => git({ directory: bare }, "rev-parse", name)),
  );
  return {
    repository: `${gitServer.url}/podinfo.git`,
    image: `${new URL(registry.url).host}/stefanprodan/podinfo`,
    newest: { commit: commit ?? "", tagObject: tagObject ?? "", digest },
    bare,
    closeRegistry: () => registry.close(),
    close: async () => {
      await Promise.all([gitServer.close(), registry.close()]);
    },
  };
}
