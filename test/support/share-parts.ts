/**
 * What stands behind a session but sockets and disk: real jobs, judge, window and batches, so that the same bytes can be
 * shown to the native way and to the long way, and what comes out be compared.
 */
import { createLiveJobs, type LiveJobs } from "../../src/jobs/live-jobs.ts";
import type { Scheme } from "../../src/journal/record.ts";
import type { Addon } from "../../src/native/addon.ts";
import { createShares, type ShareCounters } from "../../src/shares/accept-shares.ts";
import { createNativeIntake } from "../../src/shares/native-intake.ts";
import { AddressBook } from "../../src/stratum/address-book.ts";
import type { StratumContext } from "../../src/stratum/context.ts";
import { DifficultyTable } from "../../src/stratum/difficulty.ts";
import type { ExtranonceLeases } from "../../src/stratum/extranonce-leases.ts";
import { createFirmwareTable } from "../../src/stratum/firmware.ts";
import { defaultLimits } from "../../src/stratum/limits.ts";
import type { Port } from "../../src/stratum/port.ts";
import { RememberedDifficulties } from "../../src/stratum/remembered-difficulties.ts";
import type { FakeClock } from "./clock.ts";
import { anUnknownFirmware } from "./firmware.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { silentLog } from "./silent-log.ts";
import { RecordedMetrics } from "./stratum.ts";

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

export interface ShareParts {
  readonly jobs: LiveJobs;
  readonly journal: MemoryJournal;
  readonly context: StratumContext;
  readonly port: Port;
  /** Sums of what was counted, by name. */
  readonly counted: ReadonlyMap<string, number>;
  /** Submissions that native code took. */
  readonly native: number;
}

/** The first extranonce1 that is handed out. */
export const firstExtranonce1 = 0x01020304;

export function shareParts(options: ShareEngineOptions): ShareParts {
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
  let extranonce1 = firstExtranonce1;
  const context: StratumContext = {
    addresses: new AddressBook("regtest"),
    jobs,
    shares,
    intake: options.native ? intake : undefined,
    extranonces: { take: () => extranonce1++, giveBack: () => {} } as unknown as ExtranonceLeases,
    firmware: createFirmwareTable({ profiles: [], unknown: anUnknownFirmware }),
    remembered: new RememberedDifficulties(0),
    soloJob: (job) => job,
    discipline: { offended: () => {}, requested: () => {}, refused: () => {}, accepted: () => {} },
    allTooEasy: () => count("all too easy", 1),
    difficulties: new DifficultyTable(),
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
  return {
    jobs,
    journal,
    context,
    port,
    counted,
    get native() {
      return native;
    },
  };
}
