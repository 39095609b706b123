/**
 * The pool of a dialogue: the real Stratum server, feed, jobs, coinbases, judge and window in this process, with the
 * firmware profiles that ship. Only the node, the disk and the clock are the test's.
 */
import { parseAddress } from "../../../src/bitcoin/address.ts";
import { sha256d } from "../../../src/bitcoin/hash.ts";
import { versionRollingMask } from "../../../src/bitcoin/header.ts";
import { loadFirmware } from "../../../src/config/firmware.ts";
import { buildJob } from "../../../src/jobs/build.ts";
import type { CoinbaseSpec } from "../../../src/jobs/coinbase.ts";
import { createJobFeed, type JobFeed } from "../../../src/jobs/feed.ts";
import { createLiveJobs, type LiveJobs } from "../../../src/jobs/live-jobs.ts";
import type { RewardSplit } from "../../../src/jobs/reward-split.ts";
import { createSoloJobs } from "../../../src/jobs/solo-jobs.ts";
import { decodeRecord, TargetCache, validRecordAt } from "../../../src/journal/codec.ts";
import { soloVersion } from "../../../src/journal/format.ts";
import type { ShareRecord } from "../../../src/journal/record.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { createShares, type ShareCounters } from "../../../src/shares/accept-shares.ts";
import { createNativeIntake } from "../../../src/shares/native-intake.ts";
import { createFirmwareTable, type MatchFirmware } from "../../../src/stratum/firmware.ts";
import { defaultLimits, type StratumLimits } from "../../../src/stratum/limits.ts";
import { RememberedDifficulties } from "../../../src/stratum/remembered-difficulties.ts";
import { createStratum, type Stratum } from "../../../src/stratum/stratum.ts";
import type { TemplateTransactions } from "../../../src/template/template.ts";
import { aClock, type FakeClock } from "../clock.ts";
import { until } from "../deadline.ts";
import { aTemplate } from "../jobs.ts";
import { MemoryJournal, memoryEpoch } from "../memory-journal.ts";
import { noRecorder } from "../no-recorder.ts";
import { silentLog } from "../silent-log.ts";
import { hardBits, RecordedMetrics } from "../stratum.ts";
import { refusesV2 } from "../v2-parts.ts";
import { numberOf } from "./pattern.ts";

/** Every setting of a dialogue's first lines with what holds without it. */
export const usualSettings = {
  scheme: "pplns",
  // A few thousand hashes a share, found in no time, and nobody's floor lifts it: difficulty stays where it is.
  "difficulty.start": "2^-20",
  "difficulty.min": "1e-9",
  "difficulty.max": "1e9",
  "difficulty.vardiff": "false",
  "difficulty.sharesPerMinute": "6",
  staleGraceSeconds: "3",
  staleGraceMaxSeconds: "10",
  resumeSeconds: "600",
  /** To how many addresses the reward goes. */
  payees: "1",
  /** Of the node's templates. */
  "template.version": "20000000",
  "template.bits": hardBits.toString(16),
  "template.transactions": "0",
  "template.transactionBytes": "250",
  /** Whether the pool has a job when the dialogue begins. */
  "template.first": "true",
};

type Settings = Readonly<Record<keyof typeof usualSettings, string>>;

let firmware: Promise<MatchFirmware> | undefined;

/** Read once: it is the same for all dialogues. */
async function shippedFirmware(): Promise<MatchFirmware> {
  firmware ??= loadFirmware().then(createFirmwareTable);
  return await firmware;
}

/** As the pool's own: firmware takes 30 seconds of silence for a dead pool. */
const reissueMs = 25_000;
const stepMs = 5_000;

