import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OwnRepository } from "./own-repository";
import { scratchWorld, tagsStack } from "./scratch-world";

const repositoryKey = "  shared-authority:configRepository: {url: https://git.example.com/shared, branch: main}\n";

/**
 * The shared repository of each test, a clone in which shop runs 1.0.0 and Flux promotes; 1.1.0 may run, 1.2.0 breaks the
 * promise, and 2.0.0 is out of range. Call it in a `describe`.
 */
export function decisionWorld() {
  const world = scratchWorld();
  const own = new OwnRepository(world);
  const stackFile = () => readFileSync(join(world().root, "Pulumi.prod.yaml"), "utf8");
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
    await own.init();
  });

  return {
    world,
    stackFile,
    stackText,
    digests,
    run: own.run.bind(own),
    ownGit: own.git.bind(own),
    commitAll: own.commitAll.bind(own),
    files: own.files.bind(own),
    trailers: own.trailers.bind(own),
    refused: own.refused.bind(own),
    decided: own.decided.bind(own),
  };
}
