import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { listenOnLoopback, type Listening } from "./loopback";

/**
 * Serves an OCI registry on a free port of 127.0.0.1, with everything in memory: what of the distribution specification
 * a client needs to push, pull, list and delete. Without authentication and without TLS, so a client has to be told
 * that it is insecure.
 */
export async function serveRegistry(): Promise<Listening> {
  const repositories = new Map<string, Repository>();
  const server = createServer((request, response) => {
    answer(request, repositories).then(
      (reply) => send(response, reply, request.method === "HEAD"),
      (error: unknown) => {
        if (error instanceof RegistryError) send(response, errorReply(error), request.method === "HEAD");
        else response.destroy();
      },
    );
  });
  return listenOnLoopback(server);
}

/** What one repository holds. A manifest's bytes are kept as they came, since the digest is over them. */
class Repository {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { readonly mediaType: string; readonly body: Buffer }>();
  readonly tags = new Map<string, string>();
  readonly uploads = new Map<string, Buffer[]>();

  digestOf(reference: string): string | undefined {
    const digest = reference.includes(":") ? reference : this.tags.get(reference);
    return digest !== undefined && this.manifests.has(digest) ? digest : undefined;
  }
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** An error of the specification, with its code. */
class RegistryError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** One request, taken apart. */
interface Call {
  readonly method: string;
  readonly name: string;
  readonly repository: Repository;
  readonly repositories: ReadonlyMap<string, Repository>;
  /** What the path names in the repository: a tag, a digest, or an upload's id. */
  readonly reference: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const name = `(?<name>${component}(?:/${component})*)`;
const digest = "sha256:[0-9a-f]{64}";

const routes: readonly (readonly [RegExp, (call: Call) => Reply])[] = [
  [new RegExp(`^/v2/${name}/blobs/uploads/(?<reference>[^/]*)$`), upload],
  [new RegExp(`^/v2/${name}/blobs/(?<reference>${digest})$`), blob],
  [new RegExp(`^/v2/${name}/manifests/(?<reference>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|${digest})$`), manifest],
  [new RegExp(`^/v2/${name}/tags/list(?<reference>)$`), tagList],
];

async function answer(request: IncomingMessage, repositories: Map<string, Repository>): Promise<Reply> {
  const [path = "", query] = (request.url ?? "").split("?", 2);
  const body = await buffer(request);
  if (path === "/v2/") {
    return { status: 200, headers: { "Content-Type": "application/json" }, body: Buffer.from("{}") };
  }
  for (const [pattern, handle] of routes) {
    const groups = pattern.exec(path)?.groups;
    if (groups?.name === undefined || groups.reference === undefined) continue;
    const repository = repositories.get(groups.name) ?? new Repository();
    const reply = handle({
      method: request.method ?? "GET",
      name: groups.name,
      repository,
      repositories,
      reference: groups.reference,
      query: new URLSearchParams(query),
      headers: request.headers,
      body,
    });
    repositories.set(groups.name, repository);
    return reply;
  }
  throw new RegistryError(404, "NAME_UNKNOWN", `There is nothing at ${path}.`);
}

function upload(call: Call): Reply {
  const { method, repository, reference, query, body } = call;
  if (method === "POST" && reference === "") {
    const mounted = mount(call);
    if (mounted !== undefined) return mounted;
    if (query.has("digest")) return storeBlob(call, body);
    const id = randomUUID();
    repository.uploads.set(id, []);
    return uploadState(call, 202, id);
  }
  const chunks = repository.uploads.get(reference);
  if (chunks === undefined) throw new RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "There is no such upload.");
  switch (method) {
    case "GET":
      return uploadState(call, 204, reference);
    case "PATCH": {
      const start = /^(\d+)-\d+$/.exec(call.headers["content-range"] ?? "")?.[1];
      if (start !== undefined && Number(start) !== sizeOf(chunks)) {
        throw new RegistryError(416, "BLOB_UPLOAD_INVALID", "The chunk does not begin where the last one ended.");
      }
      chunks.push(body);
      return uploadState(call, 202, reference);
    }
    case "PUT": {
      const stored = storeBlob(call, Buffer.concat([...chunks, body]));
      repository.uploads.delete(reference);
      return stored;
    }
    case "DELETE":
      repository.uploads.delete(reference);
      return { status: 204 };
    default:
      throw unsupported(method);
  }
}

function mount({ name, repository, repositories, query }: Call): Reply | undefined {
  const digest = query.get("mount");
  const source = query.get("from");
  if (digest === null || source === null) return undefined;
  const content = repositories.get(source)?.blobs.get(digest);
  if (content === undefined) return undefined;
  repository.blobs.set(digest, content);
  return created(name, "blobs", digest);
}

function storeBlob({ name, repository, query }: Call, content: Buffer): Reply {
  const digest = digestOf(content);
  if (query.get("digest") !== digest) {
    throw new RegistryError(400, "DIGEST_INVALID", `The content's digest is ${digest}.`);
  }
  repository.blobs.set(digest, content);
  return created(name, "blobs", digest);
}

function uploadState({ name, repository }: Call, status: number, id: string): Reply {
  const size = sizeOf(repository.uploads.get(id) ?? []);
  return {
    status,
    headers: {
      Location: `/v2/${name}/blobs/uploads/${id}`,
      Range: `0-${Math.max(size - 1, 0)}`,
      "Docker-Upload-UUID": id,
    },
  };
}

function blob({ method, repository, reference }: Call): Reply {
  const content = repository.blobs.get(reference);
  if (content === undefined) throw new RegistryError(404, "BLOB_UNKNOWN", "The repository has no such blob.");
  switch (method) {
    case "GET":
    case "HEAD":
      return found(reference, "application/octet-stream", content);
    case "DELETE":
      repository.blobs.delete(reference);
      return { status: 202 };
    default:
      throw unsupported(method);
  }
}

function manifest(call: Call): Reply {
  const { method, repository, reference } = call;
  if (method === "PUT") return storeManifest(call);
  const digest = repository.digestOf(reference);
  const stored = digest === undefined ? undefined : repository.manifests.get(digest);
  if (digest === undefined || stored === undefined) {
    throw new RegistryError(404, "MANIFEST_UNKNOWN", `The repository has no manifest ${reference}.`);
  }
  switch (method) {
    case "GET":
    case "HEAD":
      return found(digest, stored.mediaType, stored.body);
    case "DELETE":
      deleteManifest(repository, reference);
      return { status: 202 };
    default:
      throw unsupported(method);
  }
}

/** A tag alone goes when it is named; a manifest takes its tags with it. */
function deleteManifest(repository: Repository, reference: string): void {
  if (repository.tags.delete(reference)) return;
  repository.manifests.delete(reference);
  for (const [tag, digest] of repository.tags) {
    if (digest === reference) repository.tags.delete(tag);
  }
}

function storeManifest({ name, repository, reference, headers, body }: Call): Reply {
  const digest = digestOf(body);
  if (reference.includes(":") && reference !== digest) {
    throw new RegistryError(400, "DIGEST_INVALID", `The manifest's digest is ${digest}.`);
  }
  const missing = contentOf(body).find((part) => !repository.blobs.has(part) && !repository.manifests.has(part));
  if (missing !== undefined) {
    throw new RegistryError(400, "MANIFEST_BLOB_UNKNOWN", `The repository has no blob ${missing}.`);
  }
  repository.manifests.set(digest, { mediaType: headers["content-type"] ?? "", body });
  if (!reference.includes(":")) repository.tags.set(reference, digest);
  return created(name, "manifests", digest);
}

/** The digests of what a manifest or index is made of. */
function contentOf(body: Buffer): string[] {
  interface Descriptor {
    readonly digest: string;
  }
  let content: { config?: Descriptor; layers?: Descriptor[]; manifests?: Descriptor[] };
  try {
    content = JSON.parse(body.toString("utf8")) as typeof content;
  } catch {
    throw new RegistryError(400, "MANIFEST_INVALID", "The manifest is not JSON.");
  }
  const { config, layers = [], manifests = [] } = content;
  return [config, ...layers, ...manifests].flatMap((part) => (part === undefined ? [] : [part.digest]));
}

function tagList({ method, name, repository, query }: Call): Reply {
  if (method !== "GET") throw unsupported(method);
  if (repository.manifests.size === 0) throw new RegistryError(404, "NAME_UNKNOWN", `There is no repository ${name}.`);
  const last = query.get("last");
  const limit = Number(query.get("n") ?? Number.POSITIVE_INFINITY);
  if (Number.isNaN(limit) || limit < 0) throw new RegistryError(400, "PAGINATION_NUMBER_INVALID", "`n` is no number.");
  const all = [...repository.tags.keys()].sort();
  const rest = last === null ? all : all.filter((tag) => tag > last);
  const tags = rest.slice(0, limit);
  const next = tags.length < rest.length ? tags.at(-1) : undefined;
  return {
    status: 200,
    headers: {
      "Content-Type": "application/json",
      ...(next !== undefined && { Link: `</v2/${name}/tags/list?last=${next}&n=${limit}>; rel="next"` }),
    },
    body: Buffer.from(JSON.stringify({ name, tags })),
  };
}

function found(digest: string, mediaType: string, body: Buffer): Reply {
  return { status: 200, headers: { "Content-Type": mediaType, "Docker-Content-Digest": digest }, body };
}

function created(name: string, kind: "blobs" | "manifests", digest: string): Reply {
  return { status: 201, headers: { Location: `/v2/${name}/${kind}/${digest}`, "Docker-Content-Digest": digest } };
}

function unsupported(method: string): RegistryError {
  return new RegistryError(405, "UNSUPPORTED", `${method} is not supported here.`);
}

function errorReply({ status, code, message }: RegistryError): Reply {
  return {
    status,
    headers: { "Content-Type": "application/json" },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
  };
}

function send(response: ServerResponse, { status, headers, body = Buffer.alloc(0) }: Reply, headOnly: boolean): void {
  const length = status === 204 ? {} : { "Content-Length": body.length };
  response.writeHead(status, { "Docker-Distribution-API-Version": "registry/2.0", ...length, ...headers });
  response.end(headOnly ? undefined : body);
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((size, chunk) => size + chunk.length, 0);
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
