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
  /** Those that came when there was none on hand, in their order. */
  #waiting: ((extranonce1: number | undefined) => void)[] = [];
  readonly #source: Extranonces;
  readonly #jobs: Pick<LiveJobs, "current">;
  #returned: Returned[] = [];

  constructor(source: Extranonces, jobs: Pick<LiveJobs, "current">) {
    this.#source = source;
    this.#jobs = jobs;
  }

  take(): number | undefined {
    return this.#waiting.length > 0 ? undefined : this.#source.take();
  }

  /** @param then is called once: with the next that is there, or with undefined when there is none left at all. */
  wait(then: (extranonce1: number | undefined) => void): void {
    this.#waiting.push(then);
  }

  /** More may be on hand now. @param isExhausted there will be none. */
  arrived(isExhausted: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [index, then] of waiting.entries()) {
      const extranonce1 = this.#source.take();
      if (extranonce1 === undefined && !isExhausted) {
        this.#waiting = [...waiting.slice(index), ...this.#waiting];
        return;
      }
      then(extranonce1);
    }
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
