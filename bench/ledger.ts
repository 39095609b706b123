/**
 * `npm run bench:ledger`: journaled shares on their way into the books, as one table: the real ingest reads a real
 * journal and applies it to a real Postgres with fsync on. Records as TypeScript objects stand beside the native way.
 *
 *   npm run bench:ledger -- [--shares 500000] [--workers 1,1000] [--rounds 2] [--batch 40000] [--cpu 0]
 *
 * Node's CPU is all of this process (its collector and its file and socket calls included) while the ingest runs,
 * Postgres' that of the one backend that applies. Best of the rounds. `--cpu` pins both to one processor.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { targetFromDifficulty } from "../src/bitcoin/target.ts";
import { systemClock } from "../src/clock.ts";
import { openJournal, type Position } from "../src/journal/index.ts";
import { type OpenJournal, openLedger, startIngest } from "../src/ledger/index.ts";
import { loadAddon } from "../src/native/index.ts";
import { journalsIn } from "../src/pool/journals-in.ts";
import { execute, startPostgres } from "../test/support/postgres.ts";
import { silentLog } from "../test/support/silent-log.ts";
import { temporaryFolder } from "../test/support/temporary.ts";

const { values } = parseArgs({
  options: {
    shares: { type: "string", default: "500000" },
    workers: { type: "string", default: "1,1000" },
    rounds: { type: "string", default: "2" },
    batch: { type: "string", default: "40000" },
    cpu: { type: "string" },
  },
});
const shares = Number(values.shares);
const rounds = Number(values.rounds);
const commitRecords = 1_000;
const startMs = Date.UTC(2026, 0, 15, 12);
const sharesPerSecond = 100_000;

interface Run {
  readonly seconds: number;
  readonly nodeSeconds: number;
  readonly postgresSeconds: number;
  readonly batches: number;
  readonly longestTurnMs: number;
}

const addon = loadAddon();
const folder = await temporaryFolder("bench-ledger");
const postgres = await startPostgres();
if (values.cpu !== undefined) for (const pid of [process.pid, postgres.server.pid]) pin(pid, values.cpu);
try {
  await main();
} finally {
  await postgres.stop();
  await folder.remove();
}

async function main(): Promise<void> {
  console.log(`\n${shares.toLocaleString("en")} journaled shares into the books, best of ${rounds}\n`);
  console.log(
    "records         workers       rows/s   Node µs/row   Postgres µs/row   rows/batch   longest turn of Node's loop ms",
  );
  for (const workers of values.workers.split(",").map(Number)) {
    const { directory, end } = await writeJournal(workers);
    const native = journalsIn(directory, addon);
    print("as objects", workers, await best(() => apply(withoutPacked(native), end)));
    print("native", workers, await best(() => apply(native, end)));
  }
}

/** Each worker has an account of its own, as small miners do. */
async function writeJournal(workers: number): Promise<{ directory: string; end: Position }> {
  const directory = join(folder.path, `journal-${workers}`);
  const journal = await openJournal({
    directory: join(directory, "0-1"),
    node: "0-1",
    addon,
    log: silentLog,
    durability: "os",
    alarmFreeBytes: 0,
    refuseFreeBytes: 0,
  });
  const targets = [256, 512, 1024].map(targetFromDifficulty);
  const miners = Array.from({ length: workers }, (_, i) => ({
    account: `bc1q${createHash("sha256").update(`account ${i}`).digest("hex").slice(0, 38)}`,
    worker: `rig${i}`,
    target: targets[i % targets.length]!,
  }));
  const hash = Buffer.alloc(32);
  for (let made = 0; made < shares; ) {
    const committed = new Promise<void>((resolve, reject) => {
      const last = Math.min(shares, made + commitRecords);
      while (made < last) {
        hash.writeUInt32LE(made, 0);
        hash.writeUInt32LE(Math.imul(made, 2_654_435_761) >>> 0, 4);
        const timeMs = startMs + Math.floor((made * 1000) / sharesPerSecond);
        const miner = miners[(made * 7919) % workers]!;
        made += 1;
        const done = (durable: boolean) => (durable ? resolve() : reject(new Error("a share was refused")));
        const record = {
          kind: "share",
          timeMs,
          hash,
          height: 800_000,
          protocol: "v1",
          scheme: "pplns",
          block: false,
        } as const;
        journal.append({ ...record, ...miner }, made === last ? done : undefined);
      }
    });
    await committed;
  }
  const end = journal.committed;
  await journal.close();
  return { directory, end };
}

