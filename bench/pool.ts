/**
 * `npm run bench`: the whole pool under load, as one table. Pool pinned to the first processor, generator to the
 * second; a fake node with a mainnet-like template; real Postgres; every share real and journaled. Beside each figure
 * stands its ratio to the floor measured in the same run: a Node server that only answers.
 *
 *   npm run bench -- [--seconds 8] [--connections 1,100,1000] [--durability fsync,os] [--shares-per-second 2000]
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../test/support/ports.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { type FakeNode, startFakeNode } from "./fake-node.ts";
import type { BlockResult, Command, LoadResult } from "./load-generator.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "8" },
    connections: { type: "string", default: "1,100,1000" },
    durability: { type: "string", default: "fsync,os" },
    "shares-per-second": { type: "string", default: "2000" },
    miners: { type: "string", default: "1000" },
  },
});
const seconds = Number(values.seconds);
const connectionCounts = values.connections.split(",").map(Number);
const outstanding = 8;
const user = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4.bench";
const poolCpu = "0";
const loadCpu = "1";
/** Shares made ahead for each second of a closed loop: above what any server here answers. */
const preparedPerSecond = 150_000;

interface Server {
  readonly port: number;
  /** CPU seconds (user and system) that its processes have used. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

interface Row {
  readonly what: string;
  readonly connections: number;
  readonly load: LoadResult;
  readonly cpuMicrosecondsPerShare: number;
}

let pools = 0;
const folder = mkdtempSync(join(tmpdir(), "penstock-bench-"));
const node = await startFakeNode();
const postgres = await startPostgres();
const servers = new Set<Server>();
try {
  await main();
} finally {
  for (const server of servers) await server.stop();
  await postgres.stop();
  await node.close();
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const floor = await measure("floor: answers only", startFloor, true);
  const pools: Row[] = [];
  for (const durability of values.durability.split(",")) {
    pools.push(...(await measure(`penstock, ${durability}`, () => startPool(node, durability), false)));
  }
  printThroughput([...floor, ...pools]);
  await printOpenLoop();
  await printBlockTimes();
}

async function measure(what: string, start: () => Promise<Server>, anyHash: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  for (const connections of connectionCounts) {
    const server = await start();
    const generator = await startGenerator();
    await generator.run({ do: "connect", port: server.port, connections, user });
    await generator.run({ do: "prepare", shares: seconds * preparedPerSecond, anyHash });
    const cpuBefore = server.cpuSeconds();
    const load = (await generator.run({ do: "closed-loop", seconds, outstanding })) as LoadResult;
    const cpu = server.cpuSeconds() - cpuBefore;
    rows.push({
      what,
      connections,
      load,
      cpuMicrosecondsPerShare: (cpu * 1e6) / (load.accepted + load.rejected),
    });
    generator.stop();
    await server.stop();
  }
  return rows;
}

function printThroughput(rows: readonly Row[]): void {
  console.log(
    `\nClosed loop, ${outstanding} outstanding per connection, ${seconds} s, one core for the server\n`,
  );
  console.log(
    "server                connections   accepted/s   ratio to floor   CPU µs/share   ack p50 ms   ack p99 ms   rejected",
  );
  for (const row of rows) {
    const rate = row.load.accepted / row.load.seconds;
    const floor = rows.find(
      ({ what, connections }) => what.startsWith("floor") && connections === row.connections,
    )!;
    const cells = [
      row.what.padEnd(22),
      String(row.connections).padStart(10),
      Math.round(rate).toLocaleString("en").padStart(12) + (row.load.exhausted ? "+" : " "),
      (rate / (floor.load.accepted / floor.load.seconds)).toFixed(2).padStart(15),
      row.cpuMicrosecondsPerShare.toFixed(1).padStart(14),
      row.load.p50Ms.toFixed(2).padStart(12),
      row.load.p99Ms.toFixed(2).padStart(12),
      String(row.load.rejected).padStart(10),
    ];
    console.log(cells.join(" "));
    if (row.load.firstRejection !== undefined) console.log(`  first rejection: ${row.load.firstRejection}`);
  }
}

async function printOpenLoop(): Promise<void> {
  const perSecond = Number(values["shares-per-second"]);
  console.log(`\nOpen loop, ${perSecond} shares/s over 100 connections, ${seconds} s\n`);
  console.log("server                ack p50 ms   ack p99 ms   CPU µs/share");
  const servers = [
    { what: "floor: answers only", start: startFloor, anyHash: true },
    ...values.durability.split(",").map((durability) => ({
      what: `penstock, ${durability}`,
      start: () => startPool(node, durability),
      anyHash: false,
    })),
  ];
  for (const { what, start, anyHash } of servers) {
    const server = await start();
    const generator = await startGenerator();
    await generator.run({ do: "connect", port: server.port, connections: 100, user });
    await generator.run({ do: "prepare", shares: perSecond * seconds + 100, anyHash });
    const cpuBefore = server.cpuSeconds();
    const load = (await generator.run({ do: "open-loop", seconds, perSecond })) as LoadResult;
    const cpu = ((server.cpuSeconds() - cpuBefore) * 1e6) / load.accepted;
    console.log(
      `${what.padEnd(22)}${load.p50Ms.toFixed(2).padStart(10)}${load.p99Ms.toFixed(2).padStart(13)}${cpu.toFixed(1).padStart(15)}`,
    );
    generator.stop();
    await server.stop();
  }
}

async function printBlockTimes(): Promise<void> {
  const miners = Number(values.miners);
  const server = await startPool(node, "fsync");
  const generator = await startGenerator();
  await generator.run({ do: "connect", port: server.port, connections: miners, user });
  console.log(`\nFrom the node's notice of a new block to ${miners} miners, ms\n`);
  console.log("block   first job: first miner   last miner   full job: first miner   last miner");
  for (let block = 1; block <= 3; block++) {
    const pending = generator.run({ do: "expect-block" });
    await generator.armed();
    const announcedAt = await node.newBlock();
    const { firstJobAtMs, fullJobAtMs } = (await pending) as BlockResult;
    const cells = [firstJobAtMs[0]!, firstJobAtMs.at(-1)!, fullJobAtMs[0]!, fullJobAtMs.at(-1)!].map((at) =>
      (at - announcedAt).toFixed(1),
    );
    console.log(
      `${block}${cells[0]!.padStart(30)}${cells[1]!.padStart(13)}${cells[2]!.padStart(24)}${cells[3]!.padStart(13)}`,
    );
  }
  generator.stop();
  await server.stop();
}

async function startFloor(): Promise<Server> {
  const child = pinned(poolCpu, join(import.meta.dirname, "floor-server.ts"));
  const { port } = await nextMessage<{ port: number }>(child);
  return { port, cpuSeconds: () => cpuSecondsOf(child.pid!), stop: () => ended(child, "SIGTERM") };
}

async function startPool(fakeNode: FakeNode, durability: string): Promise<Server> {
  const directory = join(folder, String(++pools));
  mkdirSync(directory);
  const [port, httpPort] = [await freePort(), await freePort()];
  const config = join(directory, "penstock.yaml");
  writeFileSync(
    config,
    JSON.stringify({
      chain: "mainnet",
      dataDirectory: join(directory, "data"),
      nodes: [{ rpc: fakeNode.url, user: fakeNode.user, password: fakeNode.password, zmq: fakeNode.zmq }],
      pool: { address: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" },
      stratum: {
        listen: [`127.0.0.1:${port}`],
        workers: 1,
        difficulty: { start: 1e-9, min: 1e-9, max: 1e9, vardiff: false },
        // All miners of the bench come from one address, at once.
        limits: { connectionsPerAddress: 100_000, newConnectionsPerAddressPerSecond: 100_000 },
      },
      journal: { directory: join(directory, "journal"), durability },
      database: { url: await postgres.createDatabase() },
      http: { listen: `127.0.0.1:${httpPort}` },
      log: { level: "warn" },
    }),
  );
  const program = join(import.meta.dirname, "../bin/penstock.mjs");
  const child = spawn("taskset", ["-c", poolCpu, process.execPath, program, "serve", "--config", config], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  await untilReady(httpPort, child);
  return registered({
    port,
    cpuSeconds: () =>
      [child.pid!, ...childrenOf(child.pid!)].map(cpuSecondsOf).reduce((sum, each) => sum + each, 0),
    stop: () => ended(child, "SIGTERM"),
  });
}

/** Whatever fails, no server outlives the bench. */
function registered(server: Server): Server {
  const known: Server = {
    ...server,
    stop: async () => {
      servers.delete(known);
      await server.stop();
    },
  };
  servers.add(known);
  return known;
}

async function untilReady(httpPort: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the pool did not become ready");
}

interface Generator {
  run(command: Command): Promise<unknown>;
  armed(): Promise<void>;
  stop(): void;
}

async function startGenerator(): Promise<Generator> {
  const child = pinned(loadCpu, join(import.meta.dirname, "load-generator.ts"));
  let onArmed: () => void = () => {};
  let onResult: (message: { result?: unknown; error?: string }) => void = () => {};
  child.on("message", (message: { armed?: boolean; result?: unknown; error?: string }) => {
    if (message.armed) onArmed();
    else onResult(message);
  });
  return {
    run: (command) =>
      new Promise((resolve, reject) => {
        onResult = ({ result, error }) => (error === undefined ? resolve(result) : reject(new Error(error)));
        child.send(command);
      }),
    armed: () => new Promise((resolve) => (onArmed = resolve)),
    stop: () => void child.kill("SIGKILL"),
  };
}

/** A TypeScript program on one processor, with an IPC channel. */
function pinned(cpu: string, program: string): ChildProcess {
  const child = fork(program, [], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  spawn("taskset", ["-a", "-p", "-c", cpu, String(child.pid)], { stdio: "ignore" });
  return child;
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as T));
    child.once("exit", () => reject(new Error("the process ended early")));
  });
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill(signal);
  });
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}

/** From /proc/PID/stat: fields 14 and 15 are user and system time in ticks of 10 ms. */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
