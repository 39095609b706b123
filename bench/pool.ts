/**
 * `npm run bench:pool`: the whole pool under load, as tables. Pool pinned to the first processor, generator (and
 * Postgres) to the second; a fake node with a mainnet-like template; every share real, journaled and booked. Beside it,
 * measured in the same run, stand floors: servers that only answer, and the pool's own parts without sockets.
 *
 *   npm run bench:pool -- [--only closed,open,block,floors,parts] [--connections 1,100,1000] [--durability fsync,os]
 *     [--seconds 8] [--repeat 1] [--outstanding 8] [--shares-per-second 2000] [--miners 1000] [--native true|false]
 *     [--protocol v1,v2] [--kind extended|standard] [--channels 1] [--node-options="--cpu-prof"] [--nice=-15]
 *
 * `--protocol v1,v2` measures both in one run; V2's connections have `--channels` channels of that kind each. Outstanding
 * shares are of a channel, and 20 by default where V2 is measured: its pool acknowledges ten at once, or after 50 ms.
 * `--nice` gives servers a priority (as root), for a machine that has other work too.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "../test/support/postgres.ts";

import { busySecondsOf } from "./cpu-time.ts";
import { startFakeNode } from "./fake-node.ts";
import { type LoadResult, type Protocol, protocolOf, startGenerator } from "./generator.ts";
import { type CpuTime, type FloorKind, poolAddress, type Server, startFloor, startPool } from "./servers.ts";
import { median, table, whole } from "./table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "floors,closed,open,block,parts" },
    connections: { type: "string", default: "1,100,1000" },
    durability: { type: "string", default: "fsync,os" },
    seconds: { type: "string", default: "8" },
    repeat: { type: "string", default: "1" },
    outstanding: { type: "string" },
    "shares-per-second": { type: "string", default: "2000" },
    miners: { type: "string", default: "1000" },
    native: { type: "string" },
    protocol: { type: "string", default: "v1" },
    kind: { type: "string", default: "extended" },
    channels: { type: "string", default: "1" },
    nice: { type: "string" },
    "node-options": { type: "string" },
    directory: { type: "string", default: tmpdir() },
  },
});
const only = new Set(values.only.split(","));
const seconds = Number(values.seconds);
const repeat = Number(values.repeat);
const connectionCounts = values.connections.split(",").map(Number);
const protocols = values.protocol
  .split(",")
  .map((name) => protocolOf(name, values.kind, Number(values.channels)));
const comparesProtocols = protocols.length > 1;
const outstanding = Number(values.outstanding ?? (protocols.some(({ name }) => name === "v2") ? 20 : 8));
const user = `${poolAddress}.bench`;
const [poolCpu, loadCpu] = ["0", "1"] as const;
const place = { cpu: poolCpu, nice: values.nice };
/** Above what any server answers here. */
const warmUp = { seconds: 1.5, shares: 600_000 };
const leastPreparedPerSecond = 200_000;
const catchUpSeconds = 120;

/** What is measured: a floor or the pool with its settings. */
interface Subject {
  readonly name: string;
  readonly protocol: Protocol;
  readonly shares: "real" | "any";
  start(): Promise<Server>;
}

/** One run of one subject; CPU is in seconds. */
interface Run {
  readonly load: LoadResult;
  readonly cpu: CpuTime;
  /** How much of the server's processor went to anybody else, 0 to 1. */
  readonly others: number;
  readonly lagRecords: number;
  readonly catchUpSeconds: number;
  /** Of worker and primary while the ledger caught up after the run. */
  readonly catchUpCpu: number;
}

const folder = mkdtempSync(join(values.directory, "penstock-bench-"));
let pools = 0;
const running = new Set<Server>();
const [node, postgres] = await Promise.all([startFakeNode(), startPostgres()]);
for (const pid of [process.pid, postgres.server.pid]) {
  execFileSync("taskset", ["-apc", loadCpu, String(pid)], { stdio: "ignore" });
}

const floors: readonly Subject[] = protocols.flatMap((protocol) => {
  const named = (name: string, kind: FloorKind): Subject => ({
    name: `floor: ${name}`,
    protocol,
    shares: "any",
    start: () => startFloor(kind, place),
  });
  return protocol.name === "v1"
    ? [named("Node answers", "node"), named("C++ answers", "c++")]
    : [named("Node answers V2", "node-v2")];
});
const poolSubjects: readonly Subject[] = values.durability.split(",").flatMap((durability) =>
  protocols.map((protocol) => ({
    name: protocol.name === "v1" ? `penstock, ${durability}` : `penstock V2, ${durability}`,
    protocol,
    shares: "real",
    start: () =>
      startPool({
        directory: join(folder, String(++pools)),
        node,
        postgres,
        durability,
        place,
        native: values.native === undefined ? undefined : values.native === "true",
        nodeOptions: values["node-options"]?.split(" "),
      }),
  })),
);

