/**
 * `npm run bench:v2`: Stratum V2 beside V1, in one run: how soon a storm of connections has work and what a running miner feels
 * of it, memory for each connection and channel, bytes on the wire. Shares per second are `npm run bench:pool -- --protocol v1,v2`.
 *
 *   npm run bench:v2 -- [--only storm,memory,wire] [--connections 2000] [--idle 10000] [--channels 100,1000] [--repeat 1]
 *     [--pool-cpus 0] [--primary-cpu 1] [--built true|false] [--nice=-15] [--node-options="--cpu-prof"]
 */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import {
  type Generator,
  type LoadResult,
  type Protocol,
  type StormResult,
  startGenerator,
  v1,
  v2,
} from "./generator.ts";
import { type PoolServer, poolAddress, type Server, startFloor } from "./servers.ts";
import { loadCpu, pause, setStage } from "./stage.ts";
import { type Cell, median, table, whole } from "./table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "storm,memory,wire" },
    connections: { type: "string", default: "2000" },
    idle: { type: "string", default: "10000" },
    channels: { type: "string", default: "100,1000" },
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
const idle = Number(values.idle);
const channelCounts = values.channels.split(",").map(Number);
const repeat = Number(values.repeat);
const user = `${poolAddress}.bench`;
const place = { cpu: values["pool-cpus"], primaryCpu: values["primary-cpu"], nice: values.nice };
const standard: Protocol = { ...v2, kind: "standard" };
/** A server that has just started has its keys of V2 to make. */
const settleMs = 4_000;
const quietMs = 5_000;
const blocks = 3;
/** Miners that are there before a storm, and what they submit: so little that V2 answers each share at once. */
const running = { miners: 50, sharesPerSecond: 250 };
/** Who waits longer than a handshake may take is cut off. */
const connectedAtOnce = 1_000;
/** Miners of a farm, whose jobs are weighed. */
const many = 100;

const stage = await setStage({
  directory: values.directory,
  place,
  isBuilt: values.built === "true",
  nodeOptions: values["node-options"]?.split(" "),
});
try {
  const primary = place.primaryCpu === undefined ? "" : `, its primary on ${place.primaryCpu}`;
  console.log(`\nServer on processor ${place.cpu}${primary}; generators, node and Postgres on ${loadCpu}`);
  if (only.has("storm")) await printStorm();
  if (only.has("memory")) await printMemory();
  if (only.has("wire")) await printWire();
} finally {
  await stage.close();
}

interface Storm {
  readonly result: StormResult;
  readonly workerSeconds: number;
  readonly primarySeconds: number;
  /** Of miners that are there already: before the storm, and while it lasts. Floors have none. */
  readonly before?: LoadResult;
  readonly meanwhile?: LoadResult;
}

async function printStorm(): Promise<void> {
  const subjects = [
    { name: "floor: Node V2", protocol: v2, start: () => startFloor("node-v2", place), hasMiners: false },
    { name: "penstock V1", protocol: v1, start: stage.startPool, hasMiners: true },
    { name: "penstock V2", protocol: v2, start: stage.startPool, hasMiners: true },
  ];
  const rows: Cell[][] = [];
  const numbers: number[][] = [];
  for (const { name, protocol, start, hasMiners } of subjects) {
    const storms: Storm[] = [];
    for (let i = 0; i < repeat; i++) {
      storms.push(
        await stage.withServer<Server, Storm>(
          start,
          (server, generator) => stormAlone(server, generator),
          protocol,
        ),
      );
      const { readyMs } = storms.at(-1)!.result;
      if (hasMiners) storms[i] = { ...storms[i]!, ...(await feltByMiners(protocol, readyMs[2])) };
      const { firstFailure } = storms[i]!.result;
      if (firstFailure !== null) console.log(`${name}: ${firstFailure}`);
    }
    const found = stormNumbers(storms);
    numbers.push(found);
    rows.push([name, ...found.map(shown)]);
  }
  rows.push(["V2/V1", ...ratios(numbers[2]!, numbers[1]!)]);
  console.log(
    `\nA storm of ${whole(connections)} connections, ms; ${running.miners} miners beside it send ${running.sharesPerSecond} shares/s\n`,
  );
  console.log(
    table(
      [
        "server",
        "ready p50",
        "p99",
        "last",
        "failed",
        "CPU µs each: worker",
        "primary",
        "generator",
        "connections/s per core",
        "ack p50 before",
        "p99",
        "ack p50 in the storm",
        "p99",
        "max",
        "sent late p99",
      ],
      rows,
    ),
  );
}

