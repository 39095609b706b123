/**
 * A session with everything behind it but sockets and disk: real jobs, judge, window and batches, so that the same
 * bytes can be shown to the native way and to the long way, and what comes out be compared.
 */
import type { JobData } from "../../src/jobs/job.ts";
import { createLiveJobs, type LiveJobs } from "../../src/jobs/live-jobs.ts";
import type { Scheme } from "../../src/journal/record.ts";
import type { Addon } from "../../src/native/addon.ts";
import { createShares, type ShareCounters } from "../../src/shares/accept-shares.ts";
import { createNativeIntake } from "../../src/shares/native-intake.ts";
import { AddressBook } from "../../src/stratum/address-book.ts";
import { DifficultyTable } from "../../src/stratum/difficulty.ts";
import type { ExtranonceLeases } from "../../src/stratum/extranonce-leases.ts";
import { FanOut } from "../../src/stratum/fan-out.ts";
import { createFirmwareTable } from "../../src/stratum/firmware.ts";
import { KeptSessions } from "../../src/stratum/kept-sessions.ts";
import { defaultLimits } from "../../src/stratum/limits.ts";
import type { LineConnection } from "../../src/stratum/line-connection.ts";
import { LineSplitter } from "../../src/stratum/line-splitter.ts";
import type { Port } from "../../src/stratum/port.ts";
import { RememberedDifficulties } from "../../src/stratum/remembered-difficulties.ts";
import type { SessionContext } from "../../src/stratum/v1/context.ts";
import { Session } from "../../src/stratum/v1/session.ts";
import { WorkTexts } from "../../src/stratum/work-texts.ts";
import type { FakeClock } from "./clock.ts";
import { anUnknownFirmware } from "./firmware.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { noRecorder } from "./no-recorder.ts";
import { silentLog } from "./silent-log.ts";
import { RecordedMetrics } from "./stratum.ts";

/** What a session sends, as text. */
class RecordedConnection {
  readonly remote = "192.0.2.1";
  isOpen = true;
  isClosed = false;
  sent = "";
  /** Why it was ended. */
  reason = "";

  send(text: string): void {
    this.sent += text;
  }
  sendShared(bytes: Buffer): void {
    this.sent += bytes.toString("latin1");
  }
  isBehind(): boolean {
    return false;
  }
  // When reading pauses depends on how answers come together, and changes nothing that is said.
  pauseReading(): void {}
  resumeReading(): void {}
  finish(reason: string): void {
    if (this.isOpen) this.reason = reason;
    this.isOpen = false;
  }
  end(): void {}
  close(reason: string): void {
    this.finish(reason);
  }
}

export interface ShareEngine {
  readonly jobs: LiveJobs;
  readonly session: Session;
  /** Sums of what was counted, by name. */
  readonly counted: ReadonlyMap<string, number>;
  /** Submissions that native code took. */
  readonly native: number;
  /** Why the connection was ended; empty while it is open. */
  readonly endReason: string;
  /** A new job for the session. */
  addJob(data: JobData): void;
  receive(bytes: Buffer): void;
  /** Ends the group commit; what it wrote. */
  commit(durable: boolean): Buffer;
  /** What was sent since the last time. */
  takeSent(): string;
}

export interface ShareEngineOptions {
  readonly addon: Addon;
  readonly clock: FakeClock;
  readonly native: boolean;
  readonly difficulty: number;
  readonly maxJobs?: number;
  readonly seenShares?: number;
  readonly batchBytes?: number;
  /** Of the port. */
  readonly scheme?: Scheme;
}

