/**
 * Shares out the turns of the event loop: what peers may have read, parsed and answered before the others are heard.
 * Without it one read of a flood is up to two megabytes of lines, and every miner waits for the last of them.
 *
 * A connection's first line of a turn goes through whatever the others do, if it is as short as what miners send; so a
 * flood costs an honest miner one turn. Who sends what makes no sense, or has had many shares refused and none accepted,
 * has no such claim: a crowd of those would fill the turn with their first lines. All else is taken from what the connection and the turn have left, and waits in
 * order for the next turn when nothing is: its socket is not read meanwhile, so that the rest stays with the sender.
 */

export interface Waiting {
  /** A new turn has begun. */
  goOn(): void;
}

/** What a message costs beside its bytes: about as much as so many bytes of JSON. */
export const messageCost = 256;
/** The first line of each connection: a submission has some 200 bytes. */
const shortCost = messageCost + 1_024;
/** Of one connection. */
export const connectionCost = 16_384;
/** Of all connections; a millisecond or two. */
export const turnCost = 65_536;

export class Turns {
  readonly #schedule: (begin: () => void) => void;
  #number = 0;
  #left = turnCost;
  #isScheduled = false;
  #waiting: Waiting[] = [];

  /** @param schedule calls when the event loop has turned. */
  constructor(schedule: (begin: () => void) => void = setImmediate) {
    this.#schedule = schedule;
  }

  /** The present turn's. */
  get number(): number {
    return this.#number;
  }

  get isUsedUp(): boolean {
    return this.#left <= 0;
  }

  /**
   * @param spent what the connection has used in this turn.
   * @param isTrusted whether it is one of those that need not wait with their first line.
   * @returns whether it may use so much more; then it has.
   */
  grants(spent: number, cost: number, isTrusted: boolean): boolean {
    const isFirst = spent === 0;
    const isShort = isTrusted && isFirst && cost <= shortCost;
    const isWithin = isFirst || spent + cost <= connectionCost;
    if (!isShort && !(isWithin && (cost <= this.#left || this.#left === turnCost))) return false;
    this.spend(cost);
    return true;
  }

  /** For what was used without having been asked for. */
  spend(cost: number): void {
    this.#left -= cost;
    this.#plan();
  }

  /** To be called once by each connection between two turns. */
  wait(connection: Waiting): void {
    this.#waiting.push(connection);
    this.#plan();
  }

  #plan(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(this.#begin);
  }

  readonly #begin = (): void => {
    this.#isScheduled = false;
    this.#number += 1;
    this.#left = turnCost;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.goOn();
  };
}
