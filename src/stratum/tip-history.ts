import { tipsHeld } from "../jobs/live-jobs.ts";

/**
 * Which tips one connection has been sent jobs on, and since when; tip numbers only rise. Every connection has one of
 * these and writes to it at every block, so it is two short lists that are written in place: numbers, and times.
 */
export class TipHistory {
  readonly #numbers: number[] = [];
  /** When this connection was sent its first job on each. */
  readonly #sentAtMs: number[] = [];

  /** @returns whether it is the connection's first job on this tip. */
  sent(tipNumber: number, nowMs: number): boolean {
    if (!this.isNew(tipNumber)) return false;
    // Jobs of older tips than these cannot be judged any more.
    if (this.#numbers.length === tipsHeld) {
      this.#numbers.shift();
      this.#sentAtMs.shift();
    }
    this.#numbers.push(tipNumber);
    this.#sentAtMs.push(nowMs);
    return true;
  }

  isNew(tipNumber: number): boolean {
    const { length } = this.#numbers;
    return length === 0 || tipNumber > this.#numbers[length - 1]!;
  }

  /** Whether nothing newer was sent. */
  isNewest(tipNumber: number): boolean {
    return tipNumber === this.#numbers[this.#numbers.length - 1];
  }

  /** Whether the tip was replaced, on this connection, longer than the grace ago. */
  isStale(tipNumber: number, nowMs: number, graceMs: number): boolean {
    const replacement = this.#numbers.findIndex((number) => number > tipNumber);
    return replacement >= 0 && nowMs - this.#sentAtMs[replacement]! > graceMs;
  }
}
