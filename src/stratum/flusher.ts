export interface Flushable {
  flush(): void;
}

/** So many connections are written to one after the other, at the latest. */
const mostWaiting = 64;

/**
 * Lets every connection that has something to say write once a turn, however many answers came together. Many writes in a
 * row cost less than the same ones between reads: whoever is at the other end is woken once. A rush must not keep the
 * first waiting for the last, though.
 */
export class Flusher {
  #waiting: Flushable[] = [];
  readonly #run = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.flush();
  };

  /** To be called once by each connection between two flushes. */
  add(connection: Flushable): void {
    this.#waiting.push(connection);
    if (this.#waiting.length === 1) setImmediate(this.#run);
    else if (this.#waiting.length === mostWaiting) queueMicrotask(this.#run);
  }
}
