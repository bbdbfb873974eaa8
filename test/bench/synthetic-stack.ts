/** A stack with releases of any number of tenants. Every run writes the same files. */
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

/** Options of the synthetic stack. */
export interface StackOptions {
  /** An existing folder for the stack `prod`. */
  readonly directory: string;
  /** The number of tenants. */
  readonly tenants: number;
  /** Host and port of the registry with the images, plain HTTP. Default: a host that does not exist. */
  readonly registry?: string;
}

/** The folder for rendered manifests, relative to the project. */
export const renderedFolder = "rendered";

/** `tenant-00042`. */
export function tenantName(index: number): string {
  return `tenant-${String(index).padStart(5, "0")}`;
}

/** The release of every tenant. */
export const release = "6.14.1";

/** Writes stack file, lock and special config. Every third tenant has network rules and values from a Secret. */
export function writeStack({ directory, tenants, registry }: StackOptions): void {
  const indices = Array.from({ length: tenants }, (_, index) => index);
  const image = (index: number): string => `${registry ?? "registry.invalid"}/${tenantName(index)}`;
  const stack = [
    "config:",
    "  shared-authority:follow: tags",
    `  shared-authority:delivery: { manifests: ${renderedFolder} }`,
    "  shared-authority:configRepository: { url: https://git.example.com/shared-authority.git }",
    `  shared-authority:tenants:${tenants === 0 ? " {}" : ""}`,
    ...indices.flatMap((index) => entry(index, image(index), registry !== undefined)),
  ];
  write(directory, "Pulumi.yaml", "name: shared-authority\nmain: start.js\nruntime: nodejs\n");
  write(directory, "Pulumi.prod.yaml", `${stack.join("\n")}\n`);
  write(directory, "releases.lock.yaml", indices.map((index) => lockEntry(index, image(index))).join(""));
  writeValues(directory, indices);
}

function writeValues(directory: string, indices: readonly number[]): void {
  for (const index of indices) {
    const folder = join("tenants", tenantName(index));
    mkdirSync(join(directory, folder), { recursive: true });
    write(directory, join(folder, "values.yaml"), values(index));
    write(directory, join(folder, "values.prod.yaml"), `replicaCount: ${2 + (index % 5)}\n`);
  }
}

/**
 * Writes dev, which follows branches, staging and prod. Each application is declared once, in `Pulumi.yaml`, and its release
 * is in the lock. Staging and prod render into folders that hold one HelmRelease for each tenant.
 */
export function writeThreeStacks({ directory, tenants }: Omit<StackOptions, "registry">): void {
  const indices = Array.from({ length: tenants }, (_, index) => index);
  const image = (index: number): string => `registry.invalid/${tenantName(index)}`;
  const applications = indices.flatMap((index) => [
    `      ${tenantName(index)}:`,
    `        repository: https://git.example.com/${tenantName(index)}.git`,
    "        chart: ./charts/app",
    `        image: ${image(index)}`,
    "        branch: master",
    "        releasedFrom: [master]",
    `        team: [${tenantName(index)}-developers]`,
  ]);
  const project = ["name: shared-authority", "main: start.js", "runtime: nodejs", "config:"];
  const declared = [...project, "  shared-authority:applications:", "    value:", ...applications];
  write(directory, "Pulumi.yaml", `${declared.join("\n")}\n`);
  const stack = (name: string, follow: string, lines: (index: number) => readonly string[]) =>
    write(
      directory,
      `Pulumi.${name}.yaml`,
      [
        "config:",
        `  shared-authority:follow: ${follow}`,
        `  shared-authority:delivery: { manifests: ${renderedFolder}/${name} }`,
        ...(follow === "tags"
          ? ["  shared-authority:configRepository: { url: https://git.example.com/shared.git }"]
          : []),
        "  shared-authority:tenants:",
        ...indices.flatMap(lines),
        "",
      ].join("\n"),
    );
  stack("dev", "branch", (index) => [`    ${tenantName(index)}: {}`]);
  for (const name of ["staging", "prod"]) {
    stack(name, "tags", (index) => [
      `    ${tenantName(index)}:`,
      `      tag: "${release}" # {"$imagepolicy": "flux-system:${tenantName(index)}:tag"}`,
      `      digest: "${digest(index)}" # {"$imagepolicy": "flux-system:${tenantName(index)}:digest"}`,
      '      policy: {range: ">=6.0.0 <7.0.0", automation: auto, deny: ["6.13.5"]}',
    ]);
    const folder = join(directory, renderedFolder, name, "1-manifest");
    mkdirSync(folder, { recursive: true });
    for (const index of indices) {
      const file = `helm.toolkit.fluxcd.io_v2-helmrelease-flux-system-${tenantName(index)}.yaml`;
      write(folder, file, `metadata:\n  annotations:\n    shared-authority/version: "${release}"\n`);
    }
  }
  write(directory, "releases.lock.yaml", indices.map((index) => lockEntry(index, image(index))).join(""));
  writeValues(directory, indices);
}

