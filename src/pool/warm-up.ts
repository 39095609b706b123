/**
 * All miners come at once right after a start, and code that runs for the first time takes three times as long as later.
 * So a worker process plays some hundred logins with itself before it lets anybody in: on a port of its own, with a job
 * that nobody can mine, and nothing of it is counted, kept or logged.
 */
import { once } from "node:events";
import { connect } from "node:net";
import type { Clock } from "../clock.ts";
import type { JobData } from "../jobs/job.ts";
import { createLiveJobs } from "../jobs/live-jobs.ts";
import type { Logger } from "../log/index.ts";
import type { Addon } from "../native/addon.ts";
import type { StratumLimits } from "../stratum/limits.ts";
import type { StratumMetrics } from "../stratum/metrics.ts";
import { RememberedDifficulties } from "../stratum/remembered-difficulties.ts";
import { createStratum, type StratumOptions } from "../stratum/stratum.ts";

export interface WarmUpOptions
  extends Pick<StratumOptions, "chain" | "firmware" | "versionMask" | "staleGraceSeconds" | "resumeSeconds"> {
  readonly addon: Addon;
  readonly clock: Clock;
  readonly limits: StratumLimits;
  readonly log: Logger;
  /** An address of the chain. */
  readonly address: string;
}

/** Logins in all, and at a time. Few more make it faster yet, and the start later. */
const logins = 600;
const atATime = 50;
/** A machine that is too busy for this starts cold. */
const limitMs = 1_000;

export async function warmUp(options: WarmUpOptions): Promise<void> {
  const { addon, clock, limits, log } = options;
  const jobs = createLiveJobs({ addon, maxJobs: 1, onTipsDropped: () => {} });
  jobs.add(unminableJob);
  let extranonce1 = 0;
  const stratum = createStratum({
    ...options,
    ports: [{ address: { host: "127.0.0.1", port: 0 }, scheme: "pplns", proxyFrom: [], difficulty }],
    secureContext: () => undefined,
    workerNumber: 0,
    jobs,
    log: silence,
    shares: { submit: (_, done) => done("stale") },
    intake: undefined,
    sockets: addon,
    v2: nobody,
    extranonces: { take: () => extranonce1++, release: () => {} },
    recorder: { opened() {}, assigned() {}, ended() {}, resumed() {} },
    remembered: new RememberedDifficulties(0),
    soloJob: (job) => job,
    transactionsOf: () => undefined,
    staleGraceMaxSeconds: 0,
    limits: { ...limits, ...generous, resumableSessions: 0 },
    metrics: uncounted,
    onMove: (_worker, _moved, socket) => socket.destroy(),
    onBan: () => {},
  });
  try {
    await stratum.open();
  } catch (error) {
    log.debug({ event: "warm-up-skipped", err: error }, "the first miners meet a process that is not warm");
    return;
  }
  const { port } = stratum.addresses[0]!;
  const endsAtMs = clock.monotonicMs() + limitMs;
  for (let done = 0; done < logins && clock.monotonicMs() < endsAtMs; done += atATime)
    await Promise.all(Array.from({ length: atATime }, () => logIn(port, options.address)));
  await stratum.close();
}

/** Nobody comes who speaks Stratum V2. */
const nobody: StratumOptions["v2"] = {
  handshakes: { respond: () => false },
  transports: () => {
    throw new Error("no handshake was answered");
  },
  wideJob: () => undefined,
  jobRoots: () => {},
};

/** As many miners do it: two packets, and the second waits for no answer. */
async function logIn(port: number, address: string): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  let lines = 0;
  socket.on("data", (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x0a) lines += 1;
    if (lines >= expectedLines) socket.destroy();
  });
  socket.write(
    '{"id":0,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff"}]}\n' +
      '{"id":1,"method":"mining.subscribe","params":["warm-up"]}\n',
  );
  socket.write(`{"id":2,"method":"mining.authorize","params":["${address}.warm-up","x"]}\n`);
  await once(socket, "close");
}

/** Three answers, a difficulty and a job. */
const expectedLines = 5;

const difficulty = { start: 1e9, min: 1, max: 1e12, vardiff: true, sharesPerMinute: 1 };

const generous = {
  connections: 2 * atATime,
  connectionsPerAddress: 2 * atATime,
  newConnectionsPerAddressPerSecond: logins,
  connectionsPerSubnet: 2 * atATime,
  newConnectionsPerSubnetPerSecond: logins,
};

const zeros = new Uint8Array(32);
const unminableJob: JobData = {
  number: 1,
  templateId: "none",
  kind: "first",
  height: 1,
  tipNumber: 1,
  version: 0x20000000,
  previousHash: zeros,
  bits: 0x17034267,
  minTime: 0,
  startTime: 0,
  coinbase1: new Uint8Array(64),
  coinbase2: new Uint8Array(64),
  extranonce2Length: 8,
  witness: false,
  witnessCommitment: undefined,
  merkleBranch: [],
  transactionCount: 0,
  rewardSats: 0n,
  clean: true,
};

const silence: Logger = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  child: () => silence,
  isLevelEnabled: () => false,
};

const uncounted: StratumMetrics = {
  connectionOpened() {},
  connectionClosed() {},
  connectionRefused() {},
  subscribed() {},
  sessionResumed() {},
  firmwareSeen() {},
  authorizeAnswered() {},
  submissionRefused() {},
  sharesRefused() {},
  malformedLine() {},
  penalty() {},
  sessionFailed() {},
  difficultyChanged() {},
  broadcastDone() {},
  roundTrip() {},
  handshakeAnswered() {},
  ephemeralKeys() {},
  setupAnswered() {},
  channelOpenAnswered() {},
  channelUpdateAnswered() {},
  channels() {},
  messageIgnored() {},
  malformedFrame() {},
};
