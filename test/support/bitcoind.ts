import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { provideBitcoin } from "../../scripts/lib/parts.mjs";
import { until } from "./deadline.ts";
import { freePort, freePorts } from "./ports.ts";
import { launch, type Running } from "./processes.ts";
import { temporaryFolder } from "./temporary.ts";

export interface BitcoindOptions {
  /** regtest: every second hash is a block. signet: our own with challenge 51 (OP_TRUE), five million hashes a block. */
  readonly chain: "regtest" | "signet";
  /** Publishes `hashblock` over ZMQ; default true. */
  readonly zmq?: boolean;
  readonly extraArgs?: readonly string[];
  /** Keeps its data here; without it in a temporary folder that goes with `stop`. */
  readonly dataDir?: string;
  /** Nodes to stay connected with. */
  readonly connectTo?: readonly Bitcoind[];
}

/** A real node on loopback, without any connection but those asked for. */
export interface Bitcoind {
  readonly chain: "regtest" | "signet";
  readonly rpcUrl: string;
  readonly rpcPort: number;
  readonly p2pPort: number;
  /** `tcp://127.0.0.1:PORT` for hashblock; "" when started without ZMQ. */
  readonly zmq: string;
  readonly cookieFile: string;
  readonly dataDir: string;
  readonly pid: number;
  /** One RPC call; `wallet` names a loaded wallet. Fails with an RpcFailure that holds the node's own code. */
  call<T = unknown>(method: string, params?: readonly unknown[], wallet?: string): Promise<T>;
  /** Clean shutdown, for good: a temporary data folder goes with it, of a killed node too. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays for `restart`. */
  kill(): Promise<void>;
  /** Stops (unless gone already) and starts again on the same ports and data. */
  restart(): Promise<void>;
  /** Freezes and thaws the process: a node that accepts connections and never answers. */
  hang(): void;
  resume(): void;
}

export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const CHAIN_ARGS = {
  regtest: ["-regtest"],
  // 51 is OP_TRUE: a block needs no signature, only its witness commitment.
  signet: ["-signet", "-signetchallenge=51"],
} as const;

/** Starts a node and waits until it answers RPC calls. */
export async function startBitcoind(options: BitcoindOptions): Promise<Bitcoind> {
  const { bitcoind } = await provideBitcoin({ log: (line) => console.error(line) });
  const temporary = options.dataDir === undefined ? await temporaryFolder("node") : undefined;
  const dataDir = options.dataDir ?? temporary!.path;
  await mkdir(dataDir, { recursive: true });
  const [rpcPort, p2pPort] = (await freePorts(2)) as [number, number];
  const zmq = options.zmq === false ? "" : `tcp://127.0.0.1:${await freePort()}`;
  const cookieFile = join(dataDir, options.chain, ".cookie");
  const rpcUrl = `http://127.0.0.1:${rpcPort}`;
  const args = [
    ...CHAIN_ARGS[options.chain],
    `-datadir=${dataDir}`,
    "-server",
    "-printtoconsole=1",
    "-nodebuglogfile",
    "-rpcbind=127.0.0.1",
    "-rpcallowip=127.0.0.1",
    `-rpcport=${rpcPort}`,
    "-rpcworkqueue=256",
    `-bind=127.0.0.1:${p2pPort}`,
    "-listenonion=0",
    "-dnsseed=0",
    "-fixedseeds=0",
    "-discover=0",
    // Only the peers asked for; connect=0 means none, and still lets others in.
    ...(options.connectTo?.length
      ? options.connectTo.map((peer) => `-connect=127.0.0.1:${peer.p2pPort}`)
      : ["-connect=0", "-listen=1"]),
    // Old blocks are no initial download: nobody mined here since the last run.
    "-maxtipage=3153600000",
    "-fallbackfee=0.0001",
    "-dbcache=16",
    ...(zmq ? [`-zmqpubhashblock=${zmq}`] : []),
    ...(options.extraArgs ?? []),
  ];

  let node: Running;
  const call: Bitcoind["call"] = (method, params = [], wallet) =>
    rpc(rpcUrl, cookieFile, method, params, wallet);
  const start = async () => {
    node = launch({ name: `bitcoind (${options.chain})`, file: bitcoind, args });
    await until(
      async () => {
        if (node.exited) return "gone";
        return (await call("getblockchaininfo")) && "ready";
      },
      { timeoutMs: 60_000, what: "bitcoind to answer" },
    );
    if (node.exited) throw new Error(`bitcoind ended at start:\n${node.lines.slice(-20).join("\n")}`);
  };
  const halt = async () => {
    node.signal("SIGCONT"); // a frozen node would not see its end
    await node.stop();
  };
  await start();
  return {
    chain: options.chain,
    rpcUrl,
    rpcPort,
    p2pPort,
    zmq,
    cookieFile,
    dataDir,
    get pid() {
      return node.pid;
    },
    call,
    stop: async () => {
      await halt();
      await temporary?.remove();
    },
    kill: () => node.kill(),
    restart: async () => {
      await halt();
      await start();
    },
    hang: () => node.signal("SIGSTOP"),
    resume: () => node.signal("SIGCONT"),
  };
}

let nextId = 0;

async function rpc<T>(
  url: string,
  cookieFile: string,
  method: string,
  params: readonly unknown[],
  wallet: string | undefined,
): Promise<T> {
  const login = Buffer.from((await readFile(cookieFile, "utf8")).trim()).toString("base64");
  const response = await fetch(wallet === undefined ? url : `${url}/wallet/${encodeURIComponent(wallet)}`, {
    method: "POST",
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "1.0", id: ++nextId, method, params }),
  });
  const text = await response.text();
  if (!text.startsWith("{"))
    throw new RpcFailure(response.status, `${method}: HTTP ${response.status} ${text}`);
  const { result, error } = JSON.parse(text) as {
    result: T;
    error: { code: number; message: string } | null;
  };
  if (error) throw new RpcFailure(error.code, `${method}: ${error.message}`);
  return result;
}