async function stormAlone(server: Server, generator: Generator): Promise<Storm> {
  await pause(settleMs);
  const before = server.cpuTime();
  const result = await generator.storm(server.port, connections, user);
  const after = server.cpuTime();
  return {
    result,
    workerSeconds: after.worker - before.worker,
    primarySeconds: after.primary - before.primary,
  };
}

/** The same storm on another server, with miners that were there before it. */
async function feltByMiners(
  protocol: Protocol,
  stormMs: number,
): Promise<Pick<Storm, "before" | "meanwhile">> {
  return await stage.withServer(
    stage.startPool,
    async (server: PoolServer, miners: Generator) => {
      await miners.connect(server.port, running.miners, user);
      await miners.prepare(running.sharesPerSecond * (10 + (2 * stormMs) / 1000), "real");
      await pause(settleMs);
      const before = await miners.openLoop(4, running.sharesPerSecond);
      const crowd = await startGenerator(loadCpu, protocol);
      try {
        const comes = crowd.storm(server.port, connections, user);
        const meanwhile = await miners.openLoop(Math.max(0.5, stormMs / 1000), running.sharesPerSecond);
        await comes;
        return { before, meanwhile };
      } finally {
        await crowd.stop();
      }
    },
    protocol,
  );
}

function stormNumbers(storms: readonly Storm[]): number[] {
  const middle = (pick: (storm: Storm) => number | undefined) =>
    median(storms.map((storm) => pick(storm) ?? Number.NaN));
  const microsecondsEach = (pick: (storm: Storm) => number) => (middle(pick) * 1e6) / connections;
  return [
    middle(({ result }) => result.readyMs[0]),
    middle(({ result }) => result.readyMs[1]),
    middle(({ result }) => result.readyMs[2]),
    Math.max(...storms.map(({ result }) => result.failed)),
    microsecondsEach(({ workerSeconds }) => workerSeconds),
    microsecondsEach(({ primarySeconds }) => primarySeconds),
    microsecondsEach(({ result }) => result.cpuSeconds),
    1e6 / microsecondsEach(({ workerSeconds }) => workerSeconds),
    middle(({ before }) => before?.p50Ms),
    middle(({ before }) => before?.p99Ms),
    middle(({ meanwhile }) => meanwhile?.p50Ms),
    middle(({ meanwhile }) => meanwhile?.p99Ms),
    middle(({ meanwhile }) => meanwhile?.maxMs),
    middle(({ meanwhile }) => meanwhile?.lateP99Ms),
  ];
}

/** Who is there, idle. */
interface Crowd {
  readonly name: string;
  readonly protocol: Protocol;
  readonly connections: number;
}

async function printMemory(): Promise<void> {
  const one = (name: string, protocol: Protocol): Crowd => ({ name, protocol, connections: idle });
  const proxies = channelCounts.flatMap((channels) =>
    (["extended", "standard"] as const).map((kind) => ({
      name: `V2, ${whole(channels)} ${kind}`,
      protocol: { ...v2, kind, channels },
      connections: Math.max(1, Math.round(idle / channels)),
    })),
  );
  const crowds = [one("V1", v1), one("V2, 1 extended", v2), one("V2, 1 standard", standard), ...proxies];
  const rows: Cell[][] = [];
  let ofV1: number | undefined;
  for (const crowd of crowds) {
    const measured: number[][] = [];
    for (let i = 0; i < repeat; i++) {
      const steps = (server: Server, generator: Generator) => memory(server, generator, crowd);
      measured.push(await stage.withServer<Server, number[]>(stage.startPool, steps, crowd.protocol));
    }
    const [bare, quiet, used] = [0, 1, 2].map((step) => median(measured.map((each) => each[step]!)));
    const channels = crowd.connections * channelsOf(crowd.protocol);
    const perConnection = (quiet! - bare!) / crowd.connections;
    const perChannel = (quiet! - bare!) / channels;
    ofV1 ??= perChannel;
    rows.push([
      crowd.name,
      whole(crowd.connections),
      whole(bare! / 1e3),
      whole(perConnection),
      whole(perChannel),
      (perChannel / ofV1).toFixed(2),
      whole((used! - bare!) / channels),
    ]);
  }
  console.log(`\nResident memory of the process that talks to idle miners\n`);
  console.log(
    table(
      [
        "each with",
        "connections",
        "bare kB",
        `bytes per connection, after ${quietMs / 1000} s of quiet`,
        "per channel",
        "to a V1 miner",
        `per channel, after ${blocks} blocks`,
      ],
      rows,
    ),
  );
}

