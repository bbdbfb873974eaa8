/** The change that `docs/report.md` shows: three tenants of production, one of which is blocked. */
import { mkdirSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { exampleChart } from "../../demo/example-chart";
import { git } from "../../demo/git";
import { serveGit } from "../../demo/git-server";
import { authorityProcess, type Outcome } from "../cli/command-line";
import { makeRepository, type ScratchCommit } from "../release/scratch-repository";

/** An application with two releases. */
interface Application {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** Files of the chart, by their path in it: those of the first release, and those that change after it. */
  readonly files?: Readonly<Record<string, string>>;
  readonly later?: Readonly<Record<string, string>>;
  /** The subjects of the commits between the two releases. */
  readonly commits: readonly string[];
}

const budget = [
  "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: podinfo\nspec:\n  maxUnavailable: 1",
  "  selector:\n    matchLabels:\n      app.kubernetes.io/name: podinfo\n",
].join("\n");
const claim = [
  "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: search-index",
  "spec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 20Gi\n",
].join("\n");

const applications: readonly Application[] = [
  {
    name: "podinfo",
    before: "6.14.1",
    after: "6.15.0",
    later: { "templates/budget.yaml": budget },
    commits: ["Add a disruption budget", "Set the log level by a value", "Build with Go 1.26"],
  },
  { name: "checkout", before: "2.3.1", after: "2.4.0", commits: ["Retry payments once", "Show the price with tax"] },
  {
    name: "search",
    before: "1.8.2",
    after: "1.9.0",
    files: { "templates/claim.yaml": claim },
    commits: ["Keep the index in memory", "Answer in half the time"],
  },
];

const team = ["Ines Duarte", "Tomasz Lis", "Mei Tanaka"];

const digest = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const image = (name: string) => `registry.acme.example/${name}`;
const repository = (name: string) => `https://github.com/acme/${name}`;

/** Makes the two repositories and the change in an empty folder, and runs `authority report` of it. */
export async function exampleReport(directory: string, format: "markdown" | "html"): Promise<Outcome> {
  const hosted = join(directory, "git", "acme");
  for (const application of applications) await makeApplication(hosted, application);
  const server = await serveGit({ root: join(directory, "git") });
  try {
    const root = join(directory, "shared");
    const commits = new Map<string, string>();
    for (const { name, before, after } of applications) {
      for (const version of [before, after]) {
        const id = await git({ directory: join(hosted, `${name}.git`) }, "rev-parse", `${version}^{commit}`);
        commits.set(`${name} ${version}`, id);
      }
    }
    await makeShared(root, commits);
    const env = {
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: `url.${server.url}/acme/.insteadOf`,
      GIT_CONFIG_VALUE_0: "https://github.com/acme/",
    };
    return await authorityProcess(["report", "--base", "main", "--head", "promote", "--format", format], {
      cwd: root,
      env,
    });
  } finally {
    await server.close();
  }
}

async function makeApplication(folder: string, { name, before, after, files = {}, later, commits }: Application) {
  const chartAt = (version: string, more: Readonly<Record<string, string>>) => {
    const chart = exampleChart({ name, version, appVersion: version, image: image(name) });
    const entries = Object.entries({ ...chart, ...more }).map(
      ([path, text]) => [`charts/${name}/${path}`, text] as const,
    );
    return Object.fromEntries(entries);
  };
  const between = commits.map((subject, index): ScratchCommit => ({
    files: { "README.md": `${subject}\n` },
    subject,
    author: team[index % team.length],
  }));
  await makeRepository(join(folder, `${name}.git`), [
    { files: chartAt(before, files), annotated: [before], subject: `Release ${before}`, author: team[0] },
    ...between,
    {
      files: chartAt(after, later ?? {}),
      removed: Object.keys(files).map((path) => `charts/${name}/${path}`),
      ...{ annotated: [after], subject: `Release ${after}`, author: team[0] },
    },
  ]);
}

async function makeShared(root: string, commits: ReadonlyMap<string, string>): Promise<void> {
  const write = (files: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
  };
  // With the same dates, the commits have the same ids.
  const date = "2026-01-05T09:00:00Z";
  const environment = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const own = (...args: string[]) => git({ directory: root, environment }, ...args);
  const commit = async (subject: string, author = "Ana Ruiz") => {
    await own("add", "--all");
    await own("commit", "--quiet", `--author=${author} <platform@acme.example>`, "--message", subject);
  };
  const stack = (versions: Readonly<Record<string, string>>) =>
    [
      "config:\n  shared-authority:follow: tags\n  shared-authority:delivery: { manifests: rendered/prod }",
      "  shared-authority:defaults: { images: { admission: deny } }\n  shared-authority:tenants:",
      ...Object.entries(versions).map(([name, version]) => {
        const range = `>=${version.split(".")[0] ?? ""}.0.0 <${Number(version.split(".")[0]) + 1}.0.0`;
        return `    ${name}:\n      tag: "${version}"\n      policy: { range: "${range}" }`;
      }),
      "",
    ].join("\n");
  const others = Object.fromEntries(["accounts", "billing", "mail", "reports"].map((name) => [name, "1.0.0"]));
  const all = (key: "before" | "after") => ({
    ...others,
    ...Object.fromEntries(applications.map((one) => [one.name, one[key]])),
  });
  const lock = (key: readonly ("before" | "after")[]) =>
    applications
      .map((one) => {
        const entries = key.map((side) => {
          const version = one[side];
          return [
            `  "${version}":\n    repository: ${repository(one.name)}\n    gitTag: "${version}"`,
            `    commit: ${commits.get(`${one.name} ${version}`) ?? ""}\n    branch: main\n    chart: ./charts/${one.name}`,
            `    chartVersion: "${version}"\n    appVersion: "${version}"\n    images:`,
            `      ${image(one.name)}:${version}: ${digest(one.name + version)}`,
          ].join("\n");
        });
        return `${one.name}:\n${entries.join("\n")}\n`;
      })
      .join("");
  const declared = [...applications.map(({ name }) => name), ...Object.keys(others)].map((name) =>
    [
      `      ${name}:\n        repository: ${repository(name)}\n        chart: ./charts/${name}`,
      `        image: ${image(name)}\n        branch: master\n        releasedFrom: [main]\n        team: [${name}-developers]`,
    ].join("\n"),
  );
  const project = `name: shared\nruntime: nodejs\nconfig:\n  shared-authority:applications:\n    value:\n${declared.join("\n")}\n`;
  const older = stack({ ...all("before"), search: "1.9.0" });
  write({ "Pulumi.yaml": project, "releases.lock.yaml": lock(["before", "after"]), "Pulumi.prod.yaml": older });
  write({ "tenants/podinfo/values.yaml": "replicaCount: 2\nmessage: Hello\n" });
  await own("init", "--quiet", "--initial-branch=main");
  await commit("Promote search to 1.9.0");
  write({ "Pulumi.prod.yaml": stack(all("before")) });
  await commit("Roll back search: it forgets its index", "Bo Lindqvist");
  await own("checkout", "--quiet", "-b", "promote");
  write({
    "Pulumi.prod.yaml": stack(all("after")),
    "tenants/podinfo/values.yaml": "replicaCount: 3\nmessage: Hello\nlogLevel: warn\n",
    "tenants/checkout/values.yaml": "image:\n  repository: docker.io/acme/checkout-debug\n",
  });
  await commit("Promote podinfo, checkout and search");
}
