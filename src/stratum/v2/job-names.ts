import type { JobId } from "../../protocol/v1/job-id.ts";

/** A job as it was sent. */
export interface SentJob extends JobId {
  /** The lowest ntime that was told with it, seconds. */
  readonly minNtime: number;
}

/** Jobs that one connection can still name: more than are live, unless difficulties change all the time. */
const mostNames = 4_096;

/**
 * What the jobs of one connection are called on the wire: 1, 2, 3 …, in the order in which they were first sent, as
 * small firmware that keeps them by the last digits of their number needs it. The same name on all channels; whether a
 * channel was sent that job is the channel's to know.
 */
export class JobNames {
  #jobs: SentJob[] = [];
  /** Names before those of `#jobs`, which are forgotten. */
  #forgotten = 0;

  /** @param job not older than the newest that was named here. @returns a U32. */
  nameOf(job: SentJob): number {
    // Channels are sent the newest job, and perhaps some variants of it, one after the other.
    for (let index = this.#jobs.length - 1; index >= 0; index--) {
      const known = this.#jobs[index]!;
      if (known.number !== job.number) break;
      if (known.variant === job.variant && known.minNtime === job.minNtime)
        return this.#forgotten + index + 1;
    }
    this.#jobs.push({ number: job.number, variant: job.variant, minNtime: job.minNtime });
    if (this.#jobs.length > mostNames) this.#forget(mostNames / 4);
    return this.#forgotten + this.#jobs.length;
  }

  /** @returns undefined for a name that was never given, or is forgotten. */
  jobOf(name: number): SentJob | undefined {
    return this.#jobs[name - this.#forgotten - 1];
  }

  /** Jobs of lower numbers are not held any more: their names may go. */
  forgetBefore(number: number): void {
    const first = this.#jobs.findIndex((job) => job.number >= number);
    this.#forget(first < 0 ? this.#jobs.length : first);
  }

  #forget(count: number): void {
    if (count === 0) return;
    this.#jobs = this.#jobs.slice(count);
    this.#forgotten += count;
  }
}
