import type { ConfigFiles } from "../config/stack-file";
import type { ClusterAccess } from "../program/cluster-client";
import { declaredCluster } from "./declared-cluster";
import { InputError } from "./input-error";
import type { Session } from "./session";

/** Options of verbs that read a cluster. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** The cluster that the flags name, or else the stack file. Never the shell's current context. */
export function clusterAccess(files: ConfigFiles, options: ClusterOptions, session: Session): ClusterAccess {
  const { kubeconfig, context } = options;
  if (kubeconfig !== undefined || context !== undefined) {
    return { kubeconfig: kubeconfig === undefined ? undefined : session.path(kubeconfig), context };
  }
  const declared = declaredCluster(files);
  if (declared !== undefined) return declared;
  throw new InputError(
    `${files.stack.path} names no cluster that can be read here. Name one with \`--context\` or \`--kubeconfig\`.`,
  );
}
