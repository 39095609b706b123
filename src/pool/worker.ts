/**
 * A stratum worker: one process that takes shares from its own connections to its own journal. It is told everything
 * over the process channel and leaves within a second when the channel closes: its primary is gone then.
 */
import { join } from "node:path";
import { versionRollingMask } from "../bitcoin/header.ts";
import { openCandidateStore } from "../blocks/index.ts";
import { systemClock } from "../clock.ts";
import { type Config, feeMillionths, secretsOf, sha256Kernel, windowThousandths } from "../config/index.ts";
import { describeError } from "../errors.ts";
import { createExtranoncePool } from "../jobs/extranonce-pool.ts";
import type { KeptJob } from "../jobs/kept-jobs.ts";
import { createLiveJobs } from "../jobs/live-jobs.ts";
import { type Journal, openJournal } from "../journal/index.ts";
import { createLogger, type Logger } from "../log/index.ts";
import { createMetrics, type Metrics, setOneOf, watchProcess } from "../metrics/index.ts";
import { journalStates } from "../metrics/labels.ts";
import { loadAddon } from "../native/index.ts";
import type { FromWorker, ToWorker } from "../processes/messages.ts";
import { createShares } from "../shares/accept-shares.ts";
import { createNativeIntake } from "../shares/native-intake.ts";
import { seenBefore } from "../shares/seen-before.ts";
import type { StratumLimits } from "../stratum/limits.ts";
import { createStratum } from "../stratum/stratum.ts";
import { readTransactionsFileSync } from "../template/transactions-file.ts";
import { createFoundBlocks } from "./found-blocks.ts";
import { latch } from "./latch.ts";
import { journalMetrics, shareCounters, stratumMetrics } from "./metrics.ts";
import { Serving } from "./serving.ts";
import {
  extranonceReuseMs,
  journalNode,
  maxLiveJobs,
  maxRememberedBytes,
  type WorkerSettings,
} from "./settings.ts";
import { version } from "./version.ts";

type Instruction = ToWorker<WorkerSettings>;
type Start = Extract<Instruction, { type: "start" }>;

const extranonceReserve = 1_024;
const ntimeAheadSeconds = 7_000;
/** Positions are announced at most so often: the ledger need not know of every commit. */
const announceEveryMs = 20;
/** Connections and the journal get this long when the primary is gone. */
const orphanedLimitMs = 800;

/** Runs until the primary says stop or is gone. */
export async function runWorker(): Promise<void> {
  // A terminal's Ctrl-C reaches the whole process group; the primary decides what follows from it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  const inbox = openInbox();
  send({ type: "hello" });
  const worker = await inbox.start;
  process.title = `penstock worker ${worker.workerNumber}`;
  const name = `worker-${worker.workerNumber}`;
  const { config } = worker.settings;
  const metrics = createMetrics({ process: name });
  const { log, flush } = createLogger({
    level: config.log.level,
    process: name,
    secrets: secretsOf(config),
    onDropped: (lines) => metrics.runtime.logDropped.inc(lines),
  });
  process.on("uncaughtException", (err) => {
    // One broken invariant is enough: what is journaled is safe, the supervisor starts a fresh process.
    log.fatal({ event: "worker-crashed", err }, "a bug ended this worker");
    void flush(500).finally(() => process.exit(1));
  });
  try {
    await serve(worker, inbox, metrics, log);
  } catch (error) {
    log.fatal({ event: "worker-failed", err: error }, describeError(error));
    send({ type: "health", reasons: [describeError(error)], listening: false });
    await everythingSent();
    await flush(500);
    process.exit(1);
  }
  await flush(500);
  process.exit(0);
}

