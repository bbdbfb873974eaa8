import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { Cluster } from "./cluster";
import type { Lab } from "./lab";
import { attachLab } from "./start";

/** The environment variables that name a lab which exists already. */
export const labVariables = {
  /** The directory of a lab that `npm run lab -- up` started. */
  lab: "AUTHORITY_LAB",
  /** Host and port of a registry. With `KUBECONFIG` and the next one: a cluster of the user's own. */
  registry: "AUTHORITY_E2E_REGISTRY",
  /** Address of a Git host. */
  git: "AUTHORITY_E2E_GIT",
  /** `1` where the registry speaks plain HTTP. */
  insecureRegistry: "AUTHORITY_E2E_REGISTRY_INSECURE",
} as const;

/**
 * The lab that the environment names: one of our own that runs (`AUTHORITY_LAB`), or a user's cluster (`KUBECONFIG`,
 * `AUTHORITY_E2E_REGISTRY` and `AUTHORITY_E2E_GIT`). `KUBECONFIG` alone never counts: nobody's tests shall run on
 * whatever cluster the shell happens to point at.
 *
 * @returns `undefined` where the environment names none
 * @throws Error where it names half of one
 */
export function connectLab(environment: NodeJS.ProcessEnv = process.env): Lab | undefined {
  const { lab, registry, git, insecureRegistry } = labVariables;
  const directory = environment[lab];
  if (directory !== undefined && directory !== "") return attachLab(directory);
  const [registryHost, gitUrl] = [environment[registry] ?? "", environment[git] ?? ""];
  if (registryHost === "" && gitUrl === "") return undefined;
  const [kubeconfigPath = ""] = (environment.KUBECONFIG ?? "").split(delimiter);
  const missing = Object.entries({ [registry]: registryHost, [git]: gitUrl, KUBECONFIG: kubeconfigPath })
    .filter(([, value]) => value === "")
    .map(([name]) => name);
  if (missing.length > 0) {
    throw new Error(`A cluster of your own needs ${missing.join(" and ")} too; see docs/lab.md.`);
  }
  if (!existsSync(kubeconfigPath)) throw new Error(`KUBECONFIG is ${kubeconfigPath}, and there is no such file.`);
  return {
    kubeconfigPath,
    apiUrl: Cluster.fromKubeconfig(kubeconfigPath).url,
    registryHost,
    insecureRegistry: environment[insecureRegistry] === "1",
    gitUrl: gitUrl.replace(/\/+$/, ""),
    stop: () => Promise.resolve(),
  };
}
