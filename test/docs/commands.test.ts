import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryDirectory } from "../support/directory";
import { projectRoot, scratchProject } from "../support/project";

/** Commands that are run here, in a user's repository, as they stand. */
const runHere = [
  "npx authority plan --stack prod",
  "npx authority check --stack prod",
  "npx authority render --stack prod --out rendered/prod",
  "npx authority lock --stack prod",
];

/** Commands that are run in this project's folder. */
const runInProject = ["npx mocha test/version/version.test.ts", "npx mocha test/version/version.test.ts --grep prefix"];

/** Commands whose parts another test runs. */
const runByTests: Readonly<Record<string, string>> = {
  "npm run lab -- up": "test/e2e/lab.test.ts",
  "npm run lab -- down": "test/e2e/lab.test.ts",
  "npm run test:e2e": "test/e2e/lab-flux.test.ts",
  "npm ci && npm start": "test/demo/story.test.ts",
  "npx authority up --stack prod -- --yes": "test/engine/up.test.ts",
  "pulumi cancel --stack prod --yes": "test/e2e/fault-kill.test.ts",
  "npx authority recover --stack prod": "test/e2e/fault-backend.test.ts",
  "PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true npx authority up --stack prod -- --yes": "test/e2e/fault-backend.test.ts",
  "find .pulumi -name '*.attrs' -size 0 -delete": "test/e2e/fault-backend.test.ts",
  "npx authority format --stack prod": "test/cli/format.test.ts",
  "npx authority lock --prune": "test/cli/prune.test.ts",
  "npx authority render --stack prod": "test/cli/render.test.ts",
  "npx authority status": "test/cli/status.test.ts",
  "npx authority status podinfo": "test/cli/status.test.ts",
  "npx authority promote podinfo --stack prod": "test/cli/decision.test.ts",
  "npx authority promote podinfo 6.15.0 --stack prod": "test/cli/decision.test.ts",
  "npx authority promote podinfo --from staging --stack prod": "test/cli/decision.test.ts",
  'npx authority pin podinfo --stack prod --reason "frozen for the audit" --by ana --until 2099-01-31':
    "test/cli/decision.test.ts",
  "npx authority unpin podinfo --stack prod": "test/cli/decision.test.ts",
  'npx authority deny podinfo 6.15.1 --stack prod --reason "leaks memory"': "test/cli/decision.test.ts",
  "npx authority allow podinfo 6.15.1 --stack prod": "test/cli/decision.test.ts",
  "npx authority promote podinfo 6.15.1 --stack prod": "test/cli/taken-back.test.ts",
  "npx authority history podinfo": "test/cli/history.test.ts",
  "npx authority history podinfo --stack prod --json": "test/cli/history.test.ts",
  'npx authority rollback podinfo --stack prod --reason "leaks memory" --push': "test/e2e/story-rollback-verb.test.ts",
  'npx authority rollback podinfo --stack prod --reason "leaks memory"': "test/cli/rollback.test.ts",
  'npx authority rollback podinfo --to 6.13.0 --stack prod --reason "leaks memory"': "test/cli/rollback.test.ts",
  "npx authority unpin podinfo --stack prod --push": "test/e2e/story-rollback-verb.test.ts",
  "npx authority promote podinfo 6.15.1 --stack prod --push": "test/cli/rollback.test.ts",
  'npx authority hold --stack prod --reason "holidays" --by ana --until 2099-01-03': "test/cli/hold.test.ts",
  'npx authority hold podinfo --stack dev --reason "load test" --by ana': "test/cli/hold.test.ts",
  "npx authority resume --stack prod": "test/cli/hold.test.ts",
  "git pull --ff-only": "test/e2e/story-rollback-verb.test.ts",
  "npx authority report --base origin/main": "test/report/report.test.ts",
  "npx authority report --base origin/main --head origin/promote/prod/podinfo --format html --output report.html":
    "test/report/report.test.ts",
  "npx authority promotions": "test/cli/promotions.test.ts",
  "npx authority promotions --stack prod --push": "test/cli/promotions.test.ts",
  "npx authority promotions --push --pull-requests": "test/cli/promotion-pull-requests.test.ts",
  "npx authority comment --body-file report.md": "test/cli/comment.test.ts",
  "npx authority comment --body-file report.md --pull-request 12": "test/cli/comment.test.ts",
  'npx authority issue --title "Nightly verify fails" --log-file verify.log': "test/cli/comment.test.ts",
  'npx authority issue --title "Nightly verify fails" --close': "test/cli/comment.test.ts",
  "npx authority add-tenant podinfo --stack prod": "test/cli/tenant-verbs.test.ts",
  'npx authority remove-tenant search --stack prod --reason "replaced by find" --by Ada':
    "test/cli/tenant-verbs.test.ts",
  "npx authority rename-tenant search find --stack prod": "test/cli/tenant-verbs.test.ts",
  "npx authority adopt podinfo/podinfo --stack prod --image ghcr.io/stefanprodan/podinfo":
    "test/e2e/story-adopt.test.ts",
  "npx authority init ../shared-repository": "test/cli/init.test.ts",
  "npx shared-authority release 1.4.0 --push": "test/cli/release.test.ts",
  "npx shared-authority release 1.4.0 --prepare --push": "test/cli/release.test.ts",
  "git switch main && git pull && npx shared-authority release --tag --push": "test/cli/release.test.ts",
  "npx shared-authority audit --here": "test/cli/release.test.ts",
  "npx shared-authority publish 1.4.0 --check --image ghcr.io/acme/app --released-from main":
    "test/cli/publish.test.ts",
  "npx shared-authority publish 1.4.0 --image ghcr.io/acme/app=images/app --released-from main":
    "test/cli/publish.test.ts",
  "npx authority init ../new-repository --ci github --yes": "test/cli/init.test.ts",
  "npx authority preview --base origin/main": "test/engine/preview.test.ts",
  "npx authority complete --push": "test/cli/complete.test.ts",
  "npm install": "test/engine/init.test.ts",
  "npx authority check": "test/engine/init.test.ts",
  "npx authority images --stack prod": "test/e2e/story-images.test.ts",
  "npx authority images --stack prod --policy | kubectl apply --filename -": "test/cli/images.test.ts",
  'SHARED_AUTHORITY_EMERGENCY="registry is down, issue 123" npx authority up --stack prod -- --yes':
    "test/cli/up.test.ts",
  "kubectl apply --filename root-kustomization.yaml": "test/e2e/story-root-kustomization.test.ts",
  'git add rendered/prod && git commit --message "Render prod" && git push':
    "test/e2e/story-root-kustomization.test.ts",
  "git revert --no-edit HEAD~2..HEAD && git push": "test/e2e/story-root-kustomization.test.ts",
};

