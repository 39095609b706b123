import {
  Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from "node:http";
import { PoolError } from "../errors.ts";
import { NodeError } from "./errors.ts";

export interface HttpAnswer {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface PostOptions {
  /** `user:password`; nothing is sent when undefined. */
  readonly auth: string | undefined;
  /** For the whole exchange, from connect to the last byte. */
  readonly timeoutMs: number;
  /** A longer answer is cut off and refused as malformed. */
  readonly maxAnswerBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** What the body waits for, in the kernel's hands: megabytes take the processor for milliseconds. */
  readonly beforeReading?: (() => Promise<void>) | undefined;
}

export interface HttpEndpoint {
  /** host:port, for logs and metrics. */
  readonly name: string;
  /** @throws NodeError refused, disconnected, timeout, malformed; the signal's reason when aborted. */
  post(body: string, options: PostOptions): Promise<HttpAnswer>;
  close(): void;
}

/** Sockets to one node: long poll, health check, template, block submissions and wallet calls side by side. */
const maxSockets = 16;
/** bitcoind closes idle connections; each reused one may turn out to be closed, a fresh one may not. */
const maxAttempts = maxSockets + 1;

/**
 * One node's RPC port over kept-alive HTTP connections, straight to the given host: no proxy and no redirect, so
 * credentials go nowhere else.
 * @throws PoolError NODE_URL_INVALID
 */
export function openEndpoint(address: string): HttpEndpoint {
  const url = parseAddress(address);
  const agent = new Agent({ keepAlive: true, maxSockets, noDelay: true });
  let closed = false;
  return {
    name: url.host,
    async post(body, options) {
      for (let attempt = 1; ; attempt++) {
        const outcome = await exchange(url, agent, body, options);
        if ("answer" in outcome) return outcome.answer;
        if (!outcome.staleConnection || attempt === maxAttempts || closed) throw outcome.error;
      }
    },
    close() {
      closed = true;
      agent.destroy();
    },
  };
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "http:" || url.username !== "" || url.password !== "") {
    throw new PoolError(
      "NODE_URL_INVALID",
      "nodes[].rpc is not of the form http://HOST:PORT.",
      "Write the login to nodes[].user and nodes[].password or nodes[].cookieFile, not into the address.",
    );
  }
  if (url.port === "") url.port = "8332";
  return url;
}

type Outcome = { answer: HttpAnswer } | { error: unknown; staleConnection: boolean };

function exchange(url: URL, agent: Agent, body: string, options: PostOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    const outgoing = request(url, {
      method: "POST",
      agent,
      auth: options.auth,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    });
    let settled = false;
    const settle = (outcome: Outcome) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
      if ("error" in outcome) outgoing.destroy();
      resolve(outcome);
    };
    const fail = (error: unknown) => settle({ error, staleConnection: false });
    const onAbort = () => fail(options.signal?.reason);
    const timer = setTimeout(() => {
      fail(
        new NodeError("timeout", `bitcoind at ${url.host} did not answer within ${options.timeoutMs} ms.`),
      );
    }, options.timeoutMs);

    outgoing.on("error", (cause: NodeJS.ErrnoException) => {
      settle({ error: connectionError(url.host, cause), staleConnection: isStale(outgoing, cause) });
    });
    outgoing.on("response", (incoming) => {
      const ready = options.beforeReading?.() ?? Promise.resolve();
      ready
        .then(() => collect(incoming, url.host, options.maxAnswerBytes))
        .then((answer) => settle({ answer }), fail);
    });
    if (options.signal?.aborted) onAbort();
    else options.signal?.addEventListener("abort", onAbort, { once: true });
    outgoing.end(body);
  });
}

function isStale(outgoing: ClientRequest, cause: NodeJS.ErrnoException): boolean {
  return outgoing.reusedSocket && (cause.code === "ECONNRESET" || cause.code === "EPIPE");
}

function connectionError(host: string, cause: NodeJS.ErrnoException): NodeError {
  if (cause.code === "ECONNRESET" || cause.code === "EPIPE") {
    return new NodeError("disconnected", `bitcoind at ${host} closed the connection.`, { cause });
  }
  if (cause.code?.startsWith("HPE_")) {
    return new NodeError("malformed", `${host} does not answer in HTTP.`, { cause });
  }
  return new NodeError("refused", `No connection to bitcoind at ${host} (${cause.code ?? cause.message}).`, {
    cause,
  });
}

async function collect(incoming: IncomingMessage, host: string, maxBytes: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new NodeError("disconnected", `bitcoind at ${host} broke off in the middle of an answer.`, {
      cause,
    });
  }
  if (size > maxBytes) {
    throw new NodeError("malformed", `bitcoind at ${host} answered with more than ${maxBytes} bytes.`);
  }
  return {
    statusCode: incoming.statusCode ?? 0,
    statusMessage: incoming.statusMessage ?? "",
    headers: incoming.headers,
    body: Buffer.concat(chunks, size).toString("utf8"),
  };
}
