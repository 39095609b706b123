/**
 * A node for benchmarks only: answers the pool's RPC calls with a mainnet-like template (hard target, 3,000
 * transactions of 222 bytes, 12 merkle branches) so that no share is a block, and makes a new block when told to.
 * Correctness is tested against real nodes; here only the pool's own speed is of interest.
 */
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Publisher } from "zeromq";

export interface FakeNode {
  readonly url: string;
  readonly zmq: string;
  readonly user: string;
  readonly password: string;
  /** Extends the chain by one block and announces it; returns the moment of the announcement, CLOCK_MONOTONIC ms. */
  newBlock(): Promise<number>;
  close(): Promise<void>;
}

const firstHeight = 900_000;
/** About 100 T of difficulty, as on mainnet in 2025. */
const bits = "17024a71";
const target = `${"0".repeat(19)}24a71${"0".repeat(40)}`;
const transactionBytes = 222;
/** Where a template's transactions go: they are turned into text once, not in the time that is measured. */
const transactionsHere = '"transactions":[]';
const longPollMs = 60_000;

export async function startFakeNode({ transactions = 3_000 } = {}): Promise<FakeNode> {
  const mempool = `"transactions":${JSON.stringify(Array.from({ length: transactions }, fakeTransaction))}`;
  const chain = [randomBlockHash()];
  const waiting = new Set<() => void>();

  const methods: Record<string, (params: readonly unknown[]) => unknown> = {
    getblockchaininfo: () => ({
      chain: "main",
      blocks: height(),
      headers: height(),
      bestblockhash: tip(),
      initialblockdownload: false,
      verificationprogress: 1,
      mediantime: now() - 3600,
      difficulty: 1e14,
      warnings: "",
    }),
    getnetworkinfo: () => ({
      version: 290000,
      subversion: "/fake:29.0/",
      connections: 8,
      connections_in: 0,
      connections_out: 8,
    }),
    getconnectioncount: () => 8,
    uptime: () => 1,
    getbestblockhash: tip,
    getblockcount: height,
    getblockheader: ([hash]) => headerOf(String(hash)),
    getblocktemplate: ([request]) => ((request as { mode?: string }).mode === "proposal" ? null : template()),
    submitblock: () => "high-hash",
    getchaintips: () => [{ height: height(), hash: tip(), branchlen: 0, status: "active" }],
  };

  function height(): number {
    return firstHeight + chain.length - 1;
  }
  function tip(): string {
    return chain.at(-1)!;
  }

  function headerOf(hash: string) {
    const index = chain.indexOf(hash);
    if (index < 0) throw Object.assign(new Error("Block not found"), { code: -5 });
    return {
      hash,
      confirmations: chain.length - index,
      height: firstHeight + index,
      version: 0x20000000,
      time: now(),
      mediantime: now() - 3600,
      bits,
      target,
      chainwork: (firstHeight + index).toString(16).padStart(64, "0"),
      previousblockhash: chain[index - 1] ?? "00".repeat(32),
    };
  }

  function template() {
    return {
      capabilities: ["proposal"],
      version: 0x20000000,
      rules: ["csv", "!segwit", "taproot"],
      vbavailable: {},
      vbrequired: 0,
      previousblockhash: tip(),
      transactions: [],
      coinbaseaux: {},
      coinbasevalue: 312_500_000 + transactions * 2_000,
      longpollid: `${tip()}1`,
      target,
      mintime: now() - 3599,
      mutable: ["time", "transactions", "prevblock"],
      noncerange: "00000000ffffffff",
      sigoplimit: 80_000,
      sizelimit: 4_000_000,
      weightlimit: 4_000_000,
      curtime: now(),
      bits,
      height: height() + 1,
      default_witness_commitment: `6a24aa21a9ed${"5a".repeat(32)}`,
    };
  }

  const server = createServer((request, response) => {
    void answer(request, response, mempool, async (method, params) => {
      const longPollId = (params[0] as { longpollid?: string } | undefined)?.longpollid;
      if (method === "getblocktemplate" && longPollId === `${tip()}1`) await untilNextBlock();
      const handler = methods[method];
      if (handler === undefined) throw Object.assign(new Error("Method not found"), { code: -32601 });
      return handler(params);
    });
  });
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const publisher = new Publisher();
  await publisher.bind("tcp://127.0.0.1:*");
  let announced = 0;

  function untilNextBlock(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, longPollMs);
      function done() {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      }
      waiting.add(done);
    });
  }

  async function newBlock(): Promise<number> {
    chain.push(randomBlockHash());
    const announcedAt = Number(process.hrtime.bigint()) / 1e6;
    const sequence = Buffer.alloc(4);
    sequence.writeUInt32LE(announced++);
    await publisher.send(["hashblock", Buffer.from(tip(), "hex"), sequence]);
    for (const wake of [...waiting]) wake();
    return announcedAt;
  }

  async function close(): Promise<void> {
    for (const wake of [...waiting]) wake();
    publisher.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    zmq: publisher.lastEndpoint!,
    user: "bench",
    password: "bench",
    newBlock,
    close,
  };
}

type Handler = (method: string, params: readonly unknown[]) => Promise<unknown>;

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  mempool: string,
  handle: Handler,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const calls = JSON.parse(Buffer.concat(chunks).toString("utf8")) as RpcCall | RpcCall[];
  const results = await Promise.all([calls].flat().map((call) => resultOf(call, handle)));
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify(Array.isArray(calls) ? results : results[0]).replace(transactionsHere, mempool),
  );
}

interface RpcCall {
  readonly id: unknown;
  readonly method: string;
  readonly params?: readonly unknown[];
}

async function resultOf({ id, method, params }: RpcCall, handle: Handler) {
  try {
    return { id, result: await handle(method, params ?? []), error: null };
  } catch (error) {
    const { code, message } = error as Error & { code?: number };
    return { id, result: null, error: { code: code ?? -1, message } };
  }
}

function fakeTransaction() {
  const data = randomBytes(transactionBytes);
  const txid = sha256d(data).reverse().toString("hex");
  return {
    data: data.toString("hex"),
    txid,
    hash: txid,
    depends: [],
    fee: 2_000,
    sigops: 4,
    weight: transactionBytes * 4,
  };
}

function randomBlockHash(): string {
  return "00".repeat(10) + randomBytes(22).toString("hex");
}

function sha256d(data: Uint8Array): Buffer {
  return createHash("sha256").update(createHash("sha256").update(data).digest()).digest();
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
