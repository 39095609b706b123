/**
 * A stratum worker: one process that takes shares from its own connections to its own journal. It is told everything
 * over the process channel and leaves within a second when the channel closes: its primary is gone then.
 */
import { Socket } from "node:net";
import { join } from "node:path";
import { openCandidateStore } from "../blocks/index.ts";
import { systemClock } from "../clock.ts";
import {
  type Config,
  feeMillionths,
  secretsOf,
  sha256Kernel,
  stratumPorts,
  windowThousandths,
} from "../config/index.ts";
import { describeError } from "../errors.ts";
import { createExtranoncePool } from "../jobs/extranonce-pool.ts";
import { extranonceBlockSize } from "../jobs/extranonce-space.ts";
import type { KeptJob } from "../jobs/kept-jobs.ts";
import { createLiveJobs } from "../jobs/live-jobs.ts";
import { createSoloJobs } from "../jobs/solo-jobs.ts";
import { type Journal, openJournal } from "../journal/index.ts";
import { createLogger, type Logger } from "../log/index.ts";
import { createMetrics, type Metrics, setOneOf, watchProcess } from "../metrics/index.ts";
import { journalStates } from "../metrics/labels.ts";
import { loadAddon } from "../native/index.ts";
import type { FromWorker, ToWorker } from "../processes/messages.ts";
import { createShares } from "../shares/accept-shares.ts";
import { createNativeIntake } from "../shares/native-intake.ts";
import { seenBefore } from "../shares/seen-before.ts";
import { createFirmwareTable } from "../stratum/firmware.ts";
import type { StratumLimits } from "../stratum/limits.ts";
import { RememberedDifficulties } from "../stratum/remembered-difficulties.ts";
import type { EndedSession } from "../stratum/session-record.ts";
import { createStratum } from "../stratum/stratum.ts";
import { readTransactionsFileSync } from "../template/transactions-file.ts";
import { CertificateWatcher } from "./certificate.ts";
import { soloTermsOf } from "./coinbase-spec.ts";
import { createFoundBlocks } from "./found-blocks.ts";
import { transactionsOf } from "./job-transactions.ts";
import { latch } from "./latch.ts";
import { journalMetrics, shareCounters, stratumMetrics } from "./metrics.ts";
import { Serving } from "./serving.ts";
import { SessionFile } from "./session-file.ts";
import {
  extranonceReuseMs,
  foldersOf,
  journalNode,
  maxLiveJobs,
  maxRememberedBytes,
  type WorkerSettings,
} from "./settings.ts";
import { createV2Parts } from "./v2-parts.ts";
import { version } from "./version.ts";
import { warmUp } from "./warm-up.ts";

type Instruction = ToWorker<WorkerSettings>;
type Start = Extract<Instruction, { type: "start" }>;

