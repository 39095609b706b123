import type { Addon, PreparedJob } from "../native/addon.ts";
import type { JobData } from "./job.ts";

/** A job as a worker holds it: its data, and its form for the native judge. */
export interface LiveJob {
  readonly data: JobData;
  readonly prepared: PreparedJob;
}

export interface LiveJobsOptions {
  readonly addon: Addon;
  /** Hard bound; beyond it the oldest retired jobs go and their shares are `job-not-found`. */
  readonly maxJobs: number;
}

/** The jobs that can still be judged: retired, not deleted, when a newer one comes. */
export interface LiveJobs {
  readonly current: LiveJob | undefined;
  add(data: JobData): LiveJob;
  get(number: number): LiveJob | undefined;
}
