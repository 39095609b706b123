import type { LiveJobs } from "../jobs/live-jobs.ts";

export interface Extranonces {
  /** A number of 32 bits that nobody else has; undefined when there is none left. */
  take(): number | undefined;
  release(extranonce1: number): void;
}

interface Returned {
  readonly extranonce1: number;
  /** The tip on which its last owner worked. */
  readonly tipNumber: number;
}

/**
 * Gives a closed session's extranonce1 back only when the tip has changed: until then the next owner would search the
 * very headers that the last one has searched.
 */
export class ExtranonceLeases {
  readonly #source: Extranonces;
  readonly #jobs: Pick<LiveJobs, "current">;
  #returned: Returned[] = [];

  constructor(source: Extranonces, jobs: Pick<LiveJobs, "current">) {
    this.#source = source;
    this.#jobs = jobs;
  }

  take(): number | undefined {
    return this.#source.take();
  }

  giveBack(extranonce1: number): void {
    this.#returned.push({ extranonce1, tipNumber: this.#tipNumber });
  }

  sweep(): void {
    const now = this.#tipNumber;
    const due = this.#returned.findIndex(({ tipNumber }) => tipNumber >= now);
    const released = due < 0 ? this.#returned : this.#returned.slice(0, due);
    if (released.length === 0) return;
    this.#returned = due < 0 ? [] : this.#returned.slice(due);
    for (const { extranonce1 } of released) this.#source.release(extranonce1);
  }

  get #tipNumber(): number {
    return this.#jobs.current?.data.tipNumber ?? -1;
  }
}
