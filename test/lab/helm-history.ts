import { gunzipSync } from "node:zlib";
import type { Cluster, LiveObject, Selection } from "./cluster";

/** A revision of a Helm release. */
export interface HelmRevision {
  readonly revision: number;
  /** Helm's status: `deployed`, `superseded`, `failed`, `pending-upgrade`, ... */
  readonly status: string;
  readonly chartVersion: string;
  readonly appVersion: string;
  /** The values of the release, without the chart's defaults. */
  readonly values: Readonly<Record<string, unknown>>;
  /** When Helm started this revision. */
  readonly deployedAt: Date;
}

interface HelmRecord {
  readonly version: number;
  readonly info: { readonly status: string; readonly last_deployed: string };
  readonly chart: { readonly metadata: { readonly version: string; readonly appVersion: string } };
  readonly config?: Readonly<Record<string, unknown>>;
}

/**
 * The revisions of a release, oldest first. Helm stores every revision, so even a short-lived mix of an old chart and new
 * values appears here.
 *
 * @param namespace the release's storage namespace
 * @param release the name of the release
 */
export async function helmHistory(cluster: Cluster, namespace: string, release: string): Promise<HelmRevision[]> {
  const secrets = await cluster.list(helmRecords(namespace, release));
  return secrets.map(helmRevision).sort((a, b) => a.revision - b.revision);
}

/** Selects the Secrets of a release, one per revision. */
export function helmRecords(namespace: string, release: string): Selection {
  return { apiVersion: "v1", kind: "Secret", namespace, labelSelector: `owner=helm,name=${release}` };
}

/** Reads the revision from its Secret: gzip, in Helm's base64, in Kubernetes' base64. */
export function helmRevision({ data }: LiveObject): HelmRevision {
  const encoded = Buffer.from((data as { readonly release: string }).release, "base64").toString("ascii");
  const record = gunzipSync(Buffer.from(encoded, "base64")).toString("utf8");
  const { version, info, chart, config } = JSON.parse(record) as HelmRecord;
  return {
    revision: version,
    status: info.status,
    chartVersion: chart.metadata.version,
    appVersion: chart.metadata.appVersion,
    values: config ?? {},
    deployedAt: new Date(info.last_deployed),
  };
}