/** Commands that `.ci/run` runs. */
const runByPipeline = ["npm cit", "npm run lint", "npm run format:check", "npm run typecheck"];

const ofTheirCluster = "speaks to a cluster, registry or Git host of the user's";

const ofTheirLab = "names the ports of the user's lab";

/** Commands that no test can run, each with the reason. */
const notRun: Readonly<Record<string, string>> = {
  "kind create cluster": ofTheirCluster,
  "kubectl get nodes": ofTheirCluster,
  "export KUBECONFIG=~/.kube/config": ofTheirCluster,
  "export KUBECONFIG=$(npm run --silent lab -- kubeconfig)": "sets a variable in the user's own shell",
  "export AUTHORITY_LAB=<its directory> && npm run test:e2e": "names a folder of the user's",
  "git push http://127.0.0.1:25941/shop.git master --tags": ofTheirLab,
  "tar --create --file=layer.tar Chart.yaml && crane append --insecure --new_layer layer.tar --new_tag 127.0.0.1:25940/shop:1.0.0":
    ofTheirLab,
  "helm package . && helm push shop-1.0.0.tgz oci://127.0.0.1:25940/charts --plain-http": ofTheirLab,
  "export AUTHORITY_E2E_REGISTRY=https://registry.example.com": ofTheirCluster,
  "export AUTHORITY_E2E_GIT=https://git.example.com/e2e": ofTheirCluster,
  "flux install --components-extra=image-reflector-controller,image-automation-controller": ofTheirCluster,
  'kubectl create secret generic shared-authority-webhook --namespace flux-system --from-literal=token="$(openssl rand -hex 24)"':
    ofTheirCluster,
  "kubectl create secret generic shared-authority-alerts --namespace flux-system --from-file=address": ofTheirCluster,
  "kubectl get receivers --namespace flux-system --output custom-columns=NAME:.metadata.name,PATH:.status.webhookPath":
    ofTheirCluster,
  "flux reconcile helmrelease podinfo --namespace flux-system --reset": ofTheirCluster,
  "npx authority audit --repository https://github.com/stefanprodan/podinfo --chart ./charts/podinfo": "reads GitHub",
  "npx authority init ../shared-repository --delivery manifests --repository https://github.com/stefanprodan/podinfo --chart ./charts/podinfo --image ghcr.io/stefanprodan/podinfo --team podinfo-developers":
    "reads GitHub and the registry ghcr.io",
  "npx authority verify": "reads GitHub and the registry ghcr.io",
  'git commit --message "Promote podinfo to 6.15.0" Pulumi.prod.yaml': "commits to the user's own repository",
  "npm install --save-exact shared-authority@<version>": "names a version of the user's choice",
  "npm ci && npm pack --pack-destination ../shared-repository/vendor": "writes into a repository of the user's",
  "npm install ./vendor/shared-authority-<version>.tgz": "names a version of the user's choice",
  "git revert --no-edit <commit> && npm ci": "reverts a commit of the user's own repository",
  "pulumi config set --stack prod kubernetes:context prod": "needs the user's own stack and backend",
  "pulumi stack init prod": "needs the user's own stack and backend",
  "pulumi preview --stack prod --policy-pack policy-pack": "needs the user's own stack and backend",
  "pulumi up --stack prod --policy-pack policy-pack": "needs the user's own stack and backend",
};

