/**
 * `npm run bench:crowd`: what honest miners feel of a hostile crowd, as tables. A pool over a real node, pinned to the
 * first processor; miners, crowd, node and Postgres on the second. Fifty miners send four real shares a second each:
 * alone, then beside the crowd (see native/crowd.cpp), then after it has gone. Once the crowd comes from thousands of
 * addresses of its own, and once from the miners' own address, as behind one router.
 *
 *   npm run bench:crowd [--only own,same] [--seconds 20] [--repeat 1] [--miners 50] [--shares-per-second 200]
 *     [--readers 500] [--writers 500] [--flooders 200] [--lines-per-second 50000] [--connects-per-second 300]
 *     [--addresses 16000] [--node-options="--cpu-prof"]
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startBitcoind } from "../test/support/bitcoind.ts";
import { fundWallet, newAddress } from "../test/support/chain.ts";
import { until } from "../test/support/deadline.ts";
import { startPool, sumOf, type TestPool } from "../test/support/pool.ts";
import { V1Client } from "../test/support/v1-client.ts";
import { workerPids } from "../test/support/worker-pids.ts";
import { childrenOf, cpuSecondsOfFamily } from "./cpu-time.ts";
import { type CrowdTally, startCrowd } from "./crowd-peers.ts";
import { type LoadResult, startGenerator } from "./generator.ts";
import { median, table, whole } from "./table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "own,same" },
    seconds: { type: "string", default: "20" },
    repeat: { type: "string", default: "1" },
    miners: { type: "string", default: "50" },
    "shares-per-second": { type: "string", default: "200" },
    readers: { type: "string", default: "500" },
    writers: { type: "string", default: "500" },
    flooders: { type: "string", default: "200" },
    "lines-per-second": { type: "string", default: "50000" },
    "connects-per-second": { type: "string", default: "300" },
    addresses: { type: "string", default: "16000" },
    "node-options": { type: "string" },
  },
});
const seconds = Number(values.seconds);
const perSecond = Number(values["shares-per-second"]);
const [poolCpu, loadCpu] = ["0", "1"] as const;
const warmUpSeconds = 5;
/** Until the crowd has come, and until what it left is gone. */
const settleSeconds = 5;
const reconnectMs = 60_000;
const MiB = 2 ** 20;

interface Phase {
  readonly load: LoadResult;
  /** Of the worker's processor, 0 to 1. */
  readonly busy: number;
  /** Seconds in which the worker's event loop was once later than 50 ms. */
  readonly slowSeconds: number;
  readonly residentMiB: number;
  readonly heapMiB: number;
}

interface Run {
  readonly alone: Phase;
  readonly beside: Phase;
  readonly after: Phase;
  readonly crowd: CrowdTally;
  /** By metric and label, what the crowd brought about. */
  readonly events: ReadonlyMap<string, number>;
  /** Until an honest miner that comes in the middle of it has had a share accepted. */
  readonly reconnectMs: number;
  readonly reconnectTries: number;
}

/** What the pool counts of it. */
const counters: readonly [metric: string, label: string, what: string][] = [
  ["penstock_stratum_disconnects_total", "cause", "connections ended"],
  ["penstock_stratum_connections_refused_total", "reason", "connections refused"],
  ["penstock_stratum_penalties_total", "taken", "penalties"],
  ["penstock_stratum_malformed_lines_total", "", "malformed lines"],
  ["penstock_shares_answered_total", "result", "submissions"],
];

const node = await startBitcoind({ chain: "signet" });
try {
  pin(node.pid, loadCpu);
  pin(process.pid, loadCpu);
  await fundWallet(node);
  for (const where of values.only.split(",")) {
    const runs: Run[] = [];
    for (let i = 0; i < Number(values.repeat); i++) runs.push(await run(where === "own"));
    print(where === "own" ? `${values.addresses} addresses of its own` : "the miners' own address", runs);
  }
} finally {
  await node.stop();
}

