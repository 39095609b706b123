import type { Outcome } from "./pool-client.ts";
import { accepted, unanswered } from "./pool-client.ts";

type Settle = (outcome: Outcome) => void;

/**
 * Pure: shares of a Stratum V2 channel on their way, by sequence number. A SubmitShares.Success says how many of those
 * up to a number were accepted, but not which: an error for one of them may still come (5.3.13, 5.3.14).
 */
export class OpenShares {
  /** In the order in which they were handed in. */
  readonly #waiting = new Map<number, Settle>();
  /** Up to the last Success, and not among those that it counted. */
  readonly #uncounted = new Set<number>();
  #next = 0;

  /** @returns the share's sequence number. */
  add(settle: Settle): number {
    const number = this.#next;
    this.#next = (number + 1) % 2 ** 32;
    this.#waiting.set(number, settle);
    return number;
  }

  accepted(lastNumber: number, count: number): void {
    // Nobody has said what became of them, and nobody will.
    for (const number of [...this.#uncounted]) this.#settle(number, unanswered);
    const covered = [...this.#waiting.keys()].filter((number) => isUpTo(number, lastNumber));
    for (const number of covered.slice(0, count)) this.#settle(number, accepted);
    for (const number of covered.slice(count)) this.#uncounted.add(number);
  }

  rejected(number: number, why: string): void {
    // Of one that was taken for accepted: another one was.
    const [uncounted] = this.#uncounted;
    const meant = this.#waiting.has(number) ? number : uncounted;
    if (meant !== undefined) this.#settle(meant, { kind: "rejected", why });
  }

  /** The connection is over. */
  end(): void {
    for (const number of [...this.#waiting.keys()]) this.#settle(number, unanswered);
  }

  #settle(number: number, outcome: Outcome): void {
    const settle = this.#waiting.get(number);
    this.#waiting.delete(number);
    this.#uncounted.delete(number);
    settle?.(outcome);
  }
}

/** Numbers start over behind 2^32 - 1. */
function isUpTo(number: number, last: number): boolean {
  return (last - number) >>> 0 < 2 ** 31;
}
