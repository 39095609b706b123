/**
 * `npm run bench:connections`: thousands of miners of one worker. How soon a storm of connections has work, what each
 * costs in memory, and how soon a new block reaches the last. Beside the pool, measured in the same run, stand floors:
 * servers in C++ and in Node that do the same work on sockets and nothing else.
 *
 *   npm run bench:connections -- [--only storm,memory,block] [--subjects c++,node,pool] [--connections 10000]
 *     [--miners 1000,10000] [--blocks 5] [--repeat 1] [--pool-cpus 0] [--primary-cpu 1] [--built true|false] [--nice=-15]
 *     [--node-options="--cpu-prof"]
 *
 * `--primary-cpu` gives the primary a processor other than the worker's, as \`stratum.workers: auto\` means it to have.
 * `--pool-cpus` names the processors of the server: "0" is one core for primary and worker together, "0,1" lets both
 * run where the generator and the node do. `--built false` runs the pool from its TypeScript source, whose loader costs
 * time and memory for each connection. `--nice` gives servers a priority (as root).
 */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { busySecondsOf } from "./cpu-time.ts";
import type { Generator, StormResult } from "./generator.ts";
import { type CpuTime, poolAddress, type Server, startFloor } from "./servers.ts";
import { loadCpu, pause, setStage } from "./stage.ts";
import { type Cell, median, table, whole } from "./table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "storm,memory,block" },
    subjects: { type: "string", default: "c++,node,pool" },
    connections: { type: "string", default: "10000" },
    miners: { type: "string", default: "1000,10000" },
    blocks: { type: "string", default: "5" },
    repeat: { type: "string", default: "1" },
    built: { type: "string", default: "true" },
    "pool-cpus": { type: "string", default: "0" },
    "primary-cpu": { type: "string" },
    nice: { type: "string" },
    "node-options": { type: "string" },
    directory: { type: "string", default: tmpdir() },
  },
});
const only = new Set(values.only.split(","));
const connections = Number(values.connections);
const blocks = Number(values.blocks);
const repeat = Number(values.repeat);
const user = `${poolAddress}.bench`;
const place = { cpu: values["pool-cpus"], primaryCpu: values["primary-cpu"], nice: values.nice };
const quietMs = 5_000;
/** Between two blocks: whatever the last one left to be done is done. */
const betweenBlocksMs = 500;

/** What has been promised; printed below each table. */
const targets = {
  storm: "target of 10,000 connections: last ready within 1,200 ms, none failed",
  memory: "target: at most 7,168 bytes for each of 10,000 connections",
  block: "target of 10,000 miners: last miner has a first job within 80 ms, the full job within 150 ms",
};

/** What is measured: a floor or the pool. */
interface Subject {
  readonly name: string;
  start(): Promise<Server>;
}

const stage = await setStage({
  directory: values.directory,
  place,
  isBuilt: values.built === "true",
  nodeOptions: values["node-options"]?.split(" "),
});
const allSubjects: Readonly<Record<string, Subject>> = {
  "c++": { name: "floor: C++", start: () => startFloor("c++", place) },
  node: { name: "floor: Node", start: () => startFloor("node", place) },
  pool: {
    name: "penstock",
    start: stage.startPool,
  },
};
const subjects = values.subjects.split(",").map((name) => allSubjects[name]!);

try {
  await main();
} finally {
  await stage.close();
}

async function main(): Promise<void> {
  const primary = place.primaryCpu === undefined ? "" : `, its primary on ${place.primaryCpu}`;
  console.log(`\nServer on processor ${place.cpu}${primary}; generator, node and Postgres on ${loadCpu}`);
  if (only.has("storm")) await printStorm();
  if (only.has("memory")) await printMemory();
  if (only.has("block")) await printBlockTimes();
}

/** One storm on a server that has just been started, which is how one comes: after a restart. */
interface Storm {
  readonly result: StormResult;
  readonly cpu: CpuTime;
  /** How much of the server's processors went to anybody else, 0 to 1 for each. */
  readonly others: number;
}

async function printStorm(): Promise<void> {
  const rows: Cell[][] = [];
  for (const subject of subjects) {
    const storms: Storm[] = [];
    for (let i = 0; i < repeat; i++) storms.push(await stage.withServer(subject.start, storm));
    rows.push([subject.name, ...stormCells(storms)]);
    const trouble = storms.find(({ result }) => result.firstFailure !== null);
    if (trouble !== undefined) console.log(`${subject.name}: ${trouble.result.firstFailure}`);
  }
  console.log(`\nA storm of ${whole(connections)} connections: ms since the first was begun\n`);
  console.log(
    table(
      [
        "server",
        "all begun",
        "connected p50",
        "p99",
        "last",
        "ready p50",
        "p99",
        "last",
        "connected to ready p50",
        "p99",
        "last",
        "failed",
        "sent again",
        "CPU µs each: worker",
        "primary",
        "generator",
        "others %",
      ],
      rows,
    ),
  );
  console.log(`\n${targets.storm}`);
}