interface DocumentedCommand {
  readonly file: string;
  readonly command: string;
}

/** Every command of every block that is marked `sh`, with continued lines joined and comments taken off. */
function documentedCommands(): DocumentedCommand[] {
  return markdownFiles().flatMap((file) => {
    const blocks = readFileSync(join(projectRoot, file), "utf8").matchAll(/^ *```sh\n(.*?)^ *```$/gms);
    return [...blocks].flatMap(([, block = ""]) =>
      block
        .replaceAll(/\\\n\s*/g, "")
        .split("\n")
        .map((line) => line.replace(/(?:^|\s+)#\s.*$/, "").trim())
        .filter((line) => line !== "")
        .map((command) => ({ file, command })),
    );
  });
}

function markdownFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
    cwd: projectRoot,
    encoding: "utf8",
  });
  return listed.split("\n").filter((file) => file !== "" && existsSync(join(projectRoot, file)));
}

describe("the documentation's commands", () => {
  const directory = temporaryDirectory();

  it("are each run by a test, or excused with a reason", () => {
    const known = [...runHere, ...runInProject, ...Object.keys(runByTests), ...runByPipeline, ...Object.keys(notRun)];
    const unknown = documentedCommands().filter(({ command }) => !known.includes(command));
    assert.deepEqual(unknown, [], "Run these here, or say in this file why they cannot be run.");
  });

  it("are all that this file knows", () => {
    const documented = documentedCommands().map(({ command }) => command);
    const known = [...runHere, ...runInProject, ...Object.keys(runByTests), ...runByPipeline, ...Object.keys(notRun)];
    assert.deepEqual(
      known.filter((command) => !documented.includes(command)),
      [],
    );
  });

  it("are run where this file says that others run them", () => {
    const pipeline = readFileSync(join(projectRoot, ".ci", "run"), "utf8").replaceAll("--silent ", "");
    for (const command of runByPipeline) assert.ok(pipeline.includes(command), `.ci/run does not run ${command}`);
    for (const file of Object.values(runByTests)) assert.ok(existsSync(join(projectRoot, file)), `${file} is missing`);
  });

  for (const command of runHere) {
    it(`do what they say: ${command}`, async function () {
      this.timeout(120_000);
      const project = await scratchProject(directory());
      await runInShell(project.directory, command);
    });
  }

  for (const command of runInProject) {
    it(`do what they say: ${command}`, () => runInShell(projectRoot, command));
  }
});

/** As a user types it, in the folder of the project, with no setting that makes the commands behave as in CI. */
async function runInShell(directory: string, command: string): Promise<void> {
  const ofPipelines = ["CI", "REQUIRE_TOOLS"];
  const environment = Object.entries(process.env).filter(([name]) => !ofPipelines.includes(name));
  await promisify(execFile)(command, {
    cwd: directory,
    env: Object.fromEntries(environment),
    shell: true,
  });
}

describe("the documentation's links", () => {
  for (const file of markdownFiles()) {
    it(`lead to a file and to a heading in it: ${file}`, () => {
      const text = readFileSync(join(projectRoot, file), "utf8").replaceAll(/^```.*?^```$/gms, "");
      const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)];
      const broken = links.filter(([, path = "", heading]) => {
        const target = path === "" ? join(projectRoot, file) : join(projectRoot, file, "..", path);
        return !existsSync(target) || (heading !== undefined && !headingsOf(target).includes(heading));
      });
      assert.deepEqual(
        broken.map(([link]) => link),
        [],
      );
    });
  }
});

/** The anchors of a Markdown file, as GitHub derives them from its headings. */
function headingsOf(file: string): string[] {
  const headings = readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
