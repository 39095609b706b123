/**
 * Thousands of V1 miners in one process. Shares are real (each its own extranonce2, coinbase, merkle root and header
 * that meets the assigned target) and are made before the clock starts, so that sending and reading answers is all
 * that happens while it runs. Driven over IPC by bench/pool.ts.
 */
import { createHash } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { targetFromDifficulty } from "../src/bitcoin/target.ts";
import { loadAddon } from "../src/native/index.ts";

export type Command =
  | { readonly do: "connect"; readonly port: number; readonly connections: number; readonly user: string }
  | { readonly do: "prepare"; readonly shares: number; readonly anyHash: boolean }
  | { readonly do: "closed-loop"; readonly seconds: number; readonly outstanding: number }
  | { readonly do: "open-loop"; readonly seconds: number; readonly perSecond: number }
  | { readonly do: "expect-block" }
  | { readonly do: "disconnect" };

export interface LoadResult {
  readonly seconds: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly firstRejection: string | undefined;
  /** Milliseconds from sending a share to reading its answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The generator itself ran out of prepared shares: the figure is a floor. */
  readonly exhausted: boolean;
}

export interface BlockResult {
  /** CLOCK_MONOTONIC milliseconds at which miners read the first job on the new tip, sorted. */
  readonly firstJobAtMs: readonly number[];
  /** The same for the first job with transactions. */
  readonly fullJobAtMs: readonly number[];
}

interface Job {
  readonly id: string;
  readonly previousHash: string;
  readonly coinbase1: Buffer;
  readonly coinbase2: Buffer;
  readonly branch: Buffer;
  readonly version: number;
  readonly bits: number;
  readonly time: number;
}

interface Miner {
  readonly socket: Socket;
  readonly user: string;
  rest: string;
  extranonce1: Buffer;
  difficulty: number;
  job: Job | undefined;
  extranonce2: number;
  /** Lines ready to be sent, used from the end. */
  ready: string[];
  /** When the submissions that are under way were sent, in order. */
  sentAt: number[];
}

const addon = loadAddon();
let miners: Miner[] = [];
let nextId = 10;
let latencies: number[] = [];
let accepted = 0;
let rejected = 0;
let firstRejection: string | undefined;
let onAnswer: (miner: Miner) => void = () => {};
let onJob: (miner: Miner, job: Job, clean: boolean) => void = () => {};

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

process.on("disconnect", () => process.exit(0));
process.on("message", (command: Command) => {
  run(command).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case "connect":
      miners = await Promise.all(
        Array.from({ length: command.connections }, () => connectMiner(command.port, command.user)),
      );
      return miners.length;
    case "prepare":
      return prepare(command.shares, command.anyHash);
    case "closed-loop":
      return await closedLoop(command.seconds, command.outstanding);
    case "open-loop":
      return await openLoop(command.seconds, command.perSecond);
    case "expect-block":
      return await expectBlock();
    case "disconnect":
      for (const { socket } of miners) socket.destroy();
      miners = [];
      return 0;
  }
}

function connectMiner(port: number, user: string): Promise<Miner> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ port, host: "127.0.0.1", noDelay: true });
    const miner: Miner = {
      socket,
      user,
      rest: "",
      extranonce1: Buffer.alloc(0),
      difficulty: 0,
      job: undefined,
      extranonce2: 0,
      ready: [],
      sentAt: [],
    };
    let authorized = false;
    socket.setEncoding("latin1");
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the pool closed a connection")));
    socket.on("data", (chunk: string) => {
      const lines = (miner.rest + chunk).split("\n");
      miner.rest = lines.pop()!;
      for (const line of lines) authorized = read(miner, line) || authorized;
      if (authorized && miner.job !== undefined) resolve(miner);
    });
    socket.write('{"id":1,"method":"mining.subscribe","params":["bench/1"]}\n');
    socket.write(`{"id":2,"method":"mining.authorize","params":[${JSON.stringify(user)},"x"]}\n`);
  });
}

/** Returns true for the answer to authorize. */
function read(miner: Miner, line: string): boolean {
  if (line.includes('"method"')) {
    notice(miner, line);
    return false;
  }
  const answer = line.includes('"result":true')
    ? undefined
    : (JSON.parse(line) as { id: number; result: unknown });
  if (miner.sentAt.length > 0) {
    count(miner, line, answer === undefined);
    return false;
  }
  if (answer?.id === 1) miner.extranonce1 = Buffer.from((answer.result as [unknown, string])[1], "hex");
  if (answer?.id === 2) throw new Error(`the pool refused the bench user: ${line}`);
  return answer === undefined;
}

function count(miner: Miner, line: string, good: boolean): void {
  latencies.push(nowMs() - miner.sentAt.shift()!);
  if (good) accepted++;
  else {
    rejected++;
    firstRejection ??= line;
  }
  onAnswer(miner);
}

function notice(miner: Miner, line: string): void {
  const { method, params } = JSON.parse(line) as { method: string; params: never[] };
  if (method === "mining.set_difficulty") miner.difficulty = params[0]!;
  if (method !== "mining.notify") return;
  const [id, previousHash, coinbase1, coinbase2, branch, version, bits, time, clean] = params as unknown as [
    string,
    string,
    string,
    string,
    string[],
    string,
    string,
    string,
    boolean,
  ];
  miner.job = {
    id,
    previousHash,
    coinbase1: Buffer.from(coinbase1, "hex"),
    coinbase2: Buffer.from(coinbase2, "hex"),
    branch: Buffer.from(branch.join(""), "hex"),
    version: Number.parseInt(version, 16),
    bits: Number.parseInt(bits, 16),
    time: Number.parseInt(time, 16),
  };
  onJob(miner, miner.job, clean);
}