export function aShareEngine(options: ShareEngineOptions): ShareEngine {
  const { addon, clock, difficulty, maxJobs = 6, seenShares = 1_000_000, batchBytes = 1 << 20 } = options;
  const { scheme = "pplns" } = options;
  const journal = new MemoryJournal(addon, batchBytes);
  const seen = addon.createSeenWindow(seenShares);
  const jobs = createLiveJobs({ addon, maxJobs, onTipsDropped: (oldest) => seen.forgetBefore(oldest) });
  const counted = new Map<string, number>();
  const count = (name: string, by: number) => counted.set(name, (counted.get(name) ?? 0) + by);
  const counters: ShareCounters = {
    received: (protocol, submissions) => count(`received ${protocol}`, submissions),
    answered: (protocol, result, submissions) => count(`${result} ${protocol}`, submissions),
    accepted: (protocol, work, shares) => {
      count(`work ${protocol}`, Number(work));
      count(`journaled ${protocol}`, shares);
    },
    windowFull: () => {},
  };
  const shares = createShares({
    addon,
    seen,
    clock,
    append: (record, done) => journal.append(record, done),
    storeBlock: ({ hash }) => {
      count(`block ${Buffer.from(hash).toString("hex")}`, 1);
      return "stored";
    },
    terms: { feeMillionths: 10_000, windowThousandths: 4_000 },
    ntimeAheadSeconds: 7_000,
    counters,
  });
  let native = 0;
  const intake = createNativeIntake({
    addon,
    seen,
    jobs,
    journal,
    clock,
    ntimeAheadSeconds: 7_000,
    isVersionRollingAllowed: true,
    counters: {
      ...counters,
      received: (protocol, submissions) => {
        native += submissions;
        counters.received(protocol, submissions);
      },
    },
  });
  const connection = new RecordedConnection();
  const context: SessionContext = {
    addresses: new AddressBook("regtest"),
    jobs,
    shares,
    intake: options.native ? intake : undefined,
    extranonces: { take: () => 0x01020304, giveBack: () => {} } as unknown as ExtranonceLeases,
    fanOut: new FanOut(undefined),
    firmware: createFirmwareTable({ profiles: [], unknown: anUnknownFirmware }),
    kept: new KeptSessions({ most: 0, keepMs: 0, clock, onForgotten: () => {} }),
    recorder: noRecorder,
    remembered: new RememberedDifficulties(0),
    workerNumber: 1,
    newSessionId: () => "session",
    moveTo: (_worker, _port, socket) => socket.destroy(),
    soloJob: (job) => job,
    transactionsOf: () => undefined,
    discipline: { offended: () => {}, requested: () => {}, refused: () => {}, accepted: () => {} },
    allTooEasy: () => count("all too easy", 1),
    difficulties: new DifficultyTable(),
    texts: new WorkTexts(),
    versionMask: 0x1fffe000,
    staleGraceMs: 3_000,
    staleGraceMaxMs: 10_000,
    limits: { ...defaultLimits, pendingAnswers: 64 },
    clock,
    log: silentLog,
    metrics: Object.assign(new RecordedMetrics(), {
      sharesRefused: (firmware: string, reason: string, submissions: number) =>
        count(`refused ${firmware} ${reason}`, submissions),
    }),
    counts: { connections: 0, subscribed: 0, workers: 0 },
  };
  const port: Port = {
    address: { host: "127.0.0.1", port: 0 },
    scheme,
    proxyFrom: [],
    difficulty: { start: difficulty, min: 1e-12, max: 1e12, vardiff: true, sharesPerMinute: 6 },
  };
  const session = new Session(
    context,
    connection as unknown as LineConnection,
    port,
    undefined,
    clock.monotonicMs(),
    () => {},
  );
  const splitter = new LineSplitter(defaultLimits.lineBytes);
  const reader = {
    messages: (bytes: Buffer, from: number) => (connection.isOpen ? session.messages(bytes, from) : from),
    mayTake: () => true,
    message: (bytes: Buffer) => {
      if (connection.isOpen) session.message(bytes);
    },
  };

  return {
    jobs,
    session,
    counted,
    get native() {
      return native;
    },
    get endReason() {
      return connection.reason;
    },
    addJob: (data) => {
      session.deliver(jobs.add(data), context.fanOut);
      context.fanOut.flush();
    },
    receive(bytes) {
      if (connection.isOpen && !splitter.push(bytes, reader) && connection.isOpen) session.unreadable();
    },
    commit: (durable) => journal.commit(durable),
    takeSent() {
      const { sent } = connection;
      connection.sent = "";
      return sent;
    },
  };
}