const extranonceReserve = 4_096;
const ntimeAheadSeconds = 7_000;
/** Accounts times jobs; some 2 kB each. What was forgotten is made again when it is asked for. */
const maxSoloJobs = 65_536;
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
    ? createNativeIntake({
        addon,
        seen,
        jobs,
        journal,
        clock,
        ntimeAheadSeconds,
        counters,
        isVersionRollingAllowed: config.stratum.versionMask !== 0,
      })
    : undefined;
  metrics.runtime.buildInfo.set({ version, kernel: addon.kernel }, 1);
  log.info(
    { event: "share-path", kernel: addon.kernel, nativeSubmit: intake !== undefined },
    "how shares are judged",
  );
  const soloJobs = createSoloJobs({
    addon,
    jobs,
    chain: config.chain,
    terms: soloTermsOf(config),
    maxEntries: maxSoloJobs,
  });
  const certificate = await watchCertificate(config, metrics, log);
  const difficulties = new DifficultyNews();
  const remembered = new RememberedDifficulties(config.stratum.limits.rememberedDifficulties, (key, found) =>
    difficulties.add(key, found),
  );
  const sessionFile = new SessionFile({
    file: join(foldersOf(config).sessions, `worker-${workerNumber}`),
    clock,
    log,
    keepMs: config.stratum.resumeSeconds * 1000,
    most: config.stratum.limits.resumableSessions,
  });
  const firmware = createFirmwareTable({
    profiles: settings.firmware.profiles,
    unknown: settings.firmware.unknown,
  });
  const stratumCounters = stratumMetrics(metrics);
  const limits = limitsOf(config.stratum.limits);
  const { identity } = settings;
  const v2 = createV2Parts({ addon, identity, limits, clock, log, metrics: stratumCounters });
  const stratum = createStratum({
    ports: stratumPorts(config),
    secureContext: () => certificate?.secureContext,
    workerNumber,
    chain: config.chain,
    jobs,
    shares,
    intake,
    sockets: addon,
    v2: v2.parts,
    extranonces,
    firmware,
    recorder: sessionFile,
    remembered,
    soloJob: (job, account, coinbaseBytes) => soloJobs.jobFor(job, account, coinbaseBytes),
    transactionsOf: ({ data }, maxBytes) => transactionsOf(settings.templatesDirectory, data, maxBytes),
    versionMask: config.stratum.versionMask,
    staleGraceSeconds: config.stratum.staleGraceSeconds,
    staleGraceMaxSeconds: config.stratum.staleGraceMaxSeconds,
    resumeSeconds: config.stratum.resumeSeconds,
    limits,
    clock,
    log,
    metrics: stratumCounters,
    onMove: (worker, moved, socket) => {
      if (process.connected)
        process.send?.({ type: "move", worker, moved } satisfies FromWorker, socket, () => {});
      else socket.destroy();
    },
    onBan: (notice) => send({ type: "banned", notice }),
  });
  await takeUpSessions(await sessionFile.open(before.jobs.at(-1)?.number ?? 0));
  serving = new Serving({
    stratum,
    log,
    ownReasons: () => reasonsOf(journal),
    onChange: (health) => send({ type: "health", ...health }),
  });

  /** Those of the process before, as far as their extranonces are still this worker's. */
  async function takeUpSessions(sessions: readonly EndedSession[]): Promise<void> {
    if (sessions.length === 0) return;
    const blockOf = (extranonce1: number) => extranonce1 - (extranonce1 % extranonceBlockSize);
    send({
      type: "extranonces-held",
      firsts: [...new Set(sessions.map(({ extranonce1 }) => blockOf(extranonce1)))],
    });
    const ours = new Set(await inbox.keptExtranonces);
    const kept = sessions.filter(({ extranonce1 }) => ours.has(blockOf(extranonce1)));
    extranonces.adopt(kept.map(({ extranonce1 }) => extranonce1));
    const nowMs = clock.wallMs();
    for (const session of kept) {
      const leftMs = config.stratum.resumeSeconds * 1000 - (nowMs - session.endedMs);
      stratum.restore(session, leftMs);
    }
    log.info({ event: "sessions-restored", sessions: kept.length }, "miners may go on where they were");
  }

  const served = serving;
  setOneOf(metrics.journal.state, journalStates, journal.state);
  announceCommits(journal);
  watchProcess(metrics);
  metrics.onCollect(() => {
    metrics.stratum.connections.set(stratum.counts.connections);
    metrics.stratum.subscribed.set(stratum.counts.subscribed);
    metrics.stratum.authorized.set(stratum.counts.workers);
    metrics.stratum.bannedAddresses.set(stratum.bans.list(clock.wallMs()).length);
    metrics.stratum.keptSessions.set(stratum.kept.size);
    metrics.stratum.extranoncesOnHand.set(extranonces.onHand);
    metrics.stratum.extranoncesTaken.set(extranonces.taken);
    metrics.jobs.live.set(jobs.size);
  });
  const ticking = setInterval(() => {
    extranonces.tick();
    difficulties.send();
    void sessionFile.flush();
    void certificate?.look();
  }, 1_000);
  extranonces.tick();

  const obey = (message: Instruction, handle: unknown) => {
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
      case "connection":
        // The client may have gone on the way.
        if (handle instanceof Socket) stratum.takeOver(message.moved, handle);
        break;
      case "extranonces":
        extranonces.leased(message.lease);
        stratum.extranoncesArrived(message.lease === undefined);
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
      case "bans":
        for (const network of stratum.take(message.notices)) send({ type: "ban-objected", network });
        break;
      case "ban-withdrawn":
        stratum.withdrawBan(message.network);
        break;
      case "bans-lifted":
        stratum.bans.lift(message.network, clock.wallMs());
        break;
      case "difficulties":
        for (const [key, difficulty] of message.learned) remembered.learn(key, difficulty);
        break;
      case "v2-identity":
        v2.renew(message.identity);
        break;
      case "show":
        send({ type: "told", id: message.id, connections: stratum.show(message.text) });
        break;
      case "drain":
        send({
          type: "told",
          id: message.id,
          connections: stratum.drain(message.elsewhere, message.overSeconds),
        });
        break;
      case "stop":
        stop.now(undefined);
    }
  };
  const stop = latch<undefined>();
  const orphaned = () => {
    log.error(
      { event: "primary-gone" },
      "the primary is gone; this worker closes its connections and leaves",
    );
    setTimeout(() => process.exit(1), orphanedLimitMs).unref();
    stop.now(undefined);
  };
  // It may have gone while this worker got ready: then nothing will tell of it any more.
  if (process.connected) process.once("disconnect", orphaned);
  else orphaned();
  const { chain, pool } = config;
  const { versionMask, staleGraceSeconds, resumeSeconds } = config.stratum;
  const rules = { chain, address: pool.address, firmware, versionMask, staleGraceSeconds, resumeSeconds };
  await warmUp({ ...rules, addon, clock, limits, log });
  send({ type: "ready", committed: journal.committed });
  inbox.deliverTo(obey);
  const failure = await Promise.race([stop.value, failed.value]);

  // In order: nobody new, answers out, everything durable, then gone.
  clearInterval(ticking);
  await served.close();
  await v2.close();
  difficulties.send();
  await sessionFile.flush();
  await journal.close();
  send({ type: "committed", position: journal.committed });
  await everythingSent();
  if (failure !== undefined) throw failure;
}

