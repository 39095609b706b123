import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A scripted RPC port for the failures that a real node cannot be brought to show. */
export interface FakeNode {
  readonly url: string;
  /** Methods asked for, in order. */
  readonly calls: readonly string[];
  /** What happens to requests from now on. */
  answer(script: Script): void;
  close(): Promise<void>;
}

export type Script = (
  method: string,
  response: ServerResponse,
  request: IncomingMessage,
  params: readonly unknown[],
) => void;

export async function startFakeNode(first: Script): Promise<FakeNode> {
  let script = first;
  const calls: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method, params } = JSON.parse(body) as { method: string; params: unknown[] };
    calls.push(method);
    script(method, response, request, params);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    answer(next) {
      script = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function sendResult(response: ServerResponse, result: unknown): void {
  sendText(response, 200, JSON.stringify({ result, error: null, id: 1 }));
}

export function sendError(response: ServerResponse, code: number, message: string): void {
  sendText(response, 500, JSON.stringify({ result: null, error: { code, message }, id: 1 }));
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": text.startsWith("{") ? "application/json" : "text/html" });
  response.end(text);
}

/** The answers of a node that is well, on a chain of one's choice. */
export function healthy(overrides: { info?: object; network?: object; header?: object } = {}): Script {
  const tip = `${"0".repeat(60)}beef`;
  return (method, response) => {
    const results: Record<string, unknown> = {
      getblockchaininfo: {
        chain: "main",
        blocks: 900_000,
        headers: 900_000,
        bestblockhash: tip,
        initialblockdownload: false,
        ...overrides.info,
      },
      getnetworkinfo: {
        version: 290_000,
        subversion: "/Satoshi:29.0.0/",
        connections: 8,
        ...overrides.network,
      },
      getbestblockhash: tip,
      getblockheader: {
        hash: tip,
        confirmations: 1,
        height: 900_000,
        mediantime: 1_750_000_000,
        bits: "17034219",
        chainwork: `${"00".repeat(31)}ff`,
        previousblockhash: `${"0".repeat(60)}cafe`,
        ...overrides.header,
      },
    };
    sendResult(response, results[method] ?? null);
  };
}
