import { printable } from "../config/printable";
import { readConfigFiles, readStackConfig } from "../config/read-stack-config";
import type { StackConfig } from "../config/stack-config";
import { parseImage } from "../config/image-reference";
import { allowedRepositories, imageAdmissionObjects } from "../manifests/image-admission";
import { yamlText } from "../manifests/yaml-text";
import { openUndeclared } from "../program/running-images";
import { clusterAccess, type ClusterOptions } from "./cluster-access";
import { type ExitCode, exitCode } from "./exit-code";
import type { Session } from "./session";
import { table } from "./table";
import type { Colors } from "./terminal";

/** Options of `authority images`. */
export interface ImagesOptions extends ClusterOptions {
  readonly stack: string;
  /** Prints the admission policy instead. */
  readonly policy?: boolean;
  readonly json?: boolean;
}

/** An image in a tenant's namespace that the mode `deny` would refuse. */
export interface RefusedImage {
  readonly tenant: string;
  readonly namespace: string;
  /** `Deployment podinfo`. */
  readonly object: string;
  readonly image: string;
  /** The repository, as `images.also` names it. */
  readonly repository: string;
}

/**
 * Lists the running pods and the pod templates of a stack whose images the admission mode `deny` would refuse, or prints
 * the stack's admission policy, which an administrator applies where the stack renders manifests.
 *
 * @returns blocked if there is such an image
 * @throws ClusterError if the cluster cannot be read
 */
export async function images(options: ImagesOptions, session: Session): Promise<ExitCode> {
  const { root, terminal } = session;
  session.requireOneVersion();
  const config = readStackConfig({ root, stack: options.stack });
  if (options.policy === true) {
    terminal.print(policyYaml(config));
    return exitCode.fine;
  }
  const cluster = clusterAccess(readConfigFiles(root, options.stack), options, session);
  const refused: RefusedImage[] = [];
  const read = await openUndeclared(cluster);
  for (const tenant of config.tenants) {
    const { name, namespace } = tenant;
    terminal.count(`reading the namespace ${namespace}`);
    for (const { object, images } of await read(namespace, allowedRepositories(tenant))) {
      for (const image of images) {
        refused.push({ tenant: name, namespace, object, image, repository: parseImage(image).repository });
      }
    }
  }
  terminal.done();
  if (options.json === true) terminal.printJson({ refused });
  else terminal.print(describe(config, refused, terminal.colors));
  return refused.length === 0 ? exitCode.fine : exitCode.blocked;
}

/** With both bindings, so that a changed mode needs no administrator. */
function policyYaml({ stack, authorityNamespace }: StackConfig): string {
  const objects = imageAdmissionObjects(stack, { authorityNamespace, modes: ["deny", "audit"] });
  return objects
    .map(({ object }) => yamlText(object))
    .join("---\n")
    .trimEnd();
}

function describe({ stack }: StackConfig, refused: readonly RefusedImage[], colors: Colors): string {
  if (refused.length === 0) return `${stack}: every image is of a repository that its tenant declares.`;
  const rows = refused.map(({ tenant, object, image }) => [tenant, object, image]);
  const missing = new Map<string, Set<string>>();
  for (const { tenant, repository } of refused) {
    missing.set(tenant, (missing.get(tenant) ?? new Set()).add(repository));
  }
  return [
    table(["TENANT", "OBJECT", "IMAGE"], rows, colors),
    "",
    "`deny` would refuse to create these again. If the platform accepts them, declare them:",
    ...Array.from(missing, ([tenant, repositories]) =>
      printable(`  ${tenant}: images: {also: [${[...repositories].sort().join(", ")}]}`),
    ),
  ].join("\n");
}
