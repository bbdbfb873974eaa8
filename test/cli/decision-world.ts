import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { git } from "../../demo/git";
import { authority, type RunOptions } from "./command-line";
import { scratchWorld, tagsStack } from "./scratch-world";

const repositoryKey = "  shared-authority:configRepository: {url: https://git.example.com/shared, branch: main}\n";

/**
 * The shared repository of each test, a clone in which shop runs 1.0.0 and Flux promotes; 1.1.0 may run, 1.2.0 breaks the
 * promise, and 2.0.0 is out of range. Call it in a `describe`.
 */
export function decisionWorld() {
  const world = scratchWorld();
  const run = (args: readonly string[], options: RunOptions = {}) => authority(args, { cwd: world().root, ...options });
  const ownGit = (...args: string[]) => git({ directory: world().root }, ...args);
  const stackFile = () => readFileSync(join(world().root, "Pulumi.prod.yaml"), "utf8");
  const files = (commit: string) => ownGit("show", "--name-only", "--format=", commit).then((text) => text.split("\n"));
  const digests = new Map<string, string>();

  const stackText = (version: string, ...settings: string[]) =>
    tagsStack(
      world().tenant(
        `tag: "${version}" # {"$imagepolicy": "flux-system:shop:tag"}`,
        `digest: '${String(digests.get(version))}'  # {"$imagepolicy": "flux-system:shop:digest"}`,
        "# Which may run",
        'policy: { range: ">=1.0.0 <2.0.0", automation: auto } # by the platform',
      ),
    ).replace("config:\n", `config:\n${repositoryKey}${settings.join("")}`);

  beforeEach(async () => {
    const { application, write } = world();
    for (const version of ["1.0.0", "1.1.0", "2.0.0"]) {
      digests.set(version, (await application.publish({ version, message: version })).digest);
    }
    await application.publish({ version: "1.2.0", appVersion: "1.1.0", message: "Forgotten" });
    write({ "Pulumi.prod.yaml": stackText("1.0.0"), "README.md": "ours\n" });
    await ownGit("init", "--quiet", "--initial-branch=main");
    await ownGit("config", "user.name", "Ana");
    await ownGit("config", "user.email", "ana@example.com");
    assert.equal((await run(["lock"])).code, 0);
    await commitAll();
  });

  const commitAll = async () => {
    await ownGit("add", "--all");
    await ownGit("commit", "--quiet", "--message", "Before");
  };

  /** Nothing is written or committed, and the message says why. */
  async function refused(args: readonly string[], code: number, message: RegExp): Promise<void> {
    const [head, status] = [await ownGit("rev-parse", "HEAD"), await ownGit("status", "--porcelain")];
    const outcome = await run(args);
    assert.match(outcome.stderr, message);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.deepEqual([await ownGit("rev-parse", "HEAD"), await ownGit("status", "--porcelain")], [head, status]);
  }

  async function decided(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run([...args, "--stack", "prod"]);
    assert.equal(code, 0, stderr);
    const check = await run(["check", "--stack", "prod"]);
    assert.equal(check.code, 0, check.stdout);
    return `${stdout}${stderr}`;
  }

  /** What Git reads from the trailers of the last commit. */
  const trailers = async () =>
    Object.fromEntries(
      (await ownGit("log", "-1", "--format=%(trailers:only,unfold)"))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.split(/: (.*)/).slice(0, 2)),
    ) as Record<string, string>;

  return { world, run, ownGit, stackFile, stackText, digests, commitAll, files, trailers, refused, decided };
}
