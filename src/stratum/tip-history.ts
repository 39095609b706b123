import { tipsHeld } from "../jobs/live-jobs.ts";

interface SentTip {
  readonly tipNumber: number;
  /** When this connection was sent its first job on it. */
  readonly sentAtMs: number;
}

/** Which tips one connection has been sent jobs on, and since when; tip numbers only rise. */
export class TipHistory {
  #tips: readonly SentTip[] = [];

  /** @returns whether it is the connection's first job on this tip. */
  sent(tipNumber: number, nowMs: number): boolean {
    if (!this.isNew(tipNumber)) return false;
    this.#tips = [...this.#tips, { tipNumber, sentAtMs: nowMs }].slice(-tipsHeld);
    return true;
  }

  isNew(tipNumber: number): boolean {
    return tipNumber > (this.#tips.at(-1)?.tipNumber ?? Number.NEGATIVE_INFINITY);
  }

  /** Whether nothing newer was sent. */
  isNewest(tipNumber: number): boolean {
    return tipNumber === this.#tips.at(-1)?.tipNumber;
  }

  /** Whether the tip was replaced, on this connection, longer than the grace ago. */
  isStale(tipNumber: number, nowMs: number, graceMs: number): boolean {
    if (tipNumber >= (this.#tips.at(-1)?.tipNumber ?? tipNumber)) return false;
    const replacement = this.#tips.find((tip) => tip.tipNumber > tipNumber)!;
    return nowMs - replacement.sentAtMs > graceMs;
  }
}
