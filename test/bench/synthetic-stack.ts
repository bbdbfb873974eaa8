/** A stack with releases of any number of tenants. Every run writes the same files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
  for (const index of indices) {
    const folder = join("tenants", tenantName(index));
    mkdirSync(join(directory, folder), { recursive: true });
    write(directory, join(folder, "values.yaml"), values(index));
    write(directory, join(folder, "values.prod.yaml"), `replicaCount: ${2 + (index % 5)}\n`);
  }
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
