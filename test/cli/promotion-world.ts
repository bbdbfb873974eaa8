import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { git } from "../../demo/git";
import { createApplication } from "../../demo/scratch-application";
import { authority } from "./command-line";
import { type ScratchWorld, tagsStack } from "./scratch-world";

/** Somebody who commits. */
interface Person {
  readonly name: string;
  readonly email: string;
}

/** The author of Flux's commits. */
export const flux: Person = { name: "Shared Authority", email: "shared-authority@localhost" };
export const fluxBranch = "promotions/prod";
export const shopBranch = "promote/prod/shop";

/** The tenants `shop` and `cart` run 1.0.0. The releases 1.1.0 and 1.2.0 of shop may run; 1.1.0 of cart breaks the promise. */
export class PromotionWorld {
  private constructor(
    private readonly world: ScratchWorld,
    private readonly remote: { readonly url: string; readonly directory: string },
    private readonly directory: string,
  ) {}

  /**
   * Publishes the releases, and pushes the first commit of the main branch.
   *
   * @param world the platform team's clone and the applications
   * @param remote the shared repository: its address for Git, and its folder
   * @param directory an existing folder for further clones
   */
  static async begin(
    world: ScratchWorld,
    remote: { readonly url: string; readonly directory: string },
    directory: string,
  ): Promise<PromotionWorld> {
    const begun = new PromotionWorld(world, remote, directory);
    const { application, root, write } = world;
    const registry = `http://${application.image.split("/")[0] ?? ""}`;
    const cart = await createApplication({ directory: dirname(application.repository), name: "cart", registry });
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await application.publish({ version, message: version });
    await cart.publish({ version: "1.0.0", message: "1.0.0" });
    await cart.publish({ version: "1.1.0", appVersion: "1.0.0", message: "Forgotten" });
    write({
      "Pulumi.prod.yaml": begun.stackFile([begun.entry("cart", "1.0.0"), begun.entry("shop", "1.0.0")]),
      "README.md": "ours\n",
    });
    await begun.ownGit("init", "--quiet", "--initial-branch=main");
    await begun.ownGit("remote", "add", "origin", begun.remote.url);
    assert.equal((await authority(["lock"], { cwd: root })).code, 0);
    await begun.commitMain("Begin", {});
    return begun;
  }

  ownGit(...args: string[]): Promise<string> {
    return git({ directory: this.world.root }, ...args);
  }

  remoteGit(...args: string[]): Promise<string> {
    return git({ directory: this.remote.directory }, ...args);
  }

  entry(name: "shop" | "cart", version: string, policy = "automation: pull-request"): string {
    const marker = policy.includes("pull-request") ? ` # {"$imagepolicy": "flux-system:${name}:tag"}` : "";
    return this.world
      .tenant(`tag: "${version}"${marker}`, `policy: { range: ">=1.0.0 <2.0.0", ${policy} }`)
      .replaceAll("shop", name);
  }

  stackFile(entries: readonly string[], ...settings: readonly string[]): string {
    const { origin, pathname } = new URL(this.remote.url);
    return tagsStack(...entries).replace(
      "config:\n",
      `config:\n  shared-authority:configRepository: {url: "${origin}${pathname}", branch: main}\n${settings.join("")}`,
    );
  }

  /** Commits to the main branch, in the platform team's clone. */
  async commitMain(message: string, files: Readonly<Record<string, string>>): Promise<void> {
    this.world.write(files);
    await this.ownGit("add", "--all");
    await this.ownGit("commit", "--quiet", "--allow-empty", "--message", message);
    await this.ownGit("push", "--quiet", "origin", "main");
  }

  /** Commits to a branch of the Git host, in a clone of its own. A branch that does not exist begins at the main branch. */
  async commitTo(
    branch: string,
    files: Readonly<Record<string, (text: string) => string>>,
    person = flux,
    ...flags: string[]
  ): Promise<void> {
    const clone = join(this.directory, `clone-${Math.random()}`);
    await git({ directory: this.directory }, "clone", "--quiet", "--branch=main", this.remote.url, clone);
    const environment = {
      GIT_AUTHOR_NAME: person.name,
      GIT_AUTHOR_EMAIL: person.email,
      GIT_COMMITTER_NAME: person.name,
      GIT_COMMITTER_EMAIL: person.email,
    };
    const there = { directory: clone, environment };
    const exists = (await git(there, "ls-remote", "origin", `refs/heads/${branch}`)) !== "";
    await git(there, "checkout", "--quiet", ...(exists ? [branch] : ["-b", branch]));
    for (const [path, change] of Object.entries(files)) {
      const file = join(clone, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, change(existsSync(file) ? readFileSync(file, "utf8") : ""));
    }
    await git(there, "add", "--all");
    await git(there, "commit", "--quiet", "--allow-empty", "--message", "Changed", ...flags);
    await git(there, "push", "--quiet", "--force", "origin", `HEAD:refs/heads/${branch}`);
  }

  /** Flux finds tags in the registry, and commits them to its branch. */
  async fluxFinds(tags: Readonly<Record<string, string>>): Promise<void> {
    const change = (text: string) => Object.entries(tags).reduce((all, [name, tag]) => withTag(name, tag)(all), text);
    await this.commitTo(fluxBranch, { "Pulumi.prod.yaml": change });
  }
}

/** Writes another tag into a stack file. */
export function withTag(name: string, tag: string): (text: string) => string {
  return (text) => text.replace(new RegExp(`(^ {4}${name}:[^]*?\\n {6}tag: )"[^"]+"`, "m"), `$1"${tag}"`);
}
