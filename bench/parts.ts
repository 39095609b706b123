/**
 * The pool's parts alone, without sockets, as one table: what a share costs where. Run by bench/pool.ts on the pool's
 * processor; alone it is
 *
 *   tsx bench/parts.ts [--shares 400000] [--directory DIR]
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { targetOf } from "../src/bitcoin/target.ts";
import { systemClock } from "../src/clock.ts";
import { createLiveJobs } from "../src/jobs/live-jobs.ts";
import { recordBytes } from "../src/journal/format.ts";
import { type Durability, type Journal, openJournal, type ShareRecord } from "../src/journal/index.ts";
import type { RunPlace } from "../src/journal/run.ts";
import { loadAddon } from "../src/native/index.ts";
import { submissionLayout, verdictLayout } from "../src/native/layout.ts";
import { submitSharesExtended, submitSharesStandard } from "../src/protocol/v2/shares.ts";
import type { ShareCounters } from "../src/shares/accept-shares.ts";
import type { FrameLane } from "../src/shares/frame-lane.ts";
import type { LineLane } from "../src/shares/line-lane.ts";
import { createNativeIntake, type NativeIntake } from "../src/shares/native-intake.ts";
import { aJob } from "../test/support/jobs.ts";
import { silentLog } from "../test/support/silent-log.ts";
import { table, whole } from "./table.ts";

const { values } = parseArgs({
  options: {
    shares: { type: "string", default: "400000" },
    directory: { type: "string", default: tmpdir() },
  },
});
const shares = Number(values.shares);
/** As many lines come in one read as a connection has outstanding. */
const linesPerRead = 8;
/** Reads in one turn of the event loop, and shares that wait for the disk at most: those of 1,000 connections. */
const readsPerTurn = 64;
const mostWaiting = 8_000;
const user = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4.bench";
const [account, worker] = user.split(".") as [string, string];
const now = Math.floor(Date.now() / 1000);