/** Makes `shares` shares for each miner's present job. `anyHash`: for a server that does not look at them. */
function prepare(shares: number, anyHash: boolean): number {
  const each = Math.ceil(shares / miners.length);
  for (const miner of miners) {
    miner.ready = [];
    while (miner.ready.length < each) miner.ready.push(anyHash ? submitLine(miner, 0) : makeShare(miner));
  }
  return each * miners.length;
}

function makeShare(miner: Miner): string {
  const job = miner.job!;
  const target = Buffer.from(targetFromDifficulty(miner.difficulty).bytes);
  for (;;) {
    miner.extranonce2++;
    const coinbase = Buffer.concat([job.coinbase1, miner.extranonce1, extranonce2Of(miner), job.coinbase2]);
    const header = Buffer.alloc(80);
    header.writeUInt32LE(job.version >>> 0, 0);
    Buffer.from(job.previousHash, "hex").swap32().copy(header, 4);
    addon.merkleRoot(sha256d(coinbase), job.branch).copy(header, 36);
    header.writeUInt32LE(job.time, 68);
    header.writeUInt32LE(job.bits, 72);
    const nonce = addon.scanNonces(header, target, 0, 4096);
    if (nonce >= 0) return submitLine(miner, nonce);
  }
}

function submitLine(miner: Miner, nonce: number): string {
  const job = miner.job!;
  const fields = [extranonce2Of(miner).toString("hex"), hex8(job.time), hex8(nonce)]
    .map((field) => `"${field}"`)
    .join(",");
  return `{"id":${nextId++},"method":"mining.submit","params":["${miner.user}","${job.id}",${fields}]}\n`;
}

function extranonce2Of(miner: Miner): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(miner.extranonce2, 4);
  return bytes;
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function sha256d(data: Uint8Array): Buffer {
  return createHash("sha256").update(createHash("sha256").update(data).digest()).digest();
}

function begin(): number {
  latencies = [];
  accepted = 0;
  rejected = 0;
  firstRejection = undefined;
  return nowMs();
}

/** Keeps `outstanding` submissions under way on every connection. */
async function closedLoop(seconds: number, outstanding: number): Promise<LoadResult> {
  const startedAt = begin();
  const endsAt = startedAt + seconds * 1000;
  let exhausted = false;
  return await new Promise((resolve) => {
    let underWay = 0;
    let finished = false;
    onAnswer = (miner) => {
      underWay--;
      refill(miner, 1);
    };
    function refill(miner: Miner, countOfLines: number): void {
      let text = "";
      const at = nowMs();
      if (at < endsAt) {
        for (let i = 0; i < countOfLines; i++) {
          const line = miner.ready.pop();
          if (line === undefined) {
            exhausted = true;
            break;
          }
          text += line;
          miner.sentAt.push(at);
          underWay++;
        }
      }
      if (text !== "") miner.socket.write(text, "latin1");
      if (underWay === 0 && !finished) {
        finished = true;
        resolve(result(startedAt, exhausted));
      }
    }
    for (const miner of miners) refill(miner, outstanding);
  });
}

/** Sends at a fixed rate, whatever comes back, spread over the connections. */
async function openLoop(seconds: number, perSecond: number): Promise<LoadResult> {
  const startedAt = begin();
  const total = seconds * perSecond;
  let sent = 0;
  let exhausted = false;
  return await new Promise((resolve) => {
    onAnswer = () => {
      if (accepted + rejected === total) resolve(result(startedAt, exhausted));
    };
    const step = () => {
      const due = Math.min(total, Math.floor(((nowMs() - startedAt) / 1000) * perSecond));
      for (; sent < due; sent++) {
        const miner = miners[sent % miners.length]!;
        const line = miner.ready.pop();
        if (line === undefined) {
          exhausted = true;
          return resolve(result(startedAt, exhausted));
        }
        miner.sentAt.push(nowMs());
        miner.socket.write(line, "latin1");
      }
      if (sent < total) setImmediate(step);
    };
    step();
  });
}

function result(startedAt: number, exhausted: boolean): LoadResult {
  const sorted = Float64Array.from(latencies).sort();
  return {
    seconds: (nowMs() - startedAt) / 1000,
    accepted,
    rejected,
    firstRejection,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    exhausted,
  };
}

function percentile(sorted: Float64Array, fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

/** Answers once every miner has had the first and the full job on a tip other than its present one. */
async function expectBlock(): Promise<BlockResult> {
  const before = new Map(miners.map((miner) => [miner, miner.job!.previousHash]));
  const firstJobAtMs: number[] = [];
  const fullJobAtMs: number[] = [];
  const full = new Set<Miner>();
  const first = new Set<Miner>();
  process.send?.({ armed: true });
  await new Promise<void>((resolve) => {
    onJob = (miner, job) => {
      if (job.previousHash === before.get(miner)) return;
      const at = nowMs();
      if (!first.has(miner)) {
        first.add(miner);
        firstJobAtMs.push(at);
      }
      if (job.branch.length > 0 && !full.has(miner)) {
        full.add(miner);
        fullJobAtMs.push(at);
      }
      if (full.size === miners.length) resolve();
    };
  });
  onJob = () => {};
  return { firstJobAtMs: firstJobAtMs.sort(ascending), fullJobAtMs: fullJobAtMs.sort(ascending) };
}

function ascending(left: number, right: number): number {
  return left - right;
}
