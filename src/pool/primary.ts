/**
 * The primary process: builds node, templates, jobs, blocks, ledger and HTTP, and joins them with the stratum workers.
 * Read `startPool` from top to bottom: it is the street.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startApi } from "../api/index.ts";
import { createSubmitter, openCandidateStore, trackBlocks } from "../blocks/index.ts";
import { systemClock } from "../clock.ts";
import {
  type Config,
  loadFirmware,
  payees,
  secretsOf,
  sha256Kernel,
  stratumPorts,
  workerCount,
} from "../config/index.ts";
import { describeError, PoolError } from "../errors.ts";
import { buildJob } from "../jobs/build.ts";
import { type CoinbaseSpec, maxCoinbaseBytes } from "../jobs/coinbase.ts";
import { openDurableCounter } from "../jobs/durable-counter.ts";
import { createExtranonceSpace } from "../jobs/extranonce-space.ts";
import { createJobFeed } from "../jobs/feed.ts";
import type { JobData } from "../jobs/job.ts";
import { openKeptJobs } from "../jobs/kept-jobs.ts";
import { soloJob } from "../jobs/solo-coinbase.ts";
import type { Position } from "../journal/record.ts";
import { createLogger, type Logger } from "../log/index.ts";
import { createMetrics, type MetricsSnapshot, mergeMetrics, watchProcess } from "../metrics/index.ts";
import { loadAddon } from "../native/index.ts";
import { Nodes } from "../node/index.ts";
import type { FromWorker } from "../processes/messages.ts";
import { superviseWorkers } from "../processes/supervisor.ts";
import { Bans } from "../stratum/bans.ts";
import { Templates } from "../template/index.ts";
import { hasTransactionsFile, writeTransactionsFile } from "../template/transactions-file.ts";
import { Authority } from "./authority.ts";
import { openAuthorityKey } from "./authority-key-file.ts";
import { openBooks } from "./books.ts";
import { loadCertificate } from "./certificate.ts";
import { coinbaseSpecOf } from "./coinbase-spec.ts";
import { controlHandlers, openControlIfPossible } from "./commands.ts";
import { Housekeeping } from "./housekeeping.ts";
import { originOfJobs } from "./job-origin.ts";
import { latch } from "./latch.ts";
import { LearnedDifficultiesFile } from "./learned-difficulties.ts";
import { nodesMetrics, submitMetrics, templateMetrics, trackMetrics } from "./metrics.ts";
import { guardPorts } from "./port-guard.ts";
import {
  extranonceReuseMs,
  foldersOf,
  journalNode,
  maxLiveJobs,
  oldJobsMs,
  type WorkerSettings,
} from "./settings.ts";
import { TemplateFlow } from "./template-flow.ts";
import { version } from "./version.ts";
import { WorkerAnswers } from "./worker-answers.ts";
import { WorkerHealth } from "./worker-health.ts";

export interface PoolOptions {
  readonly config: Config;
  readonly cores: number;
  /** The program that runs again for each worker, with the argument `worker`. */
  readonly program: string;
}

export interface Pool {
  /** Resolves with the reason when the pool cannot go on by itself. */
  readonly failed: Promise<PoolError>;
  /** Stops in order: miners answered, shares durable, ledger up to date, database and nodes let go. */
  close(): Promise<void>;
}

/** No connection waits longer for a job; firmware gives up at 60 s, some at 30. */
const reissueMs = 25_000;
const jobNumberLease = 4_096;
const proposalTimeoutMs = 30_000;
/** Until thousands of miners have the job that is shown to the node. */
const proposalDelayMs = 250;
const stopLimitMs = 15_000;