async function serve(
  { workerNumber, settings }: Start,
  inbox: Inbox,
  metrics: Metrics,
  log: Logger,
): Promise<void> {
  const { config } = settings;
  const clock = systemClock;
  const failed = latch<Error>();
  let serving: Serving | undefined;
  const addon = loadAddon({ kernel: sha256Kernel() });
  const node = journalNode(config.pool.frontEnd, workerNumber);
  const directory = join(config.journal.directory, node);
  const journal = await openJournal({
    directory,
    node,
    addon,
    clock,
    log,
    durability: config.journal.durability,
    segmentBytes: config.journal.segmentMegabytes * 2 ** 20,
    maxQueuedBytes: config.journal.maxQueuedBytes,
    alarmFreeBytes: config.journal.alarmFreeMegabytes * 2 ** 20,
    refuseFreeBytes: config.journal.refuseFreeMegabytes * 2 ** 20,
    metrics: journalMetrics(metrics),
    onState: (state) => {
      setOneOf(metrics.journal.state, journalStates, state);
      serving?.review();
    },
    // What was not acknowledged is refused; a fresh process recovers the journal and starts a new segment.
    onFailure: (error) => failed.now(error),
  });
  const before = await seenBefore({
    jobs: await inbox.oldJobs,
    directory,
    committed: journal.committed,
    addon,
    maxSeen: config.stratum.limits.seenShares,
    maxBytes: maxRememberedBytes,
    log,
  });
  const { seen } = before;
  const jobs = createLiveJobs({
    addon,
    maxJobs: maxLiveJobs,
    onTipsDropped: (oldest) => seen.forgetBefore(oldest),
  });
  jobs.restore(before.jobs);
  const extranonces = createExtranoncePool({
    clock,
    reserve: extranonceReserve,
    reuseAfterMs: extranonceReuseMs,
    retryAfterMs: 1_000,
    onWanted: () => send({ type: "extranonces-wanted" }),
    onReturned: (first) => send({ type: "extranonces-returned", first }),
  });
  const candidates = openCandidateStore(settings.blocksDirectory);
  const storeBlock = createFoundBlocks({
    readTransactions: (templateId) => readTransactionsFileSync(settings.templatesDirectory, templateId).data,
    store: (hash, bytes) => candidates.store(hash, bytes),
    send: (block) => send({ type: "block", ...block }),
    log,
  });
  const counters = shareCounters(metrics, log);
  const shares = createShares({
    addon,
    seen,
    clock,
    append: (record, done) => journal.append(record, done),
    storeBlock,
    terms: { feeMillionths: feeMillionths(config), windowThousandths: windowThousandths(config) },
    ntimeAheadSeconds,
    counters,
  });
  const intake = config.stratum.nativeSubmit
    ? createNativeIntake({ addon, seen, jobs, journal, clock, ntimeAheadSeconds, counters })
    : undefined;
  metrics.runtime.buildInfo.set({ version, kernel: addon.kernel }, 1);
  log.info(
    { event: "share-path", kernel: addon.kernel, nativeSubmit: intake !== undefined },
    "how shares are judged",
  );
  const stratum = createStratum({
    listen: config.stratum.listen,
    chain: config.chain,
    jobs,
    shares,
    intake,
    extranonces,
    difficulty: config.stratum.difficulty,
    versionMask: versionRollingMask,
    staleGraceSeconds: config.stratum.staleGraceSeconds,
    limits: limitsOf(config.stratum.limits),
    clock,
    log,
    metrics: stratumMetrics(metrics),
  });
  serving = new Serving({
    stratum,
    log,
    ownReasons: () => reasonsOf(journal),
    onChange: (health) => send({ type: "health", ...health }),
  });

  const served = serving;
  setOneOf(metrics.journal.state, journalStates, journal.state);
  announceCommits(journal);
  watchProcess(metrics);
  metrics.onCollect(() => {
    metrics.stratum.connections.set(stratum.counts.connections);
    metrics.stratum.subscribed.set(stratum.counts.subscribed);
    metrics.stratum.authorized.set(stratum.counts.workers);
    metrics.stratum.extranoncesOnHand.set(extranonces.onHand);
    metrics.stratum.extranoncesTaken.set(extranonces.taken);
    metrics.jobs.live.set(jobs.size);
  });
  const ticking = setInterval(() => extranonces.tick(), 1_000);
  extranonces.tick();

  const obey = (message: Instruction) => {
    switch (message.type) {
      case "start":
      case "old-jobs":
        break;
      case "job":
        // A worker that was replaced may hear of a job whose shares it could not look up: it waits for the next.
        if (!before.isKnown(message.job)) break;
        stratum.broadcast(jobs.add(message.job));
        served.haveJob();
        break;
      case "extranonces":
        extranonces.leased(message.lease);
        break;
      case "serving":
        served.primarySays(message.reasons);
        break;
      case "block-record":
        journal.append(message.record, () => {});
        break;
      case "metrics-wanted":
        void metrics.collect().then((all) => send({ type: "metrics", id: message.id, metrics: all }));
        break;
      case "stop":
        stop.now(undefined);
    }
  };
  const stop = latch<undefined>();
  process.once("disconnect", () => {
    log.error(
      { event: "primary-gone" },
      "the primary is gone; this worker closes its connections and leaves",
    );
    setTimeout(() => process.exit(1), orphanedLimitMs).unref();
    stop.now(undefined);
  });
  send({ type: "ready", committed: journal.committed });
  inbox.deliverTo(obey);
  const failure = await Promise.race([stop.value, failed.value]);

  // In order: nobody new, answers out, everything durable, then gone.
  clearInterval(ticking);
  await served.close();
  await journal.close();
  send({ type: "committed", position: journal.committed });
  await everythingSent();
  if (failure !== undefined) throw failure;
}

/** Why this worker cannot take a share now. */
function reasonsOf({ state, stateReason }: Journal): string[] {
  return state === "ok" || state === "alarm" ? [] : [stateReason];
}

function limitsOf(limits: Config["stratum"]["limits"]): StratumLimits {
  const { connections } = limits;
  return { ...limits, connections: connections === "auto" ? undefined : connections, sweepSeconds: 1 };
}

function announceCommits(journal: Journal): void {
  let due = false;
  journal.onCommit(() => {
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      send({ type: "committed", position: journal.committed });
    }, announceEveryMs);
  });
}

interface Inbox {
  readonly start: Promise<Start>;
  readonly oldJobs: Promise<readonly KeptJob[]>;
  /** Hands over what has come since the start, then everything as it comes. */
  deliverTo(obey: (message: Instruction) => void): void;
}

/** Keeps what the primary says while this worker is still getting up. */
function openInbox(): Inbox {
  const early: Instruction[] = [];
  let receive = (message: Instruction): void => void early.push(message);
  const start = latch<Start>();
  const oldJobs = latch<readonly KeptJob[]>();
  process.on("message", (message: Instruction) => {
    if (message.type === "start") start.now(message);
    else if (message.type === "old-jobs") oldJobs.now(message.jobs);
    else receive(message);
  });
  return {
    start: start.value,
    oldJobs: oldJobs.value,
    deliverTo(obey) {
      receive = obey;
      for (const message of early.splice(0)) obey(message);
    },
  };
}

function send(message: FromWorker): void {
  // A primary that is gone is noticed by `disconnect`.
  if (process.connected) process.send?.(message, () => {});
}

/** Messages leave in order: when a last one has gone, all have. */
function everythingSent(): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    process.send?.({ type: "extranonces-wanted" } satisfies FromWorker, undefined, {}, () => resolve());
  });
}
