// Used by each repro.cjs: an application team (Git host, registry, chart) and an empty project, made with the demo of
// the checkout, which is process.cwd(). A harness that fails exits with 2.
process.on("uncaughtException", (error) => { console.error(`cannot tell: ${error?.message ?? error}`); process.exit(2); });
const { mkdirSync, mkdtempSync, writeFileSync, rmSync, cpSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { tmpdir } = require("node:os");
const { spawn } = require("node:child_process");
const root = process.cwd();
const { serveGit } = require(join(root, "demo/git-server"));
const { serveRegistry } = require(join(root, "demo/embedded-registry"));
const { createApplication } = require(join(root, "demo/scratch-application"));

async function world({ name = "shop" } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "repro-"));
  const repositories = join(directory, "repositories");
  const project = join(directory, "project");
  mkdirSync(repositories);
  mkdirSync(project);
  writeFileSync(join(project, "Pulumi.yaml"), "name: shared-authority\nruntime: nodejs\n");
  const registry = await serveRegistry();
  const git = await serveGit({ root: repositories });
  const application = await createApplication({ directory: repositories, name, registry: registry.url });
  return {
    directory, project, registry, git, application,
    repository: `${git.url}/${name}.git`,
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(project, path)), { recursive: true });
        writeFileSync(join(project, path), content);
      }
    },
    stack({ image = application.image, lines = [], follow = "tags", repository = `${git.url}/${name}.git` } = {}) {
      return ["config:", `  shared-authority:follow: ${follow}`, "  shared-authority:tenants:", `    ${name}:`,
        `      repository: ${repository}`, `      chart: ./charts/${name}`, `      image: ${image}`,
        "      insecureRegistry: true", ...lines.map((l) => "      " + l), ""].join("\n");
    },
    async close() { await Promise.all([registry.close(), git.close()]); rmSync(directory, { recursive: true, force: true }); },
  };
}

function run(program, args, { cwd, env = {}, input } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, NO_COLOR: "1", ...env } });
    let out = "", err = "";
    child.stdout.on("data", (c) => (out += c));
    child.stderr.on("data", (c) => (err += c));
    child.stdin.end(input);
    child.on("close", (code) => resolve({ code, out, err, all: out + err }));
  });
}
async function authority(args, options = {}) {
  return known(await run(process.execPath, [join(root, "bin/authority.js"), ...args], options));
}
/** The result, if its exit code is one that `authority` documents for a verdict. */
function known(result) {
  if (![0, 2, 3].includes(result.code)) throw new Error(`authority ended with exit code ${result.code}\n${result.all}`);
  return result;
}
module.exports = { world, run, authority, known, root };
