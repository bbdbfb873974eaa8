import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { Cluster } from "./cluster";
import type { Lab } from "./lab";
import { attachLab } from "./start";

/** The environment variables that select an existing lab. */
export const labVariables = {
  /** The directory of a lab that `npm run lab -- up` started. */
  lab: "AUTHORITY_LAB",
  /** URL of a registry. Together with `KUBECONFIG` and `git`: a user's own cluster. */
  registry: "AUTHORITY_E2E_REGISTRY",
  /** URL of a Git host. */
  git: "AUTHORITY_E2E_GIT",
} as const;

/**
 * The lab selected by the environment: a running lab (`AUTHORITY_LAB`) or a user's cluster (`KUBECONFIG`,
 * `AUTHORITY_E2E_REGISTRY` and `AUTHORITY_E2E_GIT`). `KUBECONFIG` alone is not enough, so that tests never run on the
 * shell's current cluster by accident.
 *
 * @returns `undefined` if the environment selects no lab
 * @throws Error if a variable is missing or is not a URL
 */
export function connectLab(environment: NodeJS.ProcessEnv = process.env): Lab | undefined {
  const { lab, registry, git } = labVariables;
  const directory = environment[lab];
  if (directory !== undefined && directory !== "") return attachLab(directory);
  const [registryUrl, gitUrl] = [urlIn(environment, registry), urlIn(environment, git)];
  if (registryUrl === undefined && gitUrl === undefined) return undefined;
  const [kubeconfigPath = ""] = (environment.KUBECONFIG ?? "").split(delimiter);
  if (registryUrl === undefined || gitUrl === undefined || kubeconfigPath === "") {
    throw new Error(`A cluster of your own needs KUBECONFIG, ${registry} and ${git}. See docs/lab.md.`);
  }
  if (!existsSync(kubeconfigPath)) throw new Error(`KUBECONFIG is ${kubeconfigPath}, but this file does not exist.`);
  return {
    kubeconfigPath,
    apiUrl: Cluster.fromKubeconfig(kubeconfigPath).url,
    registryHost: new URL(registryUrl).host,
    registryUrl,
    gitUrl,
    stop: () => Promise.resolve(),
  };
}

function urlIn(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name] ?? "";
  if (value === "") return undefined;
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) {
    throw new Error(`${name} is ${value}; it must be a URL such as https://registry.example.com.`);
  }
  return value.replace(/\/+$/, "");
}