async function watchCertificate(
  { stratum: { tls } }: Config,
  metrics: Metrics,
  log: Logger,
): Promise<CertificateWatcher | undefined> {
  const { certificateFile, keyFile } = tls;
  if (certificateFile === null || keyFile === null) return undefined;
  return await CertificateWatcher.start({
    files: { certificateFile, keyFile },
    clock: systemClock,
    log,
    onExpiry: (expiresMs) => metrics.stratum.certificateExpiry.set(expiresMs / 1000),
  });
}

/** What was learned of miners' difficulties, told once a second: thousands may leave at once. */
class DifficultyNews {
  #learned = new Map<string, number>();

  add(key: string, difficulty: number): void {
    this.#learned.set(key, difficulty);
  }

  send(): void {
    if (this.#learned.size === 0) return;
    send({ type: "difficulties", learned: [...this.#learned] });
    this.#learned = new Map();
  }
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
  readonly keptExtranonces: Promise<readonly number[]>;
  /** Hands over what has come since the start, then everything as it comes. */
  deliverTo(obey: (message: Instruction, handle: unknown) => void): void;
}

/** Keeps what the primary says while this worker is still getting up. */
function openInbox(): Inbox {
  const early: [message: Instruction, handle: unknown][] = [];
  let receive = (message: Instruction, handle: unknown): void => void early.push([message, handle]);
  const start = latch<Start>();
  const oldJobs = latch<readonly KeptJob[]>();
  const keptExtranonces = latch<readonly number[]>();
  process.on("message", (message: Instruction, handle: unknown) => {
    if (message.type === "start") start.now(message);
    else if (message.type === "old-jobs") oldJobs.now(message.jobs);
    else if (message.type === "extranonces-kept") keptExtranonces.now(message.firsts);
    else receive(message, handle);
  });
  return {
    start: start.value,
    oldJobs: oldJobs.value,
    keptExtranonces: keptExtranonces.value,
    deliverTo(obey) {
      receive = obey;
      for (const [message, handle] of early.splice(0)) obey(message, handle);
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