interface Part {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const addon = loadAddon();
const jobs = createLiveJobs({ addon, maxJobs: 10, onTipsDropped: () => {} });
/** 250 bytes of coinbase and 12 branches, and a tip so hard that nothing is a block. */
const job = jobs.add(
  aJob({
    bits: 0x17024a71,
    startTime: now,
    coinbase1: new Uint8Array(119),
    coinbase2: new Uint8Array(119),
    merkleBranch: Array.from({ length: 12 }, (_, i) => new Uint8Array(32).fill(i)),
  }),
);
/** Every hash meets it: nothing has to be mined. */
const assignment = { target: targetOf(2n ** 256n - 1n), difficulty: 1e-9 };
const terms = { job, assignment, extranonce1: 1, versionMask: 0, account, worker, scheme: "pplns" } as const;
const record: ShareRecord = {
  kind: "share",
  timeMs: now * 1000,
  hash: Buffer.alloc(32),
  target: assignment.target,
  height: 900_000,
  protocol: "v1",
  scheme: "pplns",
  block: false,
  account,
  worker,
};

const recordsBytes = Buffer.alloc(linesPerRead * recordBytes(account.length, worker.length));
let journals = 0;

await main();

async function main(): Promise<void> {
  const reads = makeReads();
  const rows: [string, Part][] = [
    ["judge: one call a share, from TypeScript", judgeAll()],
    [`intake: ${linesPerRead} lines a read, to answers and records`, await intakeAlone(reads)],
    [`intake: ${linesPerRead} V2 frames a read, extended channel`, framesAlone(makeFrames("extended"))],
    [
      `intake: ${linesPerRead} V2 frames a read, standard channel`,
      framesAlone(makeFrames("standard"), new Uint8Array(8)),
    ],
    ["journal, os: records as objects", await journalAlone("os", appendObject)],
    ["journal, fsync: records as objects", await journalAlone("fsync", appendObject)],
    ["journal, fsync: runs of ready bytes", await journalAlone("fsync", appendBytes)],
    ["intake and journal, fsync", await intakeAndJournal(reads)],
  ];
  console.log(`\nThe pool's parts alone, ${whole(shares)} shares, kernel ${addon.kernel}\n`);
  console.log(
    table(
      ["part", "shares/s", "CPU µs/share"],
      rows.map(([name, { seconds, cpuSeconds }]) => [
        name,
        whole(shares / seconds),
        ((cpuSeconds * 1e6) / shares).toFixed(2),
      ]),
    ),
  );
}

/** CPU is that of all threads: the disk's are among them. */
function clock(): () => Part {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
}

function judgeAll(): Part {
  const seen = addon.createSeenWindow(2 * shares);
  const request = Buffer.alloc(submissionLayout.size);
  const verdict = Buffer.alloc(verdictLayout.size);
  request.writeUInt32LE(now, submissionLayout.ntime);
  request.writeUInt32LE(now + 7_000, submissionLayout.ntimeMax);
  request.set(assignment.target.bytes, submissionLayout.target);
  const took = clock();
  for (let i = 0; i < shares; i++) {
    request.writeUInt32BE(i, submissionLayout.extranonce2 + 4);
    if (addon.judge(job.prepared, seen, request, verdict) !== 0) throw new Error("a share was refused");
  }
  return took();
}

/** @param extranonce2 of a standard channel, whose root is known after its first share. */
function framesAlone(reads: readonly Buffer[], extranonce2?: Uint8Array): Part {
  const lane = openFrameLane(noJournal(), extranonce2);
  const took = clock();
  for (const read of reads) {
    const taken = lane.take(read, 0, ({ accepted }) => {
      if (accepted.length !== linesPerRead) throw new Error("a share was refused");
      return undefined;
    });
    if (taken !== read.length) throw new Error("the native intake left a frame");
  }
  return took();
}

async function intakeAlone(reads: readonly Buffer[]): Promise<Part> {
  const lane = openLane(noJournal());
  const took = clock();
  for (const read of reads) takeAll(lane, read, undefined);
  return took();
}

/** Room for one run after the other, and no disk. */
function noJournal(): Pick<Journal, "appendRun"> {
  const bytes = Buffer.alloc(64 * 1024);
  return {
    appendRun: (write: (place: RunPlace) => void) => {
      const place = {
        bytes,
        start: 0,
        end: bytes.length,
        epoch: 1,
        sequence: 1,
        index: 0,
        records: 0,
        length: 0,
      };
      write({ ...place, done: undefined });
      return true;
    },
  };
}

async function intakeAndJournal(reads: readonly Buffer[]): Promise<Part> {
  return await withJournal("fsync", async (journal) => {
    const lane = openLane(journal);
    return await throughDisk(linesPerRead, (i, done) => takeAll(lane, reads[i]!, done));
  });
}

async function journalAlone(durability: Durability, append: typeof appendObject): Promise<Part> {
  return await withJournal(durability, (journal) =>
    throughDisk(linesPerRead, (i, done) => append(journal, i, done)),
  );
}

function appendObject(journal: Journal, read: number, done: () => void): void {
  for (let i = 0; i < linesPerRead; i++) {
    (record.hash as Buffer).writeUInt32LE(read * linesPerRead + i);
    journal.append(record, i === linesPerRead - 1 ? done : undefined);
  }
}

/** Bytes as long as records are, but which say nothing: what it costs to carry them to the disk. */
function appendBytes(journal: Journal, _: number, done: () => void): void {
  journal.appendRun((place) => {
    recordsBytes.copy(place.bytes, place.start);
    place.records = linesPerRead;
    place.length = recordsBytes.length;
    place.done = done;
  });
}

/** Shares come as they do from many connections: many reads in a turn, a bounded number waiting for their commit. */
async function throughDisk(perStep: number, step: (i: number, done: () => void) => void): Promise<Part> {
  const took = clock();
  let waiting = 0;
  let wake = () => {};
  const done = () => {
    waiting -= perStep;
    wake();
  };
  const steps = Math.floor(shares / perStep);
  for (let i = 0; i < steps; ) {
    for (let inTurn = 0; inTurn < readsPerTurn && i < steps && waiting < mostWaiting; inTurn++) {
      waiting += perStep;
      step(i++, done);
    }
    if (waiting < mostWaiting) await nextTurn();
    else await new Promise<void>((resolve) => (wake = resolve));
  }
  while (waiting > 0) await new Promise<void>((resolve) => (wake = resolve));
  return took();
}

async function withJournal(durability: Durability, use: (journal: Journal) => Promise<Part>): Promise<Part> {
  const directory = join(values.directory, `parts-${process.pid}-${++journals}`);
  const options = { node: "0-1", addon, log: silentLog, alarmFreeBytes: 0, refuseFreeBytes: 0 };
  const journal = await openJournal({ ...options, directory, durability });
  try {
    return await use(journal);
  } finally {
    await journal.close();
  }
}

function anIntake(journal: Pick<Journal, "appendRun">): NativeIntake {
  const counters: ShareCounters = { received() {}, answered() {}, accepted() {}, windowFull() {} };
  const seen = addon.createSeenWindow(2 * shares);
  return createNativeIntake({
    addon,
    seen,
    jobs,
    journal,
    clock: systemClock,
    ntimeAheadSeconds: 7_000,
    counters,
    isVersionRollingAllowed: true,
  });
}

function openLane(journal: Pick<Journal, "appendRun">): LineLane {
  const lane = anIntake(journal).createLineLane();
  lane.grant({ ...terms, id: { number: job.data.number, variant: 0 }, user });
  return lane;
}

function openFrameLane(
  journal: Pick<Journal, "appendRun">,
  extranonce2: Uint8Array | undefined,
): FrameLane<{ id: number }> {
  const lane = anIntake(journal).createFrameLane<{ id: number }>();
  lane.grant({ ...terms, channel: { id: 1 }, jobName: 1, extranonce2, ntimeMin: 0 });
  return lane;
}

function takeAll(lane: LineLane, read: Buffer, done: (() => void) | undefined): void {
  const taken = lane.take(read, 0, ({ accepted }) => {
    if (accepted !== linesPerRead) throw new Error(`${accepted} of ${linesPerRead} shares were accepted`);
    return done;
  });
  if (taken !== read.length) throw new Error("the native intake left a line");
}

function makeReads(): Buffer[] {
  const hex = (value: number) => value.toString(16).padStart(8, "0");
  const line = (i: number) =>
    `{"id":${1_000_000 + i},"method":"mining.submit","params":["${user}","000000000100","00000000${hex(i)}","${hex(now)}","00000000"]}\n`;
  return Array.from({ length: Math.floor(shares / linesPerRead) }, (_, read) =>
    Buffer.from(Array.from({ length: linesPerRead }, (_, i) => line(read * linesPerRead + i)).join("")),
  );
}

/** Of an extended channel each with an extranonce of its own, as the lines have. */
function makeFrames(kind: "standard" | "extended"): Buffer[] {
  const usual = { channelId: 1, jobId: 1, nonce: 0, ntime: now, version: job.data.version };
  const frame = (sequenceNumber: number) => {
    if (kind === "standard")
      return submitSharesStandard.encode({ ...usual, sequenceNumber, nonce: sequenceNumber });
    const extranonce = Buffer.alloc(8);
    extranonce.writeUInt32BE(sequenceNumber, 4);
    return submitSharesExtended.encode({ ...usual, sequenceNumber, extranonce });
  };
  return Array.from({ length: Math.floor(shares / linesPerRead) }, (_, read) =>
    Buffer.concat(Array.from({ length: linesPerRead }, (_, i) => frame(read * linesPerRead + i))),
  );
}
