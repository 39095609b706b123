/**
 * Jobs for Stratum V2 channels that ask for more than 8 bytes of extranonce2, as proxies do that share it out further: the
 * same job with 16. Only the length of the coinbase's script and the push of salt and extranonces differ, so all else is
 * shared; the two forms never make the same coinbase, as they differ in length.
 */
import type { Addon } from "../native/addon.ts";
import { widenCoinbase1 } from "./coinbase.ts";
import { type JobData, wideExtranonce2Length } from "./job.ts";
import { type LiveJob, prepare } from "./live-jobs.ts";

export interface WideJobsOptions {
  readonly addon: Pick<Addon, "prepareJob">;
}

export interface WideJobs {
  /**
   * The wide form of a job, made when it is first asked for and held as long as the job; a wide one is its own.
   * @param job the pool's or a solo miner's. Where a device's limit is to count the longer coinbase, the pool's is made
   * wide first, and given to SoloJobs then.
   * @returns undefined where the coinbase's script has no room.
   */
  of(job: LiveJob): LiveJob | undefined;
}

export function createWideJobs({ addon }: WideJobsOptions): WideJobs {
  const made = new WeakMap<LiveJob, LiveJob | "no-room">();

  function make(job: LiveJob): LiveJob | "no-room" {
    const data = wideJob(job.data);
    if (data === undefined) return "no-room";
    return data === job.data ? job : { data, prepared: prepare(addon, data) };
  }

  return {
    of(job) {
      let wide = made.get(job);
      if (wide === undefined) {
        wide = make(job);
        made.set(job, wide);
      }
      return wide === "no-room" ? undefined : wide;
    },
  };
}

/** The same job with an extranonce2 of 16 bytes; undefined where the coinbase's script has no room for it. */
export function wideJob(data: JobData): JobData | undefined {
  if (data.extranonce2Length === wideExtranonce2Length) return data;
  const coinbase1 = widenCoinbase1(data.coinbase1);
  return coinbase1 && { ...data, coinbase1, extranonce2Length: wideExtranonce2Length };
}