/** @throws PoolError when it cannot start; nothing that it began is left running then. */
export async function startPool(options: PoolOptions): Promise<Pool> {
  const undo: (() => unknown)[] = [];
  try {
    return await build(options, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** @param undo gets what must be let go of if the start fails further on. */
async function build({ config, cores, program }: PoolOptions, undo: (() => unknown)[]): Promise<Pool> {
  const clock = systemClock;
  let closing = false;
  /** Until blocks are followed there is nothing to look at. */
  let lookAtBlocks = () => {};
  const metrics = createMetrics({ process: "primary" });
  const { log, flush } = createLogger({
    level: config.log.level,
    process: "primary",
    secrets: secretsOf(config),
    onDropped: (lines) => metrics.runtime.logDropped.inc(lines),
  });
  process.on("uncaughtException", (err) => {
    // The workers notice and leave by themselves; what is acknowledged is in their journals.
    log.fatal({ event: "primary-crashed", err }, "a bug ended the primary");
    void flush(500).finally(() => process.exit(1));
  });
  const failure = latch<PoolError>();
  const firmware = await loadFirmware(config.stratum.firmwareFile);
  const { certificateFile, keyFile } = config.stratum.tls;
  // Workers load it themselves, and look after it; a wrong one should be known before anything starts.
  if (certificateFile !== null && keyFile !== null) await loadCertificate({ certificateFile, keyFile });
  const addon = loadAddon({ kernel: sha256Kernel() });
  const folders = foldersOf(config);
  for (const folder of Object.values(folders)) makeFolder(folder);
  const authorityKey = await openAuthorityKey(config.stratum.authorityKeyFile);
  const coinbase = coinbaseSpecOf(config);
  for (const { address, millionths } of payees(config)) {
    log.info(
      { event: "payee", address, percent: millionths / 10_000, chain: config.chain },
      "block rewards are paid here",
    );
  }
  tellAuthorityKey(config, authorityKey, log);
  metrics.runtime.buildInfo.set({ version: version, kernel: addon.kernel }, 1);
  const watch = watchProcess(metrics);
  undo.push(flush, () => watch.stop());

  const health = new WorkerHealth();
  const workerMetrics = new WorkerAnswers<MetricsSnapshot>((message) => supervisor.broadcast(message));
  const workersTold = new WorkerAnswers<number>((message) => supervisor.broadcast(message));
  let poolReasons = (): string[] => ["the pool is starting"];
  const gatherMetrics = () => workerMetrics.ask((id) => ({ type: "metrics-wanted", id }));
  const readiness = () => {
    const reasons = [...poolReasons(), ...health.reasons()];
    return { ready: reasons.length === 0, reasons };
  };
  // HTTP first: whoever watches sees the pool come up, or why it does not.
  const api = await startApi({
    listen: config.http.listen,
    readiness,
    metricsText: async () => mergeMetrics([await metrics.collect(), ...(await gatherMetrics())]),
    log,
  });
  undo.push(() => api.close());
  log.info({ event: "http-listening", ...api.address }, "metrics and health are served here");

  const books = await openBooks({ config, addon, clock, log, metrics, onBlock: () => lookAtBlocks() });

  undo.push(() => books.close());
  const difficulties = await LearnedDifficultiesFile.open(
    join(folders.data, "difficulties"),
    config.stratum.limits.rememberedDifficulties,
  );
  const workers = workerCount(config, cores);
  const bans = new Bans(config.stratum.limits.banSeconds * 1000);
  const handlers = controlHandlers({
    bans,
    clock,
    log,
    broadcast: (message) => supervisor.broadcast(message),
    tell: async (message) => (await workersTold.ask(message)).reduce((sum, count) => sum + count, 0),
  });
  const guard = await guardPorts(stratumPorts(config));
  undo.push(() => guard.close());
  const control = await openControlIfPossible(folders.data, handlers, log);
  undo.push(() => control?.close());
  await books.recoverWithout(workers);
  // From here on nothing is awaited until all is joined, so that no news comes before whoever takes it is there.

  const nodes = new Nodes({
    chain: config.chain,
    nodes: config.nodes.map(nodeOptions),
    pollMs: config.template.pollSeconds * 1000,
    clock,
    log,
    metrics: nodesMetrics(
      metrics,
      config.nodes.map(({ rpc }) => new URL(rpc).host),
    ),
  });
  undo.push(() => nodes.close());
  nodes.ready(Number.MAX_SAFE_INTEGER).catch((error: unknown) => {
    if (error instanceof PoolError && !closing) failure.now(error);
  });

  const candidates = openCandidateStore(folders.blocks);
  const submitter = createSubmitter({
    nodes,
    store: candidates,
    log,
    metrics: submitMetrics(metrics),
    onVerdict: () => tracker.look(),
  });
  const tracker = trackBlocks({
    nodes,
    ledger: books.blocks,
    submitter,
    log,
    metrics: trackMetrics(metrics),
  });
  lookAtBlocks = () => tracker.lookAtAll();
  submitter.resume();

  const numbers = openDurableCounter(join(folders.counters, "job-number"), {
    lease: jobNumberLease,
    first: 1,
  });
  const keptJobs = openKeptJobs({
    directory: folders.jobs,
    origin: originOfJobs(config),
    clock,
    maxJobs: maxLiveJobs,
    maxAgeMs: oldJobsMs,
    canComplete: ({ templateId, transactionCount }) =>
      transactionCount === 0 || hasTransactionsFile(folders.templates, templateId),
    onTrouble: (err) =>
      log.warn({ event: "job-not-kept", err }, "a job could not be written; a restart would forget it"),
  });
  const feed = createJobFeed({
    build: (template, issue) => buildJob(template, coinbase, issue, addon, config.stratum.versionMask),
    nextNumber: () => numbers.next(),
    clock,
    reissueMs,
    lastTip: keptJobs.lastTip,
    onJob: (job) => {
      metrics.jobs.made.inc({ kind: job.kind });
      supervisor.broadcast({ type: "job", job });
      keptJobs.keep(job);
    },
  });
  const flow = new TemplateFlow({
    feed,
    writeTransactions: ({ id, transactions }) => writeTransactionsFile(folders.templates, id, transactions),
    propose: (block) => proposeTo(nodes, config.chain, block),
    proposalDelayMs,
    soloProbe: soloProbeOf(coinbase),
    log,
    onVerdict: (kind) => {
      if (kind !== "outdated")
        metrics.template.proposals.inc({ result: kind === "valid" ? "accepted" : "refused" });
    },
    onRefused: () => metrics.template.refused.inc(),
    onChange: () => tellWorkers(),
  });
  const templates = new Templates({
    nodes,
    chain: config.chain,
    log,
    clock,
    refreshSeconds: config.template.refreshSeconds,
    metrics: templateMetrics(metrics),
  });
  undo.push(() => templates.close());
  templates.on("template", ({ template }) => {
    flow.take(template).catch((error: unknown) => {
      log.error({ event: "template-not-stored", template: template.id, err: error }, describeError(error));
    });
  });

  const extranonces = createExtranonceSpace({
    frontEnd: config.pool.frontEnd,
    counter: openDurableCounter(join(folders.counters, "extranonce"), { lease: 64 }),
    clock,
    reuseAfterMs: extranonceReuseMs,
  });
  const authority = new Authority({
    secret: authorityKey.secret,
    certificateDays: config.stratum.certificateDays,
    clock,
    log,
    onIssued: ({ notValidAfter }, renewalSeconds) => {
      metrics.stratumV2.certificateExpiry.set(notValidAfter);
      metrics.stratumV2.certificateRenewal.set(renewalSeconds);
    },
    onRenewed: (identity) => supervisor.broadcast({ type: "v2-identity", identity }),
  });
  const supervisor = superviseWorkers<WorkerSettings>({
    exec: program,
    args: ["worker"],
    workers,
    settings: {
      config,
      blocksDirectory: folders.blocks,
      templatesDirectory: folders.templates,
      firmware,
      // Read anew for each worker that starts.
      get identity() {
        return authority.identity;
      },
    },
    log,
    onStarted: (worker) => {
      workerMetrics.started(worker);
      workersTold.started(worker);
      const jobs = keptJobs.forNode(journalNode(config.pool.frontEnd, worker));
      supervisor.send(worker, { type: "old-jobs", jobs });
      if (feed.current !== undefined) supervisor.send(worker, { type: "job", job: feed.current });
      supervisor.send(worker, { type: "bans", notices: bans.history(clock.wallMs()) });
      supervisor.send(worker, { type: "difficulties", learned: difficulties.all });
      supervisor.send(worker, { type: "serving", reasons: poolReasons() });
    },
    onMessage: hear,
    onGone(worker) {
      health.gone(worker);
      workerMetrics.gone(worker);
      workersTold.gone(worker);
      extranonces.ownerGone(worker);
    },
    onRestart: () => metrics.runtime.workerRestarts.inc(),
  });
  health.expect(workers);

  function hear(worker: number, message: Exclude<FromWorker, { type: "hello" | "move" }>): void {
    switch (message.type) {
      case "ready":
        durable(message.committed);
        break;
      case "committed":
        durable(message.position);
        break;
      case "extranonces-held": {
        const firsts = message.firsts.filter((first) => extranonces.hold(worker, first));
        supervisor.send(worker, { type: "extranonces-kept", firsts });
        break;
      }
      case "extranonces-wanted":
        supervisor.send(worker, { type: "extranonces", lease: extranonces.lease(worker) });
        break;
      case "extranonces-returned":
        extranonces.giveBack(worker, message.first);
        break;
      case "block":
        metrics.blocks.found.inc();
        submitter.submit(message.hash, message.bytes);
        break;
      case "banned":
        bans.take(message.notice);
        supervisor.broadcast({ type: "bans", notices: [message.notice] });
        break;
      case "ban-objected":
        bans.withdraw(message.network);
        supervisor.broadcast({ type: "ban-withdrawn", network: message.network });
        break;
      case "difficulties":
        difficulties.learn(message.learned);
        supervisor.broadcast({ type: "difficulties", learned: message.learned });
        break;
      case "health":
        health.hear(worker, message);
        break;
      case "told":
        workersTold.hear(worker, message.id, message.connections);
        break;
      case "metrics":
        workerMetrics.hear(worker, message.id, message.metrics);
        break;
    }
  }

  function durable(position: Position): void {
    books.announce(position);
    keptJobs.journalAt(position);
  }

  /** Why no worker may serve now. */
  poolReasons = () => {
    const age = templates.ageSeconds;
    const tooOld = age > config.template.maxAgeSeconds;
    const template = Number.isFinite(age)
      ? `the template is ${Math.round(age)} s old and no node gives a newer one`
      : "no node has given a template yet";
    return [...(tooOld ? [template] : []), ...flow.reasons, ...(closing ? ["the pool is stopping"] : [])];
  };

  let told = "";
  function tellWorkers(): void {
    const reasons = poolReasons();
    // An age that grows is no news.
    const text = reasons.join("; ").replaceAll(/\d+ s old/g, "too old");
    if (text === told) return;
    told = text;
    log.info(
      { event: "pool-serving", serving: reasons.length === 0, reasons },
      "whether miners can be served has changed",
    );
    supervisor.broadcast({ type: "serving", reasons });
  }

  const housekeeping = new Housekeeping({
    config,
    clock,
    log,
    metrics,
    folders,
    books,
    candidates,
    templateAgeSeconds: () => templates.ageSeconds,
    readiness,
    saveDifficulties: () => difficulties.save(),
    askForRecord: (record) => supervisor.send(health.anyListening() ?? 1, { type: "block-record", record }),
    everySecond: () => {
      bans.sweep(clock.wallMs());
      feed.tick();
      authority.look();
      tellWorkers();
    },
  });

  async function close(): Promise<void> {
    closing = true;
    log.info({ event: "pool-stopping" }, "stopping: miners first, the ledger last");
    housekeeping.close();
    await control?.close();
    templates.close();
    await supervisor.stop(stopLimitMs);
    await guard.close();
    await difficulties.save().catch((error: unknown) => {
      log.warn(
        { event: "difficulties-not-saved", err: error },
        "miners will have to find their difficulty again",
      );
    });
    tracker.close();
    submitter.close();
    await keptJobs.settled();
    await books.close();
    nodes.close();
    await api.close();
    watch.stop();
    log.info({ event: "pool-stopped" }, "stopped; everything acknowledged is on disk");
    await flush();
  }

  return { failed: failure.value, close };
}

function tellAuthorityKey(
  config: Config,
  { publicText, isNew, isOpenToOthers }: Awaited<ReturnType<typeof openAuthorityKey>>,
  log: Logger,
): void {
  const file = config.stratum.authorityKeyFile;
  if (isNew)
    log.info({ event: "authority-key-made", file }, "a new key for Stratum V2; keep a copy of the file");
  if (isOpenToOthers)
    log.warn({ event: "authority-key-open", file }, "other users may read the authority key: chmod 600");
  log.info(
    { event: "authority-key", publicKey: publicText },
    "Stratum V2 miners connect to stratum2+tcp://HOST:PORT/ and this key",
  );
}

function nodeOptions(node: Config["nodes"][number]) {
  const { rpc, user, password, cookieFile, zmq, timeoutSeconds } = node;
  return {
    rpc,
    user: user ?? undefined,
    password: password ?? undefined,
    cookieFile: cookieFile ?? undefined,
    zmq: zmq ?? undefined,
    timeoutMs: timeoutSeconds * 1000,
  };
}

/** A solo job as the pool itself would mine it: any miner's differs by one output script. */
function soloProbeOf({ solo, split }: CoinbaseSpec): ((job: JobData) => JobData) | undefined {
  return solo && ((job) => soloJob(job, split[0]!.script, solo, maxCoinbaseBytes));
}

/** Any node that is well may judge a proposal. */
async function proposeTo(nodes: Nodes, chain: Config["chain"], block: string): Promise<unknown> {
  const node = nodes.selected;
  if (node === undefined)
    throw new PoolError("NODE_NONE_USABLE", "No node can judge a job now.", "See node-state in the log.");
  const rules = chain === "signet" ? ["segwit", "signet"] : ["segwit"];
  return await node.callDirect("getblocktemplate", [{ mode: "proposal", data: block, rules }], {
    timeoutMs: proposalTimeoutMs,
  });
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new PoolError(
      "DATA_DIRECTORY_UNWRITABLE",
      `The folder ${folder} cannot be made (${(cause as NodeJS.ErrnoException).code}).`,
      "Let this user write there, or set dataDirectory to another place.",
      { cause },
    );
  }
}
