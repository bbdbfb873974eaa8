import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { Cluster } from "./cluster";
import type { Lab } from "./lab";
import { attachLab } from "./start";

/** The environment variables that name a lab which exists already. */
export const labVariables = {
  /** The directory of a lab that `npm run lab -- up` started. */
  lab: "AUTHORITY_LAB",
  /** Address of a registry, `https://` or `http://`. With `KUBECONFIG` and the next one: a user's own cluster. */
  registry: "AUTHORITY_E2E_REGISTRY",
  /** Address of a Git host. */
  git: "AUTHORITY_E2E_GIT",
} as const;

/**
 * The lab that the environment names: one of our own that runs (`AUTHORITY_LAB`), or a user's cluster (`KUBECONFIG`,
 * `AUTHORITY_E2E_REGISTRY` and `AUTHORITY_E2E_GIT`). `KUBECONFIG` alone never counts: nobody's tests shall run on
 * whatever cluster the shell happens to point at.
 *
 * @returns `undefined` where the environment names none
 * @throws Error where it names half of one, or an address that is none
 */
export function connectLab(environment: NodeJS.ProcessEnv = process.env): Lab | undefined {
  const { lab, registry, git } = labVariables;
  const directory = environment[lab];
  if (directory !== undefined && directory !== "") return attachLab(directory);
  const [registryUrl, gitUrl] = [addressIn(environment, registry), addressIn(environment, git)];
  if (registryUrl === undefined && gitUrl === undefined) return undefined;
  const [kubeconfigPath = ""] = (environment.KUBECONFIG ?? "").split(delimiter);
  if (registryUrl === undefined || gitUrl === undefined || kubeconfigPath === "") {
    throw new Error(`A cluster of your own needs KUBECONFIG, ${registry} and ${git}, all three; see docs/lab.md.`);
  }
  if (!existsSync(kubeconfigPath)) throw new Error(`KUBECONFIG is ${kubeconfigPath}, and there is no such file.`);
  return {
    kubeconfigPath,
    apiUrl: Cluster.fromKubeconfig(kubeconfigPath).url,
    registryHost: new URL(registryUrl).host,
    registryUrl,
    gitUrl,
    stop: () => Promise.resolve(),
  };
}

function addressIn(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name] ?? "";
  if (value === "") return undefined;
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) {
    throw new Error(`${name} is ${value}; it must be an address such as https://registry.example.com.`);
  }
  return value.replace(/\/+$/, "");
}