try {
  await main();
} finally {
  for (const server of running) await server.stop();
  await postgres.stop();
  await node.close();
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const subjects = [...(only.has("floors") ? floors : []), ...(only.has("closed") ? poolSubjects : [])];
  if (subjects.length > 0) await printClosedLoop(subjects);
  if (only.has("open")) await printOpenLoop([...(only.has("floors") ? floors : []), ...poolSubjects]);
  if (only.has("block"))
    for (const subject of poolSubjects.slice(0, protocols.length)) await printBlockTimes(subject);
  if (only.has("parts")) runParts();
}

async function printClosedLoop(subjects: readonly Subject[]): Promise<void> {
  const rates = new Map<string, number>();
  const nameOf = ({ name }: Subject, protocol: string, connections: number) =>
    `${name.replace(" V2", "")} ${protocol} ${connections}`;
  const rows: (string | number)[][] = [];
  for (const subject of subjects) {
    for (const connections of connectionCounts) {
      const { protocol } = subject;
      const runs = await repeated(() => closedLoop(subject, connections));
      const rate = median(runs.map(rateOf));
      rates.set(nameOf(subject, protocol.name, connections), rate);
      const floor = rates.get(`floor: Node answers ${protocol.name} ${connections}`);
      const sameOfV1 = rates.get(nameOf(subject, "v1", connections));
      rows.push([
        subject.name,
        connections,
        whole(rate) + (runs.some(({ load }) => load.exhausted) ? "+" : ""),
        ratio(rate, floor),
        ...(comparesProtocols ? [ratio(rate, sameOfV1)] : []),
        ...cpuCells(runs),
        median(runs.map(({ load }) => load.p50Ms)).toFixed(2),
        median(runs.map(({ load }) => load.p99Ms)).toFixed(2),
        Math.max(...runs.map(({ load }) => load.rejected + load.unanswered + load.unexpected)),
        ...lagCells(subject, runs),
      ]);
      for (const { load } of runs) sayTrouble(subject, load);
    }
  }

  console.log(
    `\nClosed loop, ${outstanding} outstanding per channel, ${seconds} s, one core for the server\n`,
  );
  console.log(
    table(
      [
        "server",
        "connections",
        "accepted/s",
        "to Node floor",
        ...(comparesProtocols ? ["to V1"] : []),
        "CPU µs/share",
        "worker",
        "primary",
        "incl. catch-up",
        "Postgres",
        "generator",
        "others %",
        "ack p50 ms",
        "ack p99 ms",
        "rejected",
        "lag, records",
        "caught up in s",
      ],
      rows,
    ),
  );
}

function ratio(rate: number, to: number | undefined): string {
  return to === undefined ? "-" : (rate / to).toFixed(2);
}

/** Floors have no ledger. */
function lagCells(subject: Subject, runs: readonly Run[]): string[] {
  if (subject.shares === "any") return ["-", "-"];
  return [
    whole(median(runs.map(({ lagRecords }) => lagRecords))),
    median(runs.map((run) => run.catchUpSeconds)).toFixed(1),
  ];
}

function cpuCells(runs: readonly Run[]): string[] {
  const perShare = (pick: (run: Run) => number) =>
    median(runs.map((run) => (pick(run) * 1e6) / (run.load.accepted + run.load.rejected))).toFixed(2);
  return [
    perShare(({ cpu }) => cpu.worker + cpu.primary),
    perShare(({ cpu }) => cpu.worker),
    perShare(({ cpu }) => cpu.primary),
    perShare(({ cpu, catchUpCpu }) => cpu.worker + cpu.primary + catchUpCpu),
    perShare(({ cpu }) => cpu.postgres),
    perShare(({ load }) => load.cpuSeconds),
    (100 * median(runs.map(({ others }) => others))).toFixed(0),
  ];
}

function sayTrouble({ name }: Subject, load: LoadResult): void {
  if (load.firstRejection !== null) console.log(`${name}: first rejection: ${load.firstRejection}`);
  if (load.unanswered + load.unexpected > 0) {
    console.log(`${name}: ${load.unanswered} not answered, ${load.unexpected} answers to nothing`);
  }
  if (load.newTip && load.seconds < seconds) console.log(`${name}: a new tip ended the run`);
}

async function closedLoop(subject: Subject, connections: number): Promise<Run> {
  return await withMiners(subject, connections, async (server, generator) => {
    await generator.prepare(warmUp.shares, subject.shares);
    const warm = await generator.closedLoop(warmUp.seconds, outstanding);
    // Half as much again: connections do not take turns exactly.
    const perSecond = Math.max(leastPreparedPerSecond, (warm.accepted / warm.seconds) * 1.5);
    await generator.prepare(seconds * perSecond + 1_000 * connections, subject.shares);
    await untilCaughtUp(server);
    return await measured(server, () => generator.closedLoop(seconds, outstanding));
  });
}

