import { gunzipSync } from "node:zlib";
import type { Cluster, LiveObject, Selection } from "./cluster";

/** One revision in Helm's own record of a release. */
export interface HelmRevision {
  readonly revision: number;
  /** Helm's word: `deployed`, `superseded`, `failed`, `pending-upgrade`, ... */
  readonly status: string;
  readonly chartVersion: string;
  readonly appVersion: string;
  /** The values that were given, without the chart's own defaults. */
  readonly values: Readonly<Record<string, unknown>>;
  /** When Helm began with this revision. */
  readonly deployedAt: Date;
}

interface HelmRecord {
  readonly version: number;
  readonly info: { readonly status: string; readonly last_deployed: string };
  readonly chart: { readonly metadata: { readonly version: string; readonly appVersion: string } };
  readonly config?: Readonly<Record<string, unknown>>;
}

/**
 * What Helm has deployed, the oldest revision first. It is Helm's own record and holds each state that ever ran, so that
 * a mix of old chart and new values cannot hide in it, however short it ran.
 *
 * @param namespace where Helm keeps its record
 * @param release the name of the release
 */
export async function helmHistory(cluster: Cluster, namespace: string, release: string): Promise<HelmRevision[]> {
  const secrets = await cluster.list(helmRecords(namespace, release));
  return secrets.map(helmRevision).sort((a, b) => a.revision - b.revision);
}

/** The Secrets in which Helm keeps its record of a release, one for each revision. */
export function helmRecords(namespace: string, release: string): Selection {
  return { apiVersion: "v1", kind: "Secret", namespace, labelSelector: `owner=helm,name=${release}` };
}

/** What such a Secret records: Kubernetes' own base64 around Helm's base64 around gzip. */
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
