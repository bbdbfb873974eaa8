import { once } from "node:events";
import http, { type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import https, { type RequestOptions } from "node:https";
import { text } from "node:stream/consumers";
import type { KubeConfig } from "@kubernetes/client-node";

/** Who a request is made as, instead of the kubeconfig's own user. */
export interface Identity {
  readonly user: string;
  /** The API server adds `system:authenticated` by itself. */
  readonly groups?: readonly string[];
}

/** One request to the API server. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With a slash at its start, and with the query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** The API server's refusal. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  /**
   * @param status the HTTP status, such as 403
   * @param reason the API's own word, such as `Forbidden` or `AlreadyExists`
   */
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * HTTP to the API server with a kubeconfig's credentials.
 *
 * The official client reads the kubeconfig, with every kind of credentials that there is. The requests are our own: its
 * object API cannot impersonate groups and its watch follows no impersonation, and the isolation tests are made of both.
 */
export class ApiConnection {
  private options?: Promise<RequestOptions>;

  constructor(
    private readonly config: KubeConfig,
    private readonly identity?: Identity,
  ) {}

  /** The API server's address. */
  get url(): string {
    return this.config.getCurrentCluster()?.server ?? "";
  }

  /** The same server and credentials, on behalf of somebody else. */
  as(identity: Identity): ApiConnection {
    return new ApiConnection(this.config, identity);
  }

  /**
   * @returns the answer, read as JSON where it is JSON
   * @throws ApiError on every status from 400
   */
  async request(request: ApiRequest): Promise<unknown> {
    const response = await this.send(request);
    const body = await text(response);
    return response.headers["content-type"]?.startsWith("application/json") ? JSON.parse(body) : body;
  }

  /**
   * The answer as it comes in, for watches.
   *
   * @throws ApiError on every status from 400
   */
  async send(request: ApiRequest): Promise<IncomingMessage> {
    const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
    this.options ??= this.connect();
    const { headers, ...connection } = await this.options;
    const url = new URL(this.url);
    const transport = url.protocol === "http:" ? http : https;
    const outgoing = transport.request({
      ...connection,
      hostname: url.hostname,
      port: url.port,
      path: url.pathname.replace(/\/$/, "") + request.path,
      method: request.method,
      signal: request.signal,
      headers: {
        ...(headers as OutgoingHttpHeaders | undefined),
        accept: "application/json",
        ...(payload !== undefined && { "content-type": request.contentType ?? "application/json" }),
        ...(this.identity !== undefined && {
          "impersonate-user": this.identity.user,
          "impersonate-group": [...(this.identity.groups ?? [])],
        }),
      },
    });
    // A watch that is aborted fails on the response, where its reader sees it, and here once more.
    outgoing.on("error", () => undefined);
    outgoing.end(payload);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    if ((response.statusCode ?? 0) >= 400) throw readRefusal(request, response.statusCode ?? 0, await text(response));
    return response;
  }

  private async connect(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    return options;
  }
}

function readRefusal(request: ApiRequest, status: number, body: string): ApiError {
  const where = `${request.method} ${request.path.replace(/\?.*/, "")}`;
  try {
    const { message, reason } = JSON.parse(body) as { message?: string; reason?: string };
    return new ApiError(status, reason ?? "", `${where}: ${message ?? body} (HTTP ${status})`);
  } catch {
    return new ApiError(status, "", `${where}: ${body.trim()} (HTTP ${status})`);
  }
}