export interface ConformancePool {
  readonly port: number;
  readonly stratum: Stratum;
  readonly clock: FakeClock;
  readonly metrics: RecordedMetrics;
  /** What was made durable, in order. */
  readonly credited: readonly ShareRecord[];
  /** Submissions that were taken in native code. */
  readonly native: number;
  /** Set: no share can be made durable. */
  diskFull: boolean;
  /** A block was found somewhere. */
  newTip(): void;
  /** Another template on the same tip. */
  newTemplate(): void;
  /** The clock moves on, and everything that is due happens. */
  wait(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

export interface ConformancePoolOptions {
  readonly settings: ReadonlyMap<string, string>;
  /** Whether usual submissions are judged in native code straight from the bytes. */
  readonly intake: boolean;
}

/** @throws Error naming the setting that there is not. */
export async function aConformancePool({
  settings: changes,
  intake,
}: ConformancePoolOptions): Promise<ConformancePool> {
  const { settings, limits } = settingsOf(changes);
  const addon = loadAddon();
  const clock = aClock();
  const metrics = new SweepCounting();
  const journal = new MemoryJournal(addon, 1 << 20);
  const seen = addon.createSeenWindow(100_000);
  const jobs = createLiveJobs({
    addon,
    maxJobs: 1_000,
    onTipsDropped: (oldest) => seen.forgetBefore(oldest),
  });
  const spec = specOf(Number(settings.payees));
  const counts = { native: 0 };
  const sharing = { addon, seen, clock, ntimeAheadSeconds: 7_000 };
  const shares = createShares({
    ...sharing,
    append: (record, done) => journal.append(record, done),
    storeBlock: () => "stored",
    terms: { feeMillionths: 10_000, windowThousandths: 4_000 },
    counters: noCounters,
  });
  const nativeIntake = createNativeIntake({
    ...sharing,
    jobs,
    journal,
    isVersionRollingAllowed: true,
    counters: {
      ...noCounters,
      received: (_, submissions) => {
        counts.native += submissions;
      },
    },
  });
  const transactions = transactionsOf(settings);
  const soloJobs = createSoloJobs({
    addon,
    jobs,
    chain: "regtest",
    terms: { feeMillionths: 10_000, split: spec.split },
    maxEntries: 1_000,
  });
  let nextExtranonce1 = 0x0badc0de;
  const stratum = createStratum({
    ports: [portOf(settings)],
    secureContext: () => undefined,
    workerNumber: 1,
    chain: "regtest",
    jobs,
    shares,
    intake: intake ? nativeIntake : undefined,
    sockets: addon,
    v2: refusesV2,
    extranonces: { take: () => nextExtranonce1++, release: () => {} },
    firmware: await shippedFirmware(),
    recorder: noRecorder,
    remembered: new RememberedDifficulties(100),
    soloJob: (job, account, coinbaseBytes) => soloJobs.jobFor(job, account, coinbaseBytes),
    transactionsOf: (_, maxBytes) => transactions.within(maxBytes),
    versionMask: versionRollingMask,
    staleGraceSeconds: Number(settings.staleGraceSeconds),
    staleGraceMaxSeconds: Number(settings.staleGraceMaxSeconds),
    resumeSeconds: Number(settings.resumeSeconds),
    limits: { ...limits, sweepSeconds: 0.002 },
    clock,
    log: silentLog,
    metrics,
    onBan: () => {},
    onMove: (_worker, _moved, socket) => socket.destroy(),
  });
  const feed = aFeed({ clock, settings, spec, transactions: transactions.template, stratum, jobs });
  await stratum.open();
  if (settings["template.first"] === "true") feed.newTip();

  const targets = new TargetCache();
  const credited: ShareRecord[] = [];
  const pool: ConformancePool = {
    port: stratum.addresses[0]!.port,
    stratum,
    clock,
    metrics,
    credited,
    get native() {
      return counts.native;
    },
    diskFull: false,
    newTip: feed.newTip,
    newTemplate: feed.newTemplate,
    async wait(milliseconds) {
      for (let left = milliseconds; left > 0; left -= stepMs) {
        clock.advance(Math.min(left, stepMs));
        feed.tick();
        await metrics.nextSweep();
      }
    },
    async close() {
      const closed = stratum.close();
      // The last words of connections that nobody reads from are cut by the clock.
      clock.advance(60_000);
      await closed;
      clearInterval(committing);
    },
  };
  const committing = setInterval(() => {
    const bytes = journal.commit(!pool.diskFull);
    if (!pool.diskFull) credited.push(...sharesIn(bytes, targets));
  }, 1);
  return pool;

  function sharesIn(bytes: Buffer, known: TargetCache): ShareRecord[] {
    const found: ShareRecord[] = [];
    let length: number;
    for (let offset = 0; offset < bytes.length; offset += length) {
      length = validRecordAt(bytes, offset, bytes.length, memoryEpoch, (data, from, to) =>
        addon.crc32c(data, from, to),
      );
      if (length === 0) throw new Error(`the journal holds no record at byte ${offset}`);
      const record = decodeRecord(bytes, offset, known, soloVersion);
      if (record.kind === "share") found.push(record);
    }
    return found;
  }
}

const noCounters: ShareCounters = { received() {}, answered() {}, accepted() {}, windowFull() {} };

/** Tells when all that time brings with it has been done. */
class SweepCounting extends RecordedMetrics {
  #sweeps = 0;
  override subscribed = () => {
    this.#sweeps += 1;
  };

  async nextSweep(): Promise<void> {
    const before = this.#sweeps;
    await until(() => this.#sweeps > before, { timeoutMs: 10_000, what: "the sweeper", intervalMs: 1 });
  }
}

interface FeedParts {
  readonly clock: FakeClock;
  readonly settings: Settings;
  readonly spec: CoinbaseSpec;
  readonly transactions: TemplateTransactions;
  readonly stratum: Stratum;
  readonly jobs: LiveJobs;
}

/** The pool's own feed, with templates as a node would give them. */
function aFeed({ clock, settings, spec, transactions, stratum, jobs }: FeedParts) {
  const addon = loadAddon();
  let number = 0;
  let tip = 0;
  let templates = 0;
  const feed: JobFeed = createJobFeed({
    clock,
    nextNumber: () => ++number,
    build: (template, issue) => buildJob(template, spec, issue, addon),
    reissueMs,
    onJob: (job) => stratum.broadcast(jobs.add(job)),
  });
  const newTemplate = () => {
    const currentTime = Math.floor(clock.wallMs() / 1000);
    templates += 1;
    feed.use(
      aTemplate({
        id: `t${templates}`,
        height: 840_000 + tip,
        version: Number.parseInt(settings["template.version"], 16),
        previousHash: sha256d(Buffer.from(`block ${tip}`)),
        bits: Number.parseInt(settings["template.bits"], 16),
        minTime: currentTime - 3_600,
        currentTime,
        transactions,
        witnessCommitment: Buffer.concat([Buffer.from("6a24aa21a9ed", "hex"), Buffer.alloc(32, 7)]),
        receivedMonotonicMs: clock.monotonicMs(),
      }),
    );
  };
  return {
    tick: () => feed.tick(),
    newTemplate,
    newTip() {
      tip += 1;
      newTemplate();
    },
  };
}

function settingsOf(changes: ReadonlyMap<string, string>): { settings: Settings; limits: StratumLimits } {
  const settings: Record<string, string> = { ...usualSettings };
  const limits: Record<string, unknown> = { ...defaultLimits };
  for (const [path, value] of changes) {
    const limit = path.startsWith("limits.") ? path.slice("limits.".length) : undefined;
    if (limit !== undefined && limit in limits) limits[limit] = Number(value);
    else if (path in settings) settings[path] = value;
    else throw new Error(`there is no setting "${path}"`);
  }
  return { settings: settings as Settings, limits: limits as unknown as StratumLimits };
}

function portOf(settings: Settings) {
  return {
    address: { host: "127.0.0.1", port: 0 },
    scheme: settings.scheme === "solo" ? ("solo" as const) : ("pplns" as const),
    proxyFrom: [],
    difficulty: {
      start: numberOf(settings["difficulty.start"]),
      min: numberOf(settings["difficulty.min"]),
      max: numberOf(settings["difficulty.max"]),
      vardiff: settings["difficulty.vardiff"] === "true",
      sharesPerMinute: Number(settings["difficulty.sharesPerMinute"]),
    },
  };
}

const poolAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/** The reward goes to as many addresses of the longest kind, in equal parts. */
function specOf(payees: number): CoinbaseSpec {
  const others: RewardSplit = Array.from({ length: payees - 1 }, (_, index) => ({
    script: Buffer.concat([Buffer.of(0x51, 32), Buffer.alloc(32, index + 1)]),
    millionths: Math.floor(1_000_000 / payees),
  }));
  const parsed = parseAddress(poolAddress, "regtest");
  if (!parsed.ok) throw new Error(parsed.sentence);
  return { tag: "/Penstock/", split: [{ script: parsed.script, millionths: "rest" }, ...others] };
}

/** Bytes of the right number and length: what they are is the node's to know. */
function transactionsOf(settings: Settings) {
  const count = Number(settings["template.transactions"]);
  const bytes = Number(settings["template.transactionBytes"]);
  const all = Array.from({ length: count }, (_, index) => {
    const transaction = Buffer.alloc(bytes, 1);
    transaction.writeUInt32LE(index);
    return transaction;
  });
  const template: TemplateTransactions = {
    count,
    data: Buffer.concat(all),
    txids: Buffer.concat(all.map((transaction) => sha256d(transaction))),
    weight: 4 * bytes * count,
    sigops: 0,
  };
  return {
    template,
    within: (maxBytes: number) =>
      (2 * bytes + 3) * count > maxBytes ? undefined : all.map((transaction) => transaction.toString("hex")),
  };
}
