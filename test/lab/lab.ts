/** A cluster with Flux, a registry and a Git server: started by us, or the user's own. */
export interface Lab {
  readonly kubeconfigPath: string;
  /** The API server's address. */
  readonly apiUrl: string;
  /** Host and port of the registry. Cluster and tests can both push to it and pull from it. */
  readonly registryHost: string;
  /** The registry's URL, with `http://` or `https://`. */
  readonly registryUrl: string;
  /** The Git host, without a trailing slash. The first push to `<gitUrl>/<name>.git` creates that repository. */
  readonly gitUrl: string;
  /** The folder with the Git host's bare repositories. Absent on a user's own cluster. */
  readonly gitRoot?: string;
  /** Where Flux receives webhooks, without a trailing slash. Absent on a user's own cluster. */
  readonly receiverUrl?: string;
  /** Absent on a user's own cluster. */
  readonly control?: LabControl;
  /** Ends the lab if this process started it. Otherwise does nothing. */
  stop(): Promise<void>;
}

/** Controls the processes of a lab. */
export interface LabControl {
  /** The lab's directory. */
  readonly directory: string;
  /** The folder with `<component>.log` for each component. */
  readonly logs: string;
  /** The bearer token of an administrator (group `system:masters`). */
  readonly adminToken: string;
  /** Kills a process with SIGKILL. It stays down until `restart`. */
  kill(component: string): Promise<void>;
  /** Starts a process again with the same address and data, and waits until it is ready. */
  restart(component: string): Promise<void>;
  /**
   * Keeps new pods unready if an image reference contains one of these texts. Pods that are ready stay ready. Without
   * arguments, all pods become ready again.
   */
  keepUnready(...images: string[]): Promise<void>;
}
