import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { digestOf } from "./digest";
import { listenOnLoopback, type Listening } from "./loopback";

/**
 * Serves an OCI registry on a free port of 127.0.0.1. It keeps everything in memory and implements the part of the
 * distribution specification that clients need to push, pull, list and delete. It has no authentication and no TLS:
 * clients need their option for insecure registries.
 */
export async function serveRegistry(): Promise<Listening> {
  const repositories = new Map<string, Repository>();
  const server = createServer((request, response) => {
    answer(request, repositories).then(
      ({ status, headers, body = Buffer.alloc(0) }) => {
        const length = status === 204 ? {} : { "Content-Length": body.length };
        response.writeHead(status, { "Docker-Distribution-API-Version": "registry/2.0", ...length, ...headers });
        response.end(request.method === "HEAD" ? undefined : body);
      },
      () => response.destroy(),
    );
  });
  return listenOnLoopback(server);
}

/** The content of one repository. Manifests keep their exact bytes, because their digest covers them. */
class Repository {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { readonly mediaType: string; readonly body: Buffer }>();
  readonly tags = new Map<string, string>();
  /** The bytes received so far, by upload ID. */
  readonly uploads = new Map<string, Buffer>();
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

interface Call {
  readonly method: string;
  /** The repository's name. */
  readonly name: string;
  readonly repository: Repository;
  /** The last part of the path: a tag, a digest or an upload ID. */
  readonly reference: string;
  readonly query: URLSearchParams;
  readonly mediaType: string;
  readonly body: Buffer;
}

const route = /^\/v2\/(?<name>.+)\/(?<resource>blobs\/uploads|blobs|manifests|tags)\/(?<reference>[^/]*)$/;

const handlers: Readonly<Record<string, (call: Call) => Reply>> = {
  "blobs/uploads": upload,
  blobs: blob,
  manifests: manifest,
  tags: tagList,
};

async function answer(request: IncomingMessage, repositories: Map<string, Repository>): Promise<Reply> {
  const [path = "", query] = (request.url ?? "").split("?", 2);
  if (path === "/v2/") return json({});
  const { name = "", resource = "", reference = "" } = route.exec(path)?.groups ?? {};
  const handle = handlers[resource];
  if (handle === undefined) return refusal(404, "NAME_UNKNOWN");
  const body = await buffer(request);
  const repository = repositories.get(name) ?? new Repository();
  repositories.set(name, repository);
  const mediaType = request.headers["content-type"] ?? "";
  const method = request.method ?? "GET";
  return handle({ method, name, repository, reference, query: new URLSearchParams(query), mediaType, body });
}

function upload({ method, name, repository: { uploads, blobs }, reference, query, body }: Call): Reply {
  if (!["POST", "PATCH", "PUT"].includes(method)) return unsupported;
  const id = method === "POST" ? randomUUID() : reference;
  const received = method === "POST" ? Buffer.alloc(0) : uploads.get(id);
  if (received === undefined) return refusal(404, "BLOB_UPLOAD_UNKNOWN");
  const content = Buffer.concat([received, body]);
  if (method === "PUT") {
    const digest = digestOf(content);
    if (query.get("digest") !== digest) return refusal(400, "DIGEST_INVALID");
    uploads.delete(id);
    blobs.set(digest, content);
    return created(name, "blobs", digest);
  }
  uploads.set(id, content);
  const headers = { Location: `/v2/${name}/blobs/uploads/${id}`, Range: `0-${Math.max(content.length - 1, 0)}` };
  return { status: 202, headers };
}

function blob({ method, repository: { blobs }, reference }: Call): Reply {
  const content = blobs.get(reference);
  if (content === undefined) return refusal(404, "BLOB_UNKNOWN");
  if (isRead(method)) return found(reference, "application/octet-stream", content);
  if (method !== "DELETE") return unsupported;
  blobs.delete(reference);
  return { status: 202 };
}

function manifest(call: Call): Reply {
  const { method, repository, reference } = call;
  const { manifests, tags } = repository;
  if (method === "PUT") return storeManifest(call);
  const digest = tags.get(reference) ?? reference;
  const stored = manifests.get(digest);
  if (stored === undefined) return refusal(404, "MANIFEST_UNKNOWN");
  if (isRead(method)) return found(digest, stored.mediaType, stored.body);
  if (method !== "DELETE") return unsupported;
  // Deleting a tag keeps the manifest. Deleting a manifest by its digest removes its tags.
  if (!tags.delete(reference)) {
    manifests.delete(digest);
    for (const [tag, tagged] of tags) if (tagged === digest) tags.delete(tag);
  }
  return { status: 202 };
}

interface Descriptor {
  readonly digest: string;
}

function storeManifest({ name, repository, reference, mediaType, body }: Call): Reply {
  const { blobs, manifests, tags } = repository;
  const digest = digestOf(body);
  const isDigest = reference.includes(":");
  if (isDigest && reference !== digest) return refusal(400, "DIGEST_INVALID");
  const content = JSON.parse(body.toString("utf8")) as Partial<Record<string, Descriptor | Descriptor[]>>;
  const parts = [content.config ?? [], content.layers ?? [], content.manifests ?? []].flat();
  if (!parts.every((part) => blobs.has(part.digest) || manifests.has(part.digest))) {
    return refusal(400, "MANIFEST_BLOB_UNKNOWN");
  }
  manifests.set(digest, { mediaType, body });
  if (!isDigest) tags.set(reference, digest);
  return created(name, "manifests", digest);
}

function tagList({ method, name, repository, query }: Call): Reply {
  if (method !== "GET") return unsupported;
  if (repository.manifests.size === 0) return refusal(404, "NAME_UNKNOWN");
  const last = query.get("last") ?? "";
  const limit = Number(query.get("n") ?? Number.POSITIVE_INFINITY);
  if (!(limit >= 0)) return refusal(400, "PAGINATION_NUMBER_INVALID");
  const rest = [...repository.tags.keys()].sort().filter((tag) => tag > last);
  const tags = rest.slice(0, limit);
  const next = tags.length < rest.length ? tags.at(-1) : undefined;
  const link = `</v2/${name}/tags/list?last=${next ?? ""}&n=${limit}>; rel="next"`;
  return json({ name, tags }, next === undefined ? {} : { Link: link });
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

function found(digest: string, mediaType: string, body: Buffer): Reply {
  return { status: 200, headers: { "Content-Type": mediaType, "Docker-Content-Digest": digest }, body };
}

function created(name: string, resource: "blobs" | "manifests", digest: string): Reply {
  return { status: 201, headers: { Location: `/v2/${name}/${resource}/${digest}`, "Docker-Content-Digest": digest } };
}

function json(value: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Reply {
  const body = Buffer.from(JSON.stringify(value));
  return { status, headers: { "Content-Type": "application/json", ...headers }, body };
}

/** An error of the specification. */
function refusal(status: number, code: string): Reply {
  return json({ errors: [{ code, message: code.toLowerCase().replaceAll("_", " ") }] }, {}, status);
}

const unsupported = refusal(405, "UNSUPPORTED");
