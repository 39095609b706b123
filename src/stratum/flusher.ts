export interface Flushable {
  flush(): void;
}

/** Lets every connection that has something to say write once a turn, however many answers came together. */
export class Flusher {
  #waiting: Flushable[] = [];
  readonly #run = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.flush();
  };

  /** To be called once by each connection between two flushes. */
  add(connection: Flushable): void {
    if (this.#waiting.length === 0) queueMicrotask(this.#run);
    this.#waiting.push(connection);
  }
}