async function measured(server: Server, load: () => Promise<LoadResult>): Promise<Run> {
  const [before, busyBefore, startedAt] = [server.cpuTime(), busySecondsOf(poolCpu), performance.now()];
  const result = await load();
  const [after, busyAfter] = [server.cpuTime(), busySecondsOf(poolCpu)];
  const tookSeconds = (performance.now() - startedAt) / 1000;
  const own = after.worker + after.primary - before.worker - before.primary;
  const lagRecords = await server.lagRecords();
  const caughtUp = await untilCaughtUp(server);
  const end = server.cpuTime();
  return {
    load: result,
    cpu: {
      worker: after.worker - before.worker,
      primary: after.primary - before.primary,
      postgres: end.postgres - before.postgres,
    },
    others: Math.max(0, (busyAfter - busyBefore - own) / tookSeconds),
    lagRecords,
    catchUpSeconds: caughtUp,
    catchUpCpu: end.worker + end.primary - after.worker - after.primary,
  };
}

/** @returns how long it took, seconds. */
async function untilCaughtUp(server: Server): Promise<number> {
  const startedAt = performance.now();
  let tookSeconds = 0;
  // Twice in a row: the last commits may not have been announced to the ledger yet.
  for (let zeros = 0; zeros < 2; ) {
    const lag = await server.lagRecords();
    zeros = lag > 0 ? 0 : zeros + 1;
    if (lag > 0) tookSeconds = (performance.now() - startedAt) / 1000;
    if (tookSeconds > catchUpSeconds) throw new Error("the ledger does not catch up");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return tookSeconds;
}

async function printOpenLoop(subjects: readonly Subject[]): Promise<void> {
  const perSecond = Number(values["shares-per-second"]);
  const rows: (string | number)[][] = [];
  for (const subject of subjects) {
    const runs = await repeated(() =>
      withMiners(subject, 100, async (server, generator) => {
        await generator.prepare((warmUp.seconds + seconds) * perSecond * 1.1 + 10_000, subject.shares);
        await generator.openLoop(warmUp.seconds, perSecond);
        return await measured(server, () => generator.openLoop(seconds, perSecond));
      }),
    );
    for (const { load } of runs) sayTrouble(subject, load);
    const milliseconds = (pick: (load: LoadResult) => number) =>
      median(runs.map(({ load }) => pick(load))).toFixed(2);
    rows.push([
      subject.name,
      milliseconds(({ p50Ms }) => p50Ms),
      milliseconds(({ p99Ms }) => p99Ms),
      milliseconds(({ p999Ms }) => p999Ms),
      milliseconds(({ maxMs }) => maxMs),
      milliseconds(({ lateP99Ms }) => lateP99Ms),
      ...cpuCells(runs),
    ]);
  }
  console.log(`\nOpen loop, ${perSecond} shares/s over 100 connections, ${seconds} s\n`);
  console.log(
    table(
      [
        "server",
        "ack p50 ms",
        "p99",
        "p99.9",
        "max",
        "sent late p99",
        "CPU µs/share",
        "worker",
        "primary",
        "incl. catch-up",
        "Postgres",
        "generator",
        "others %",
      ],
      rows,
    ),
  );
}

async function printBlockTimes(subject: Subject): Promise<void> {
  const miners = Number(values.miners);
  const rows = await withMiners(subject, miners, async (_, generator) => {
    const rows: string[][] = [];
    for (let block = 1; block <= 3; block++) {
      let announced = Promise.resolve(0);
      const { firstJobMs, fullJobMs } = await generator.expectBlock(() => (announced = node.newBlock()));
      const announcedAt = await announced;
      rows.push([String(block), ...[...firstJobMs, ...fullJobMs].map((at) => (at - announcedAt).toFixed(1))]);
    }
    return rows;
  });
  console.log(`\n${subject.name}: from the node's notice of a new block to ${miners} miners, ms\n`);
  console.log(
    table(["block", "first job: first miner", "last miner", "full job: first miner", "last miner"], rows),
  );
}

/** In a process of its own, on the pool's processor. */
function runParts(): void {
  const program = join(import.meta.dirname, "parts.ts");
  const args = [process.execPath, "--import", "tsx", program, "--directory", folder];
  execFileSync("taskset", ["-c", poolCpu, ...args], { stdio: "inherit" });
}

type Generator = Awaited<ReturnType<typeof startGenerator>>;

async function withMiners<T>(
  subject: Subject,
  connections: number,
  use: (server: Server, generator: Generator) => Promise<T>,
): Promise<T> {
  const server = await subject.start();
  running.add(server);
  const generator = await startGenerator(loadCpu, subject.protocol);
  try {
    await generator.connect(server.port, connections, user);
    return await use(server, generator);
  } finally {
    await generator.stop();
    await server.stop();
    running.delete(server);
    // Hundreds of megabytes of its journal and database wait to be written: not behind the next one's back.
    execFileSync("sync");
  }
}

async function repeated(run: () => Promise<Run>): Promise<Run[]> {
  const runs: Run[] = [];
  for (let i = 0; i < repeat; i++) runs.push(await run());
  return runs;
}

function rateOf({ load }: Run): number {
  return load.accepted / load.seconds;
}
