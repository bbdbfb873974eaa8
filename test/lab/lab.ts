/** A cluster with Flux, a registry and a Git server: our own, or a user's. */
export interface Lab {
  readonly kubeconfigPath: string;
  /** The API server's address. */
  readonly apiUrl: string;
  /** Host and port of a registry that takes pushes, as the cluster and this machine both reach it. */
  readonly registryHost: string;
  /** The same with scheme, `http://` or `https://`. */
  readonly registryUrl: string;
  /** Address of a Git host, without slash at its end; `<gitUrl>/<name>.git` is a repository, made by the first push to it. */
  readonly gitUrl: string;
  /** The folder of the Git host's bare repositories. Absent on a cluster of the user's own. */
  readonly gitRoot?: string;
  /** Rights over the lab's processes. Absent on a cluster of the user's own. */
  readonly control?: LabControl;
  /** Ends the lab where this process started it; otherwise does nothing. */
  stop(): Promise<void>;
}

/** Rights over the processes of a lab of our own. */
export interface LabControl {
  /** The lab's directory. */
  readonly directory: string;
  /** The folder of the logs: `<component>.log` each. */
  readonly logs: string;
  /** The bearer token of an administrator (group `system:masters`). */
  readonly adminToken: string;
  /** Kills one process, with SIGKILL. It stays down until it is restarted. */
  kill(component: string): Promise<void>;
  /** Starts one process again, at the same address and on the same data, and returns once it works. */
  restart(component: string): Promise<void>;
  /**
   * From now on pods never become ready whose image's reference holds one of these texts. Pods that are ready stay so;
   * with no texts, those held back become ready after all.
   */
  keepUnready(...images: string[]): Promise<void>;
}
