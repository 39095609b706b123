import { type Chain, parseAddress } from "../bitcoin/address.ts";
import { PoolError } from "../errors.ts";
import type { Addon } from "../native/addon.ts";
import type { Extranonce2Length } from "./job.ts";
import { type LiveJob, type LiveJobs, prepare } from "./live-jobs.ts";
import { type SoloTerms, soloJob } from "./solo-coinbase.ts";

export interface SoloJobsOptions {
  readonly addon: Pick<Addon, "prepareJob">;
  readonly jobs: Pick<LiveJobs, "oldestNumber">;
  readonly chain: Chain;
  readonly terms: SoloTerms;
  /** Hard bound of the jobs that are remembered; beyond it those of the oldest job go, to be made again if asked for. */
  readonly maxEntries: number;
}

/** Solo work as a worker process holds it: the pool's jobs, each paying the miner who is asked for. */
export interface SoloJobs {
  /** How many are remembered. */
  readonly size: number;
  /**
   * The job with a coinbase that pays this account. Made when it is first asked for and always of the same bytes, so what
   * was handed out with a job can be judged by asking again, with the same limit.
   * @param job one that LiveJobs holds, or its wide form: see wide-job.ts.
   * @param account a payout address of the chain, as parseAddress spells it.
   * @param maxCoinbaseBytes what the miner's device takes: see soloJob.
   * @throws PoolError SOLO_ACCOUNT_INVALID
   */
  jobFor(job: LiveJob, account: string, maxCoinbaseBytes: number): LiveJob;
}

/** By the device's limit, of which there are few, then by account. */
type JobsOfLength = Map<number, Map<string, LiveJob>>;
type JobsOfNumber = Map<Extranonce2Length, JobsOfLength>;

export function createSoloJobs(options: SoloJobsOptions): SoloJobs {
  const { addon, jobs, chain, terms, maxEntries } = options;
  if (!(maxEntries >= 1))
    throw new RangeError(`maxEntries is ${maxEntries}; the job asked for must have room`);
  const made = new Map<number, JobsOfNumber>();
  /** Reading an address takes longer than all else here, and each account comes again with every job. */
  const scripts = new Map<string, Uint8Array>();
  let size = 0;
  let oldestNumber = Number.NEGATIVE_INFINITY;

  function jobFor(job: LiveJob, account: string, maxCoinbaseBytes: number): LiveJob {
    const { number, extranonce2Length } = job.data;
    const known = made.get(number)?.get(extranonce2Length)?.get(maxCoinbaseBytes)?.get(account);
    if (known !== undefined) return known;
    forgetRetired();
    const data = soloJob(job.data, scriptOf(account), terms, maxCoinbaseBytes);
    const solo = { data, prepared: prepare(addon, data) };
    if (size >= maxEntries) forgetOldest();
    remember(solo, account, maxCoinbaseBytes);
    return solo;
  }

  function remember(job: LiveJob, account: string, maxCoinbaseBytes: number): void {
    const { number, extranonce2Length } = job.data;
    const ofNumber = entryOf(made, number, (): JobsOfNumber => new Map());
    const ofLength = entryOf(ofNumber, extranonce2Length, (): JobsOfLength => new Map());
    entryOf(ofLength, maxCoinbaseBytes, () => new Map<string, LiveJob>()).set(account, job);
    size += 1;
  }

  /** Jobs that LiveJobs does not hold any more are never asked for again. */
  function forgetRetired(): void {
    if (jobs.oldestNumber === oldestNumber) return;
    oldestNumber = jobs.oldestNumber;
    for (const number of made.keys()) if (number < oldestNumber) forget(number);
  }

  function forgetOldest(): void {
    forget(Math.min(...made.keys()));
  }

  function forget(number: number): void {
    for (const ofLength of made.get(number)?.values() ?? [])
      for (const ofLimit of ofLength.values()) size -= ofLimit.size;
    made.delete(number);
  }

  function scriptOf(account: string): Uint8Array {
    const known = scripts.get(account);
    if (known !== undefined) return known;
    const parsed = parseAddress(account, chain);
    if (!parsed.ok) {
      throw new PoolError(
        "SOLO_ACCOUNT_INVALID",
        `No solo work can be made for "${account}": ${parsed.sentence}`,
        "This is a bug: addresses are checked where they come in; please report it.",
      );
    }
    if (scripts.size >= maxEntries) scripts.clear();
    scripts.set(account, parsed.script);
    return parsed.script;
  }

  return {
    get size() {
      return size;
    },
    jobFor,
  };
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}
