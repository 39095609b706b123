import { targetFromBits } from "../bitcoin/target.ts";
import { PoolError } from "../errors.ts";
import type { Addon, PreparedJob } from "../native/addon.ts";
import type { JobData } from "./job.ts";

/** A job as a worker holds it: its data, and its form for the native judge. */
export interface LiveJob {
  readonly data: JobData;
  readonly prepared: PreparedJob;
}

export interface LiveJobsOptions {
  readonly addon: Pick<Addon, "prepareJob">;
  /** Hard bound; beyond it the oldest retired jobs go and their shares are `job-not-found`. */
  readonly maxJobs: number;
  /**
   * No job of a tip below this one is held any more, so none of its shares can be credited again: what was remembered
   * of them may go. Called after those jobs went.
   */
  readonly onTipsDropped: (oldestTipNumber: number) => void;
}

/** The jobs that can still be judged: retired, not deleted, when a newer one comes. */
export interface LiveJobs {
  readonly current: LiveJob | undefined;
  /** How many jobs are held. */
  readonly size: number;
  /** Number of the oldest job held; infinite if there is none. */
  readonly oldestNumber: number;
  /**
   * Jobs from before a restart, oldest first: known, so that their shares can be judged, but none of them is current.
   * At the start, once. Only those of which every accepted share is remembered may be given.
   * @throws PoolError as add does.
   */
  restore(old: readonly JobData[]): void;
  /**
   * The newest of the restored jobs may be added as well, which makes it current.
   * @throws PoolError JOB_OUT_OF_ORDER unless number rises and tipNumber does not fall.
   */
  add(data: JobData): LiveJob;
  get(number: number): LiveJob | undefined;
}

/** The current tip and two before it: after a short reorganisation and back, old shares are still known. */
export const tipsHeld = 3;

export function createLiveJobs(options: LiveJobsOptions): LiveJobs {
  const { addon, maxJobs } = options;
  if (!(maxJobs >= 1)) throw new RangeError(`maxJobs is ${maxJobs}; the current job must have room`);
  /** In the order in which they came, which is the order of their numbers. */
  const jobs = new Map<number, LiveJob>();
  /** Numbers of the last tips, oldest first. */
  let tips: readonly number[] = [];
  let newest: LiveJob | undefined;
  let current: LiveJob | undefined;
  let oldestNumber = Number.POSITIVE_INFINITY;

  function restore(old: readonly JobData[]): void {
    for (const data of old) hold(data);
  }

  function add(data: JobData): LiveJob {
    const isRestored = current === undefined && data.number === newest?.data.number;
    current = isRestored ? newest! : hold(data);
    return current;
  }

  function hold(data: JobData): LiveJob {
    assertOrder(data, newest?.data);
    const job = { data, prepared: prepare(addon, data) };
    jobs.set(data.number, job);
    const isNewTip = data.tipNumber !== newest?.data.tipNumber;
    newest = job;
    if (isNewTip) holdTip(data.tipNumber);
    dropOldest();
    for (const number of jobs.keys()) {
      oldestNumber = number;
      break;
    }
    return job;
  }

  function holdTip(tipNumber: number): void {
    const before = tips.length;
    tips = [...tips, tipNumber].slice(-tipsHeld);
    const oldest = tips[0]!;
    if (before < tips.length) return;
    for (const [number, { data }] of jobs) if (data.tipNumber < oldest) jobs.delete(number);
    options.onTipsDropped(oldest);
  }

  function dropOldest(): void {
    for (const number of jobs.keys()) {
      if (jobs.size <= maxJobs) return;
      jobs.delete(number);
    }
  }

  return {
    get current() {
      return current;
    },
    get size() {
      return jobs.size;
    },
    get oldestNumber() {
      return oldestNumber;
    },
    restore,
    add,
    get: (number) => jobs.get(number),
  };
}

export function prepare(addon: Pick<Addon, "prepareJob">, data: JobData): PreparedJob {
  return addon.prepareJob({
    version: data.version,
    previousHash: data.previousHash,
    bits: data.bits,
    minTime: data.minTime,
    coinbase1: data.coinbase1,
    coinbase2: data.coinbase2,
    extranonce2Length: data.extranonce2Length,
    merkleBranch: Buffer.concat(data.merkleBranch),
    networkTarget: targetFromBits(data.bits).bytes,
    tipNumber: data.tipNumber,
  });
}

function assertOrder(next: JobData, newest: JobData | undefined): void {
  if (newest === undefined) return;
  if (next.number > newest.number && next.tipNumber >= newest.tipNumber) return;
  throw new PoolError(
    "JOB_OUT_OF_ORDER",
    `Job ${next.number} of tip ${next.tipNumber} came after job ${newest.number} of tip ${newest.tipNumber}.`,
    "This is a bug; please report it.",
  );
}