async function apply(openJournalOf: OpenJournal, end: Position): Promise<Run> {
  const databaseUrl = await postgres.createDatabase();
  const orderLogFile = join(folder.path, `${new URL(databaseUrl).pathname.slice(1)}.order.log`);
  const ledger = await openLedger({ databaseUrl, orderLogFile, log: silentLog });
  const pid = await backendOf(databaseUrl);
  let batches = 0;
  const turns = monitorEventLoopDelay({ resolution: 1 });
  const ingest = startIngest({
    ledger,
    openJournal: openJournalOf,
    log: silentLog,
    clock: systemClock,
    shareRetentionDays: 36_500,
    maxRecords: Number(values.batch),
    metrics: {
      applySeconds: {
        observe: () => {
          batches += 1;
        },
      },
    },
  });
  const before = { ms: performance.now(), cpu: process.cpuUsage(), postgres: cpuSecondsOf(pid) };
  turns.enable();
  ingest.announce(end);
  await ingest.caughtUp();
  turns.disable();
  const cpu = process.cpuUsage(before.cpu);
  const run = {
    seconds: (performance.now() - before.ms) / 1000,
    nodeSeconds: (cpu.user + cpu.system) / 1e6,
    postgresSeconds: cpuSecondsOf(pid) - before.postgres,
    batches,
    longestTurnMs: turns.max / 1e6,
  };
  await ingest.stop();
  await ledger.close();
  await execute(postgres.url, `DROP DATABASE ${new URL(databaseUrl).pathname.slice(1)}`);
  return run;
}

async function best(measure: () => Promise<Run>): Promise<Run> {
  const runs: Run[] = [];
  for (let round = 0; round < rounds; round += 1) runs.push(await measure());
  const least = (pick: (run: Run) => number) => Math.min(...runs.map(pick));
  return {
    seconds: least(({ seconds }) => seconds),
    nodeSeconds: least(({ nodeSeconds }) => nodeSeconds),
    postgresSeconds: least(({ postgresSeconds }) => postgresSeconds),
    batches: runs[0]!.batches,
    longestTurnMs: least(({ longestTurnMs }) => longestTurnMs),
  };
}

function print(what: string, workers: number, run: Run): void {
  const cells = [
    what.padEnd(14),
    String(workers).padStart(8),
    Math.round(shares / run.seconds)
      .toLocaleString("en")
      .padStart(12),
    ((run.nodeSeconds * 1e6) / shares).toFixed(2).padStart(13),
    ((run.postgresSeconds * 1e6) / shares).toFixed(2).padStart(17),
    Math.round(shares / run.batches)
      .toLocaleString("en")
      .padStart(12),
    run.longestTurnMs.toFixed(1).padStart(12),
  ];
  console.log(cells.join(" "));
}

/** The ledger's reader without its native way: records become objects. */
function withoutPacked(open: OpenJournal): OpenJournal {
  return async (node) => {
    const reader = await open(node);
    return { next: (...range) => reader.next(...range), close: () => reader.close() };
  };
}

async function backendOf(databaseUrl: string): Promise<number> {
  const rows = await execute<{ pid: number }>(
    databaseUrl,
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'penstock ledger' AND datname = current_database()",
  );
  return rows[0]!.pid;
}

/** Time on a processor, as the scheduler counts it. */
function cpuSecondsOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e9;
}

function pin(pid: number, cpu: string): void {
  execFileSync("taskset", ["-apc", cpu, String(pid)], { stdio: "ignore" });
}
