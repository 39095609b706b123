import Client from "bitcoin-core";
import { faultOfRpcCode, NodeError } from "./errors.ts";
import { type HttpAnswer, type HttpEndpoint, openEndpoint } from "./http.ts";
import { type LoginOptions, type LoginSource, openLogin } from "./login.ts";

export interface RpcOptions extends LoginOptions {
  /** http://HOST:PORT */
  readonly rpc: string;
  /** For an ordinary call; 5,000 if not given. */
  readonly timeoutMs?: number | undefined;
}

export interface CallOptions {
  readonly timeoutMs: number;
  /** What a large answer waits for before it is read: it takes the processor for milliseconds. */
  readonly beforeReading?: (() => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface NodeRpc {
  /** host:port: how this node is called in logs and metrics. */
  readonly name: string;
  /**
   * An ordinary call, through bitcoin-core's client. Numbers of more than 15 characters arrive as strings, exact.
   * @throws NodeError
   */
  call(method: string, parameters?: readonly unknown[]): Promise<unknown>;
  /**
   * A call with a large answer, a large argument or a long wait, read by JSON.parse: for getblocktemplate and
   * submitblock, in whose answers all numbers are integers below 2^53 (docs/decisions/0003).
   * @throws NodeError, or the signal's reason
   */
  callDirect(method: string, parameters: readonly unknown[], options: CallOptions): Promise<unknown>;
  close(): void;
}

const ordinaryAnswerBytes = 4 * 1024 * 1024;
/** A template of 4 MB of transactions is 8 MB of hex, and ids, dependencies and JSON around it. */
const directAnswerBytes = 32 * 1024 * 1024;

/** @throws PoolError NODE_URL_INVALID */
export function openRpc(options: RpcOptions): NodeRpc {
  const endpoint = openEndpoint(options.rpc);
  const login = openLogin(options);
  const ordinary = openClient(endpoint, login, options.timeoutMs ?? 5_000);
  return {
    name: endpoint.name,
    call: (method, parameters = []) => ordinary(method, parameters),
    async callDirect(method, parameters, { timeoutMs, signal, beforeReading }) {
      const body = JSON.stringify({ id: method, method, params: parameters });
      const limits = { timeoutMs, signal, beforeReading, maxAnswerBytes: directAnswerBytes };
      const answer = await postWithLogin(endpoint, login, body, limits);
      return readAnswer(endpoint.name, method, answer);
    },
    close: () => endpoint.close(),
  };
}

/**
 * bitcoin-core prepares requests and parses answers; the bytes go over our own endpoint, because its transport
 * (`request`) has no limit on the size of an answer or the whole time of a call, and sends the login to any HTTP proxy
 * that the environment names.
 */
function openClient(endpoint: HttpEndpoint, login: LoginSource, timeoutMs: number) {
  const client = new Client({ host: `http://${endpoint.name}`, logger: { debug() {} } });
  const limits = { timeoutMs, maxAnswerBytes: ordinaryAnswerBytes };
  const transport: { postAsync(options: { body: string }): Promise<HttpAnswer> } = {
    async postAsync({ body }) {
      const answer = await postWithLogin(endpoint, login, body, limits);
      // bitcoin-core would take a list for the answers to a batch, which we never send.
      if (answer.body.startsWith("["))
        throw new NodeError("malformed", `${endpoint.name} answered with a list.`);
      return answer;
    },
  };
  Object.assign(client, { request: transport });
  return async (method: string, parameters: readonly unknown[]): Promise<unknown> => {
    try {
      return await client.command<unknown>(method, ...parameters);
    } catch (error) {
      throw asNodeError(endpoint.name, method, error);
    }
  };
}

interface Limits {
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly beforeReading?: (() => Promise<void>) | undefined;
}

async function postWithLogin(endpoint: HttpEndpoint, login: LoginSource, body: string, limits: Limits) {
  const post = () => {
    const known = login.current();
    const auth = known === undefined ? undefined : `${known.user}:${known.password}`;
    return endpoint.post(body, { ...limits, auth });
  };
  let answer = await post();
  // A restarted bitcoind has written a new cookie.
  if (answer.statusCode === 401 && login.renew()) answer = await post();
  if (answer.statusCode === 401 || answer.statusCode === 403) {
    throw new NodeError("unauthorized", `bitcoind at ${endpoint.name} refused our RPC login.`);
  }
  return answer;
}

/** A JSON-RPC 1.0 answer: `{ result, error: null }`, or HTTP 4xx/5xx with `{ result: null, error: { code, message } }`. */
function readAnswer(name: string, method: string, answer: HttpAnswer): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.body);
  } catch (cause) {
    if (answer.statusCode !== 200) throw httpError(name, method, answer.statusCode, answer.statusMessage);
    throw malformed(name, method, "is not JSON", { cause });
  }
  if (typeof parsed !== "object" || parsed === null || !("error" in parsed) || !("result" in parsed)) {
    if (answer.statusCode !== 200) throw httpError(name, method, answer.statusCode, answer.statusMessage);
    throw malformed(name, method, "has no result");
  }
  if (parsed.error === null) return parsed.result;
  const { code, message } = parsed.error as { code?: unknown; message?: unknown };
  if (typeof code !== "number") throw malformed(name, method, "has an error without a code");
  throw rpcError(name, method, code, String(message));
}

/** What bitcoin-core makes of an answer without `error`, which JSON-RPC 1.0 always has. */
const noErrorMessage = "An error occurred while processing the RPC call to bitcoind";

/** bitcoin-core throws RpcError with bitcoind's (negative) code or with the HTTP status, and the parser's own errors. */
function asNodeError(name: string, method: string, error: unknown): NodeError {
  if (error instanceof NodeError) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== "number" || code === -32700 || message === noErrorMessage) {
    return malformed(name, method, "is not a JSON-RPC answer", { cause: withoutText(error) });
  }
  return code >= 100
    ? httpError(name, method, code, String(message))
    : rpcError(name, method, code, String(message));
}

/** json-bigint hangs the whole answer on its errors; only the reason is wanted. */
function withoutText(error: unknown): string {
  return (error as { message?: string } | undefined)?.message ?? "unreadable";
}

function rpcError(name: string, method: string, rpcCode: number, message: string): NodeError {
  const text = `bitcoind at ${name} answered ${method} with error ${rpcCode}: ${message.slice(0, 500)}`;
  return new NodeError(faultOfRpcCode(rpcCode), text, { rpcCode });
}

function httpError(name: string, method: string, status: number, message: string): NodeError {
  return new NodeError(
    "http-error",
    `${name} answered ${method} with HTTP ${status} ${message.slice(0, 100)}.`,
  );
}

function malformed(name: string, method: string, what: string, options: ErrorOptions = {}): NodeError {
  return new NodeError("malformed", `The answer of ${name} to ${method} ${what}.`, options);
}
