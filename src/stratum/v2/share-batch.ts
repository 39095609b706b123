/** What one SubmitShares.Success says (5.3.13). */
export interface Acknowledgement {
  /** Of the accepted share that came last. */
  readonly lastSequenceNumber: number;
  readonly newSubmitsAcceptedCount: number;
  /** Difficulties of the shares' targets, together. */
  readonly newSharesSum: bigint;
}

/** So many shares at most are acknowledged together. */
export const mostShares = 10;

/**
 * Shares of one channel that are durable and not acknowledged yet. Count and sum are of one batch; the sum is a whole
 * number, and what its rounding leaves over is added to the next, so that all sums together are never off by one.
 */
export class ShareBatch {
  #lastSequenceNumber = 0;
  #count = 0;
  #difficulty = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Whether it has to be acknowledged now. */
  get isFull(): boolean {
    return this.#count >= mostShares;
  }

  /** A share is durable; in the order in which shares were submitted. */
  add(sequenceNumber: number, difficulty: number): void {
    this.#lastSequenceNumber = sequenceNumber;
    this.#count += 1;
    this.#difficulty += difficulty;
  }

  /** Begins the next batch. */
  take(): Acknowledgement {
    const sum = Math.floor(this.#difficulty);
    const acknowledgement = {
      lastSequenceNumber: this.#lastSequenceNumber,
      newSubmitsAcceptedCount: this.#count,
      newSharesSum: BigInt(sum),
    };
    this.#count = 0;
    this.#difficulty -= sum;
    return acknowledgement;
  }
}
