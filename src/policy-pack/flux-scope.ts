import { parseApplications } from "../config/parse-applications";
import type { Tenant } from "../config/stack-config";
import { imagePostRenderers, pinnedImages } from "../manifests/pinned-image";
import { chartLayer } from "../manifests/release-policy";
import type { EvidenceReader } from "../release/evidence-reader";
import { expectationsOf, promiseReasons } from "../release/promise";
import { chartTagOf, versionOfTag } from "../version/version";
import { differences } from "./difference";
import { mapAt, textAt, valueAt } from "./field";
import { JudgedObject, objectKey } from "./judged-object";
import { type Resource, typeFaults } from "./resource";

/** The fields of a source that do not change what it fetches at its reference. */
const harmless = [
  ...["url", "ref", "interval", "timeout", "suspend", "insecure", "verify", "layerSelector"],
  ...["secretRef", "certSecretRef", "proxySecretRef", "serviceAccountName", "provider"],
];

/**
 * Judges only HelmReleases and their sources, of any program: each HelmRelease runs a release of a declared application that
 * keeps the promise, by what Git and the registry say now. It relies on nothing that the judged program or stack says.
 */
export class FluxScope {
  readonly #sources = new Map<string, JudgedObject>();
  /** By provider and key. */
  readonly #seen = new Set<string>();
  readonly #applications: readonly Tenant[];

  /**
   * @param applications as under `shared-authority:applications`
   * @throws ProblemsError if they are not valid
   */
  constructor(
    applications: Readonly<Record<string, unknown>>,
    readonly reader: EvidenceReader,
  ) {
    this.#applications = parseApplications(applications, "the policy pack's config");
  }

  /**
   * What is wrong with an object.
   *
   * @throws UnknownValueError if the engine does not know a value yet
   */
  async faultsOf(resource: Resource): Promise<readonly string[]> {
    const { type, props } = resource;
    if (!type.startsWith("kubernetes:")) return [];
    const object = new JudgedObject(props);
    // A patch, or an object whose own fields do not say what it is, changes a release as well.
    const isRelease = isOf(type, object, "helm.toolkit.fluxcd.io") || object.kind.startsWith("HelmRelease");
    if (!isRelease && !isOf(type, object, "source.toolkit.fluxcd.io")) {
      return Array.isArray(valueAt(object.content, "items")) ? ["a list hides its objects; register each of them"] : [];
    }
    // The engine does not touch an object without inputs.
    if (Object.keys(props).length === 0) return [];
    const place = placeOf(resource, object.key);
    if (this.#seen.has(place)) return ["it is in this run already; one of the two would replace the other"];
    this.#seen.add(place);
    const faults = typeFaults(resource);
    if (faults.length > 0) return faults;
    if (object.kind.endsWith("Patch")) return ["a patch shows only some fields; register the whole object"];
    if (isRelease) return this.#releaseFaults(resource, object);
    const other = this.#sources.get(object.key);
    if (other === undefined) this.#sources.set(object.key, object);
    // Two providers may be for one cluster, where the second object would replace the first.
    const different =
      other === undefined ? [] : differences(valueAt(object.content, "spec"), valueAt(other.content, "spec"));
    return different.map(
      (fault) => `it is on another provider too, and its spec.${fault}; name each source after its version`,
    );
  }

  async #releaseFaults(resource: Resource, object: JudgedObject): Promise<readonly string[]> {
    const spec = mapAt(object.content, "spec");
    if (spec.chart !== undefined && spec.chartRef !== undefined) return ["it has both spec.chart and spec.chartRef"];
    const reference = spec.chartRef ?? valueAt(spec, "chart", "spec", "sourceRef");
    const kind = textAt(reference, "kind");
    if (kind !== "GitRepository" && kind !== "OCIRepository") {
      return [
        `its source has ${kind === undefined ? "no kind" : `the kind ${kind}`}; expected a GitRepository or an OCIRepository`,
      ];
    }
    const name = textAt(reference, "name") ?? "";
    const namespace = textAt(reference, "namespace") ?? object.namespace;
    const key = objectKey("source.toolkit.fluxcd.io", kind, namespace, name);
    const source = this.#seen.has(placeOf(resource, key)) ? this.#sources.get(key) : undefined;
    return source === undefined
      ? [
          `its source ${kind} ${name} was not judged before it, on the same provider; it must come first, by \`dependsOn\``,
        ]
      : this.#sourceFaults(source, spec);
  }

  async #sourceFaults(
    { kind, content }: JudgedObject,
    release: Readonly<Record<string, unknown>>,
  ): Promise<readonly string[]> {
    const chart = textAt(release, "chart", "spec", "chart") ?? "";
    const isOci = kind === "OCIRepository";
    const spec = mapAt(content, "spec");
    const url = textAt(spec, "url") ?? "";
    const application = this.#applications.find((one) =>
      one.chart.kind === "oci"
        ? isOci && one.chart.url === url
        : !isOci && one.repository === url && withoutDot(one.chart.path) === withoutDot(chart),
    );
    if (application === undefined) {
      const what = isOci ? url : `the chart "${chart}" in ${url}`;
      return [`no application of the policy pack's config has ${what}; declare it under \`applications\``];
    }
    const layer = spec.layerSelector ?? { mediaType: chartLayer, operation: "copy" };
    const faults = [
      ...Object.keys(spec).flatMap((field) =>
        harmless.includes(field) ? [] : [`spec.${field} of its source changes it`],
      ),
      ...differences(layer, { mediaType: chartLayer, operation: "copy" }).map((fault) => `layerSelector.${fault}`),
    ];
    return faults.length > 0 ? faults : this.#referenceFaults(application, mapAt(spec, "ref"), release.postRenderers);
  }

  /** The reference must be a release, and fixed to what Git or the registry has of it. */
  async #referenceFaults(
    application: Tenant,
    { tag, ...ref }: Readonly<Record<string, unknown>>,
    postRenderers: unknown,
  ): Promise<readonly string[]> {
    const { prefix, chart } = application;
    const isOci = chart.kind === "oci";
    const fixed = isOci ? "digest" : "commit";
    const version = versionOfTag(typeof tag === "string" ? tag : "", isOci ? chartTagOf(prefix.chart) : prefix.git);
    if (version === undefined || Object.keys(ref).some((field) => field !== fixed)) {
      return [
        `spec.ref of its source is not a release; expected \`tag\` and \`${fixed}\` alone, the tag with the declared prefix`,
      ];
    }
    const tenant = { ...application, tag: prefix.image + version };
    const read = await this.reader.readRelease(tenant);
    if ("missing" in read) return read.missing;
    const { commit, chartDigest, images } = read.evidence;
    const isPinned = differences(postRenderers, imagePostRenderers(pinnedImages(images))).length === 0;
    return [
      ...promiseReasons(read.evidence, expectationsOf(tenant)),
      ...differences({ [fixed]: ref[fixed] }, { [fixed]: isOci ? chartDigest : commit }).map(
        (fault) => `its source's spec.ref.${fault}`,
      ),
      ...(postRenderers === undefined || isPinned
        ? []
        : ["spec.postRenderers changes what the release holds; expected none but those of `pinDigest`"]),
    ];
  }
}

/** An object of a provider. Each cluster has its own. */
function placeOf({ provider }: Resource, key: string): string {
  return `${provider?.urn ?? ""} ${key}`;
}

function withoutDot(path: string): string {
  return path.replace(/^\.\//, "");
}

function isOf(type: string, object: JudgedObject, group: string): boolean {
  return object.group === group || type.startsWith(`kubernetes:${group}/`);
}
