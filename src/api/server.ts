import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";

export interface Readiness {
  /** A share could be durably accepted now, and the template is fresh. */
  readonly ready: boolean;
  /** Why not, for people; empty when ready. */
  readonly reasons: readonly string[];
}

export interface ApiOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly readiness: () => Readiness;
  /** All metrics in Prometheus' text format. */
  readonly metricsText: () => Promise<string>;
  readonly log: Logger;
}

export interface Api {
  readonly address: { readonly host: string; readonly port: number };
  /** Stops listening, lets answers in progress finish, then closes what is left. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const maxConnections = 256;
const headersTimeoutMs = 5_000;
const requestTimeoutMs = 10_000;
const keepAliveTimeoutMs = 15_000;
const closeLimitMs = 2_000;

/** @throws PoolError HTTP_PORT_TAKEN or HTTP_NOT_LISTENING */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { listen, log } = options;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 8_192,
  });
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = 1_000;
  server.on("request", (request, response) => {
    answerOf(request, options).then(
      (answer) => send(request, response, answer),
      (error: unknown) => {
        log.error({ event: "http-failed", path: pathOf(request), err: error }, "an HTTP request failed");
        send(request, response, json(500, { error: "internal error; see the log" }));
      },
    );
  });

  server.listen({ host: listen.host, port: listen.port });
  try {
    await once(server, "listening");
  } catch (cause) {
    throw notListening(listen, cause);
  }
  const { address: host, port } = server.address() as AddressInfo;
  return { address: { host, port }, close: () => closeServer(server) };
}

async function answerOf(request: IncomingMessage, options: ApiOptions): Promise<Answer> {
  const answer = routes[pathOf(request)];
  if (!answer) return json(404, { error: "there is no such page; see /metrics, /livez and /readyz" });
  if (request.method !== "GET" && request.method !== "HEAD") return json(405, { error: "use GET" });
  if (hasBody(request)) return json(413, { error: "this request takes no body" });
  return await answer(options);
}

/** All that is public; anything else is not there. */
const routes: Readonly<Record<string, (options: ApiOptions) => Answer | Promise<Answer>>> = Object.assign(
  Object.create(null),
  {
    // To answer at all is the proof: the process is there and its loop turns.
    "/livez": () => json(200, { live: true }),
    "/readyz": ({ readiness }: ApiOptions) => {
      const { ready, reasons } = readiness();
      return json(ready ? 200 : 503, { ready, reasons });
    },
    "/metrics": async ({ metricsText }: ApiOptions) => ({
      status: 200,
      type: "text/plain; version=0.0.4; charset=utf-8",
      body: await metricsText(),
    }),
  },
);

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
    // What may follow on this connection is the body that was not asked for.
    ...(hasBody(request) ? { connection: "close" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json; charset=utf-8", body: `${JSON.stringify(value)}\n` };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0]!;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

async function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), closeLimitMs);
  await closed;
  clearTimeout(late);
}

function notListening({ host, port }: ApiOptions["listen"], cause: unknown): PoolError {
  const { code } = cause as NodeJS.ErrnoException;
  return code === "EADDRINUSE"
    ? new PoolError(
        "HTTP_PORT_TAKEN",
        `another program listens on ${host}:${port}.`,
        "Stop it, or set http.listen to a free port.",
        { cause },
      )
    : new PoolError(
        "HTTP_NOT_LISTENING",
        `cannot listen on ${host}:${port} (${code}).`,
        "Set http.listen to an address of this machine and a port above 1023.",
        { cause },
      );
}