async function run(hasOwnAddresses: boolean): Promise<Run> {
  const address = await newAddress(node);
  const nodeOptions = values["node-options"];
  const pool = await startPool({
    nodes: [node],
    address: await newAddress(node),
    difficulty: 1e-9,
    settings: { template: { refreshSeconds: 1 } },
    ...(nodeOptions === undefined ? {} : { env: { NODE_OPTIONS: nodeOptions } }),
  });
  const generator = await startGenerator(loadCpu);
  try {
    const worker = await pinPool(pool);
    await generator.connect(pool.stratumPort, Number(values.miners), `${address}.honest`);
    const openLoop = async (forSeconds: number) => {
      await generator.prepare(forSeconds * perSecond * 1.1 + 1_000, "real");
      return await phaseOf(pool, worker, () => generator.openLoop(forSeconds, perSecond));
    };
    await openLoop(warmUpSeconds);
    const alone = await openLoop(seconds);

    const before = await eventsOf(pool);
    const crowd = await startCrowd(
      {
        port: pool.stratumPort,
        user: address,
        addresses: hasOwnAddresses ? Number(values.addresses) : 0,
        readers: Number(values.readers),
        writers: Number(values.writers),
        flooders: Number(values.flooders),
        linesPerSecond: Number(values["lines-per-second"]),
        connectsPerSecond: Number(values["connects-per-second"]),
      },
      loadCpu,
    );
    await openLoop(settleSeconds);
    const besides = openLoop(seconds);
    await pause((seconds * 1000) / 2);
    const reconnect = await reconnected(pool, `${address}.honest`);
    const beside = await besides;
    const tally = await crowd.stop();
    const events = difference(before, await eventsOf(pool));

    await openLoop(settleSeconds);
    const after = await openLoop(seconds);
    return { alone, beside, after, crowd: tally, events, ...reconnect };
  } finally {
    await generator.stop();
    await pool.dispose();
  }
}

/** The pool's own processes on one processor, its database on the other. @returns the worker. */
async function pinPool(pool: TestPool): Promise<number> {
  for (const pid of childrenOf(pool.running.pid)) pin(pid, loadCpu);
  const [worker] = await workerPids(pool);
  pin(pool.running.pid, poolCpu);
  pin(worker!, poolCpu);
  return worker!;
}

/** All threads of a process; what it starts later inherits it. */
function pin(pid: number, cpu: string): void {
  execFileSync("taskset", ["-apc", cpu, String(pid)], { stdio: "ignore" });
}

async function phaseOf(pool: TestPool, worker: number, load: () => Promise<LoadResult>): Promise<Phase> {
  const slowBefore = await slowSecondsOf(pool);
  const [cpuBefore, startedAt] = [cpuSecondsOfFamily(worker), performance.now()];
  const result = await load();
  const busy = ((cpuSecondsOfFamily(worker) - cpuBefore) * 1000) / (performance.now() - startedAt);
  return {
    load: result,
    busy,
    slowSeconds: (await slowSecondsOf(pool)) - slowBefore,
    residentMiB: residentBytesOf(worker) / MiB,
    heapMiB: (await pool.metric("nodejs_heap_size_used_bytes", { process: "worker-1" })) / MiB,
  };
}

async function slowSecondsOf(pool: TestPool): Promise<number> {
  // Both from one answer: they belong together.
  const text = await (await fetch(`${pool.httpUrl}/metrics`)).text();
  const [name, worker] = ["penstock_event_loop_lag_seconds", { process: "worker-1" }];
  return sumOf(text, `${name}_count`, worker) - sumOf(text, `${name}_bucket`, { ...worker, le: "0.05" });
}

function residentBytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) * 1024;
}

/** As a device does: again and again, every half second. */
async function reconnected(
  pool: TestPool,
  user: string,
): Promise<Pick<Run, "reconnectMs" | "reconnectTries">> {
  const startedAt = performance.now();
  let reconnectTries = 0;
  const client = await until(
    async () => {
      reconnectTries++;
      return await V1Client.start(pool.stratumPort, user);
    },
    { timeoutMs: reconnectMs, intervalMs: 500, what: "an honest miner to be let in again" },
  );
  const answer = await client.submit(client.makeShare());
  if (answer.result !== true) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
  client.close();
  return { reconnectMs: performance.now() - startedAt, reconnectTries };
}