async function storm(server: Server, generator: Generator): Promise<Storm> {
  const [before, busyBefore, startedAt] = [server.cpuTime(), busySeconds(), performance.now()];
  const result = await generator.storm(server.port, connections, user);
  const [after, busy] = [server.cpuTime(), busySeconds() - busyBefore];
  const cpu = {
    worker: after.worker - before.worker,
    primary: after.primary - before.primary,
    postgres: after.postgres - before.postgres,
  };
  const tookSeconds = (performance.now() - startedAt) / 1000;
  return { result, cpu, others: Math.max(0, (busy - cpu.worker - cpu.primary) / tookSeconds) };
}

function busySeconds(): number {
  return place.cpu.split(",").reduce((sum, cpu) => sum + busySecondsOf(cpu), 0);
}

function stormCells(storms: readonly Storm[]): Cell[] {
  const middle = (pick: (storm: Storm) => number) => whole(median(storms.map(pick)));
  const each = (pick: (storm: Storm) => number) =>
    (median(storms.map(pick)) * (1e6 / connections)).toFixed(1);
  const spread = (name: "connectedMs" | "readyMs" | "workMs") =>
    [0, 1, 2].map((place) => middle(({ result }) => result[name][place]!));
  return [
    middle(({ result }) => result.openedMs),
    ...spread("connectedMs"),
    ...spread("readyMs"),
    ...spread("workMs"),
    Math.max(...storms.map(({ result }) => result.failed)),
    middle(({ result }) => result.retried),
    each(({ cpu }) => cpu.worker),
    each(({ cpu }) => cpu.primary),
    each(({ result }) => result.cpuSeconds),
    whole(100 * median(storms.map(({ others }) => others))),
  ];
}

async function printMemory(): Promise<void> {
  const rows: Cell[][] = [];
  for (const subject of subjects) {
    const measured: number[][] = [];
    for (let i = 0; i < repeat; i++) measured.push(await stage.withServer(subject.start, memory));
    const [bare, quiet, used] = [0, 1, 2].map((step) => median(measured.map((steps) => steps[step]!)));
    const perConnection = (bytes: number) => whole((bytes - bare!) / connections);
    rows.push([
      subject.name,
      whole(bare! / 1e3),
      whole(quiet! / 1e3),
      perConnection(quiet!),
      whole(used! / 1e3),
      perConnection(used!),
    ]);
  }
  console.log(`\nResident memory of the process that talks to ${whole(connections)} idle miners\n`);
  console.log(
    table(
      [
        "server",
        "bare kB",
        `after ${quietMs / 1000} s of quiet, kB`,
        "bytes each",
        `after ${blocks} blocks, kB`,
        "bytes each",
      ],
      rows,
    ),
  );
  console.log(`\n${targets.memory}`);
}

/** @returns bytes of the bare process, with everybody connected, and when everybody has been sent a few jobs. */
async function memory(server: Server, generator: Generator): Promise<number[]> {
  const bare = server.residentBytes();
  await generator.connect(server.port, connections, user);
  await pause(quietMs);
  const quiet = server.residentBytes();
  for (let block = 1; block <= blocks; block++) await blockTimes(server, generator);
  await pause(quietMs);
  return [bare, quiet, server.residentBytes()];
}

/** From the notice of a block. */
interface BlockTimes {
  readonly firstJobMs: readonly number[];
  readonly fullJobMs: readonly number[];
  readonly fullJobBytes: number;
}

async function blockTimes(server: Server, generator: Generator): Promise<BlockTimes> {
  await pause(betweenBlocksMs);
  let announced = Promise.resolve(0);
  const times = await generator.expectBlock(() => (announced = server.newBlock()));
  const announcedAt = await announced;
  const since = (moments: readonly number[]) => moments.map((moment) => moment - announcedAt);
  return {
    firstJobMs: since(times.firstJobMs),
    fullJobMs: since(times.fullJobMs),
    fullJobBytes: times.fullJobBytes,
  };
}

async function printBlockTimes(): Promise<void> {
  const rows: Cell[][] = [];
  for (const subject of subjects) {
    for (const miners of values.miners.split(",").map(Number)) {
      const measured = await stage.withServer(subject.start, async (server, generator) => {
        await generator.connect(server.port, miners, user);
        const all: BlockTimes[] = [];
        for (let block = 1; block <= blocks; block++) all.push(await blockTimes(server, generator));
        return all;
      });
      for (const [index, times] of measured.entries()) {
        rows.push([subject.name, miners, String(index + 1), ...blockCells([times])]);
      }
      rows.push([subject.name, miners, "median", ...blockCells(measured)]);
    }
  }
  console.log("\nFrom the notice of a new block to its miners, ms\n");
  console.log(
    table(
      [
        "server",
        "miners",
        "block",
        "first job: first miner",
        "last miner",
        "full job: first miner",
        "last miner",
        "line, bytes",
      ],
      rows,
    ),
  );
  console.log(`\n${targets.block}`);
}

function blockCells(all: readonly BlockTimes[]): Cell[] {
  const middle = (pick: (times: BlockTimes) => number) => median(all.map(pick)).toFixed(1);
  return [
    middle(({ firstJobMs }) => firstJobMs[0]!),
    middle(({ firstJobMs }) => firstJobMs[1]!),
    middle(({ fullJobMs }) => fullJobMs[0]!),
    middle(({ fullJobMs }) => fullJobMs[1]!),
    all[0]!.fullJobBytes,
  ];
}