/**
 * Commits the files of `writeThreeStacks`, and then promotions in prod: nine of ten by automation, one by a person, who goes back
 * every other time. Automation then goes on to a version that is new.
 */
export async function commitHistory(
  { directory, tenants }: Omit<StackOptions, "registry">,
  commits: number,
): Promise<void> {
  const git = (input: string, ...args: string[]) => execa("git", args, { cwd: directory, input });
  await git("", "init", "--quiet", "--initial-branch=main");
  await git("", "add", "--all");
  await git("", "-c", "user.name=Ana", "-c", "user.email=ana@example.com", "commit", "--quiet", "-m", "Start");
  const file = "Pulumi.prod.yaml";
  const original = readFileSync(join(directory, file), "utf8");
  let text = original;
  const newest = new Map<string, number>();
  const importer = execa("git", ["fast-import", "--quiet"], { cwd: directory, buffer: false });
  for (let count = 0; count < commits; count += 1) {
    // A prime, so that each tenant has its turn.
    const name = tenantName((count * 7919) % tenants);
    const from = text.indexOf('tag: "', text.indexOf(`    ${name}:`)) + 6;
    const until = text.indexOf('"', from);
    const minor = Number(text.slice(from, until).split(".")[1]);
    const isBack = count % 20 === 19;
    const next = isBack ? minor - 1 : (newest.get(name) ?? minor) + 1;
    if (!isBack) newest.set(name, next);
    // At the end, a person decides again what the lock and the folders have.
    text = count === commits - 1 ? original : `${text.slice(0, from)}6.${next}.1${text.slice(until)}`;
    const author =
      count % 10 === 9 || count === commits - 1
        ? "Ana <ana@example.com>"
        : "Shared Authority <shared-authority@localhost>";
    const time = `${1_700_000_000 + count * 60} +0000`;
    const message = `Promote ${name}\n`;
    const lines = [
      ...["commit refs/heads/main", `author ${author} ${time}`, `committer ${author} ${time}`],
      ...[`data ${message.length}`, `${message}${count === 0 ? "from refs/heads/main^0" : ""}`],
      ...[`M 100644 inline ${file}`, `data ${Buffer.byteLength(text)}`, `${text}\n`],
    ];
    if (!importer.stdin.write(lines.join("\n"))) await once(importer.stdin, "drain");
  }
  importer.stdin.end();
  await importer;
  await git("", "reset", "--quiet", "--hard");
}

function entry(index: number, image: string, insecure: boolean): string[] {
  const name = tenantName(index);
  const open = index % 3 === 0;
  return [
    `    ${name}:`,
    `      repository: https://git.example.com/${name}.git`,
    "      chart: ./charts/app",
    `      image: ${image}`,
    ...(insecure ? ["      insecureRegistry: true"] : []),
    `      tag: "${release}" # {"$imagepolicy": "flux-system:${name}:tag"}`,
    `      digest: "${digest(index)}" # {"$imagepolicy": "flux-system:${name}:digest"}`,
    '      policy: { range: ">=6.0.0 <7.0.0", automation: auto, deny: ["6.13.5"] }',
    `      team: [${name}-developers]`,
    ...(open ? ["      network: { ingress: [{ namespaces: [ingress], ports: [8080] }] }"] : []),
    ...(open ? [`      secrets: [${name}-credentials]`] : []),
  ];
}

function lockEntry(index: number, image: string): string {
  const name = tenantName(index);
  return [
    `${name}:`,
    `  "${release}":`,
    `    repository: https://git.example.com/${name}.git`,
    `    gitTag: "${release}"`,
    `    commit: ${hexadecimal(index, 40)}`,
    "    branch: master",
    "    chart: ./charts/app",
    `    chartVersion: "${release}"`,
    `    appVersion: "${release}"`,
    "    images:",
    `      ${image}:${release}: ${digest(index)}\n`,
  ].join("\n");
}

function values(index: number): string {
  return [
    `# Special config of ${tenantName(index)}`,
    "ui:",
    `  message: "Hello from ${tenantName(index)}"`,
    "  color: '#34577c'",
    "resources:",
    "  requests: { cpu: 50m, memory: 64Mi }",
    "  limits: { memory: 256Mi }",
    "ingress:",
    "  enabled: true",
    "  hosts:",
    `    - host: ${tenantName(index)}.example.com`,
    "      paths: [{ path: /, pathType: Prefix }]\n",
  ].join("\n");
}

function digest(index: number): string {
  return `sha256:${hexadecimal(index, 64)}`;
}

function hexadecimal(index: number, length: number): string {
  return (index + 1).toString(16).padStart(length, "f");
}

function write(directory: string, path: string, content: string): void {
  writeFileSync(join(directory, path), content);
}