/** @returns bytes of the bare process, with everybody connected, and when everybody has been sent a few jobs. */
async function memory(server: Server, generator: Generator, crowd: Crowd): Promise<number[]> {
  await pause(settleMs);
  const bare = server.residentBytes();
  for (let left = crowd.connections; left > 0; left -= connectedAtOnce) {
    await generator.connect(server.port, Math.min(left, connectedAtOnce), user);
  }
  await pause(quietMs);
  const quiet = server.residentBytes();
  for (let block = 1; block <= blocks; block++) await nextBlock(server, generator);
  await pause(quietMs);
  return [bare, quiet, server.residentBytes()];
}

async function nextBlock(server: Server, generator: Generator) {
  let announced = Promise.resolve(0);
  const result = await generator.expectBlock(() => (announced = server.newBlock()));
  await announced;
  await pause(500);
  return result;
}

/** Payload bytes of TCP, of one connection with one channel or a hundred. */
interface Wire {
  readonly submission: number;
  readonly loneAnswer: number;
  readonly busyAnswer: number;
  readonly firstJob: number;
  readonly fullJob: number;
  readonly firstJobOfMany: number;
  readonly fullJobOfMany: number;
}

async function printWire(): Promise<void> {
  const [first, ...others] = [await wire(v1), await wire(v2), await wire(standard)] as [Wire, Wire, Wire];
  const texts: Readonly<Record<keyof Wire, string>> = {
    submission: "submission",
    loneAnswer: "its answer, alone",
    busyAnswer: "answers under load, a share",
    firstJob: "new tip, with a job",
    fullJob: "new template",
    firstJobOfMany: `new tip, ${many} miners of one farm`,
    fullJobOfMany: `new template, ${many} miners of one farm`,
  };
  const rows = (Object.keys(texts) as (keyof Wire)[]).map((name) => [
    texts[name],
    shown(first[name]),
    ...others.flatMap((each) => [shown(each[name]), (each[name] / first[name]).toFixed(2)]),
  ]);
  rows.splice(3, 0, [
    "submission and answer, alone",
    shown(first.submission + first.loneAnswer),
    ...others.flatMap(({ submission, loneAnswer }) => [
      shown(submission + loneAnswer),
      ((submission + loneAnswer) / (first.submission + first.loneAnswer)).toFixed(2),
    ]),
  ]);
  console.log("\nOn the wire, as payload of TCP: V1 in plain text, V2 sealed, bytes\n");
  console.log(table(["what", "V1", "V2 extended", "to V1", "V2 standard", "to V1"], rows));
}

async function wire(protocol: Protocol): Promise<Wire> {
  const ofOne = await stage.withServer<Server, Omit<Wire, "firstJobOfMany" | "fullJobOfMany">>(
    stage.startPool,
    async (server, generator) => {
      await generator.connect(server.port, 10, user);
      const { firstJobBytes, fullJobBytes } = await nextBlock(server, generator);
      await generator.prepare(500_000, "real");
      const lone = await generator.openLoop(2, 50);
      const busy = await generator.closedLoop(1, 20);
      return {
        submission: busy.bytesSent / busy.accepted,
        loneAnswer: lone.bytesReceived / lone.accepted,
        busyAnswer: busy.bytesReceived / busy.accepted,
        firstJob: firstJobBytes,
        fullJob: fullJobBytes,
      };
    },
    protocol,
  );
  if (protocol.name === "v1")
    return { ...ofOne, firstJobOfMany: many * ofOne.firstJob, fullJobOfMany: many * ofOne.fullJob };
  const ofMany = await stage.withServer<Server, Awaited<ReturnType<typeof nextBlock>>>(
    stage.startPool,
    async (server, generator) => {
      await generator.connect(server.port, 1, user);
      return await nextBlock(server, generator);
    },
    { ...protocol, channels: many },
  );
  return { ...ofOne, firstJobOfMany: ofMany.firstJobBytes, fullJobOfMany: ofMany.fullJobBytes };
}

function channelsOf(protocol: Protocol): number {
  return protocol.name === "v1" ? 1 : protocol.channels;
}

function ratios(ofV2: readonly number[], ofV1: readonly number[]): string[] {
  return ofV2.map((value, index) => {
    const ratio = value / ofV1[index]!;
    return Number.isFinite(ratio) ? ratio.toFixed(2) : "-";
  });
}

function shown(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value < 10 ? value.toFixed(2).replace(/\.00$/, "") : whole(value);
}