async function eventsOf(pool: TestPool): Promise<Map<string, number>> {
  const text = await (await fetch(`${pool.httpUrl}/metrics`)).text();
  const events = new Map<string, number>();
  for (const [metric, label, what] of counters) {
    for (const line of text.split("\n").filter((each) => each.startsWith(metric))) {
      const value = label === "" ? "" : `: ${new RegExp(`${label}="([^"]*)"`).exec(line)?.[1]}`;
      const key = what + value;
      events.set(key, (events.get(key) ?? 0) + Number(line.split(" ").at(-1)));
    }
  }
  return events;
}

function difference(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>) {
  return new Map([...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)]));
}

function print(from: string, runs: readonly Run[]): void {
  console.log(`\n${values.miners} honest miners, ${perSecond} shares/s; the crowd from ${from}\n`);
  const head = [
    "",
    "ack p50 ms",
    "p99",
    "p99.9",
    "max",
    "sent late p99",
    "accepted",
    "rejected",
    "unanswered",
  ];
  const phases = { alone: "alone", beside: "beside the crowd", after: "after it" } as const;
  console.log(
    table(
      [...head, "seconds with a turn > 50 ms", "worker CPU %", "resident MiB", "heap MiB"],
      Object.entries(phases).map(([phase, name]) => {
        const all = runs.map((each) => each[phase as keyof typeof phases]);
        const middle = (pick: (phase: Phase) => number, digits: number) =>
          median(all.map(pick)).toFixed(digits);
        return [
          name,
          middle(({ load }) => load.p50Ms, 2),
          middle(({ load }) => load.p99Ms, 2),
          middle(({ load }) => load.p999Ms, 2),
          middle(({ load }) => load.maxMs, 2),
          middle(({ load }) => load.lateP99Ms, 2),
          middle(({ load }) => load.accepted, 0),
          middle(({ load }) => load.rejected + load.unexpected, 0),
          middle(({ load }) => load.unanswered, 0),
          middle(({ slowSeconds }) => slowSeconds, 0),
          middle(({ busy }) => 100 * busy, 0),
          middle(({ residentMiB }) => residentMiB, 0),
          middle(({ heapMiB }) => heapMiB, 0),
        ];
      }),
    ),
  );
  for (const { load } of runs.flatMap(({ alone, beside, after }) => [alone, beside, after])) {
    if (load.firstRejection !== null) console.log(`first rejection: ${load.firstRejection}`);
    if (load.newTip || load.exhausted) console.log("a run ended early: a new tip, or no shares left");
  }
  const rate = (pick: (run: Run) => number) =>
    whole(median(runs.map((each) => pick(each) / each.crowd.seconds)));
  const middle = (pick: (run: Run) => number) => whole(median(runs.map(pick)));
  const keys = [...new Set(runs.flatMap(({ events }) => [...events.keys()]))].sort();
  console.log("");
  console.log(
    table(
      ["the crowd", "in all", "a second"],
      [
        ["lines sent", middle(({ crowd }) => crowd.lines), rate(({ crowd }) => crowd.lines)],
        ["megabytes sent", middle(({ crowd }) => crowd.bytes / 1e6), rate(({ crowd }) => crowd.bytes / 1e6)],
        ["connections opened", middle(({ crowd }) => crowd.connects), rate(({ crowd }) => crowd.connects)],
        ["slow readers cut", middle(({ crowd }) => crowd.cutReaders), rate(({ crowd }) => crowd.cutReaders)],
        ["slow writers cut", middle(({ crowd }) => crowd.cutWriters), rate(({ crowd }) => crowd.cutWriters)],
        ["flooders cut", middle(({ crowd }) => crowd.cutFlooders), rate(({ crowd }) => crowd.cutFlooders)],
        ...keys
          .map((key) => [key, (each: Run) => each.events.get(key) ?? 0] as const)
          .filter(([, pick]) => runs.some((each) => pick(each) > 0))
          .map(([key, pick]) => [key, middle(pick), rate(pick)]),
      ],
    ),
  );
  console.log(
    `\nAn honest miner that came again in the middle of it had a share accepted after ${middle(
      (each) => each.reconnectMs,
    )} ms, at try ${middle((each) => each.reconnectTries)}.`,
  );
}
