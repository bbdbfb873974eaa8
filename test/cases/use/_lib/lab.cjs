// A platform team's copy of the project on a lab (docs/lab.md). process.cwd() is the checkout; AUTHORITY_TOOLS must be set.
// Uses the lab that AUTHORITY_LAB names, or starts one and stops it.
const { mkdtempSync, mkdirSync, rmSync, readFileSync, realpathSync } = require("node:fs");
const { delimiter, dirname, join } = require("node:path");
const { tmpdir } = require("node:os");
const { run, known, root } = require("./world.cjs");
const { createApplication } = require(join(root, "demo/scratch-application"));
const { authorityProgram, copyProject } = require(join(root, "demo/scratch-project"));
const { openEngineSession } = require(join(root, "demo/engine-session"));
const { findEngine } = require(join(root, "demo/engine"));
const { findExecutable } = require(join(root, "demo/executable"));

async function openLab() {
  const engine = await findEngine();
  if ("missing" in engine) throw new Error(engine.missing);
  if (findExecutable("pulumi-language-nodejs", dirname(realpathSync(engine.binary)) + delimiter + process.env.PATH) === undefined)
    throw new Error("no pulumi-language-nodejs beside pulumi or on PATH (tools/README.md)");
  const own = process.env.AUTHORITY_LAB === undefined;
  const labDirectory = process.env.AUTHORITY_LAB ?? mkdtempSync(join(tmpdir(), "repro-lab-"));
  const lab = (...args) => run(process.execPath, ["--require", "tsx/cjs", join(root, "test/lab/main.ts"), ...args, "--directory", labDirectory], { cwd: root });
  if (own) {
    for (const signal of ["SIGINT", "SIGTERM"])
      process.once(signal, async () => {
        await lab("down");
        rmSync(labDirectory, { recursive: true, force: true });
        console.error(`cannot tell: ended by ${signal}`);
        process.exit(2);
      });
    const up = await lab("up");
    if (up.code !== 0) {
      rmSync(labDirectory, { recursive: true, force: true });
      throw new Error(up.all);
    }
  }
  const [status] = JSON.parse((await lab("status", "--json")).out).filter((one) => one.directory === labDirectory);
  const directory = mkdtempSync(join(tmpdir(), "repro-stage-"));
  const project = await copyProject({ root, directory: join(directory, "project") });
  const id = Date.now().toString(36).slice(-5);
  const authorityNamespace = `authority-${id}`;
  const kubeconfig = join(labDirectory, "kubeconfig");
  const kubectl = async (args, input) => {
    const result = await run("kubectl", [...args, "--kubeconfig", kubeconfig], { input });
    return result;
  };
  await kubectl(["create", "namespace", authorityNamespace]);
  const session = openEngineSession(engine, directory);
  await project.commit("No release is locked yet, no example", { "releases.lock.yaml": undefined, "Pulumi.dev.yaml": undefined, "Pulumi.staging.yaml": undefined });
  const shared = join(labDirectory, "git", `shared-${id}.git`);
  await run("git", ["init", "-q", "--bare", "-b", "main", shared]);
  await project.git("remote", "add", "origin", `${status.gitUrl}/shared-${id}.git`);
  const pulumi = (...args) => session.run(args, { directory: project.directory });
  const authority = (...args) =>
    run(process.execPath, [authorityProgram, ...args], { cwd: project.directory, env: { ...session.environment } });
  return {
    id, labDirectory, status, directory, project, authorityNamespace, kubectl, pulumi, authority, session, sharedUrl: `${status.gitUrl}/shared-${id}.git`,
    application: (name) => createApplication({ directory: join(labDirectory, "git"), name: `${name}-${id}`, registry: `http://${status.registryHost}` }),
    tenant: (application, lines) => [`    ${application.name}:`, `      repository: ${status.gitUrl}/${application.name}.git`, `      chart: ${application.chartPath}`,
      `      image: ${application.image}`, "      insecureRegistry: true", ...lines.map((l) => `      ${l}`)].join("\n") + "\n",
    values: (application) => `image:\n  repository: ${application.image}\n`,
    stack: (tenants, { settings = [], release = "20s" } = {}) => ["config:", `  kubernetes:kubeconfig: ${kubeconfig}`, "  shared-authority:follow: tags",
      `  shared-authority:authorityNamespace: ${authorityNamespace}`, "  shared-authority:intervals: { source: 1h0m0s, image: 3s, release: 30s, automation: 4s }",
      `  shared-authority:timeouts: { source: 20s, release: ${release} }`, ...settings.map((l) => `  ${l}`), "  shared-authority:tenants:", ...tenants].join("\n"),
    async commit(message, files) { await project.commit(message, files); await project.git("push", "-q", "origin", "HEAD:main"); },
    async init(stack) {
      const made = await pulumi("stack", "init", stack);
      if (made.code !== 0) throw new Error(made.stderr);
      await project.commit("salt", {});
      await project.git("push", "-q", "origin", "HEAD:main");
      // The case is about what happens in the cluster: what it declares must be valid.
      const check = known(await authority("check", "--stack", stack));
      if (check.code !== 0) throw new Error(`the declared stack is not valid\n${check.all}`);
    },
    up: (stack, ...more) => authority("up", "--stack", stack, "--", "--yes", "--skip-preview", ...more),
    async close() {
      if (own) await lab("down");
      rmSync(directory, { recursive: true, force: true });
      if (own) rmSync(labDirectory, { recursive: true, force: true });
    },
  };
}
const tail = (text, lines = 30) => text.split("\n").filter((l) => l.trim() !== "" && !/pulumi-resource-kubernetes from \$PATH/.test(l)).slice(-lines).join("\n");
module.exports = { openLab, tail };
