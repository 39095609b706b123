/** An answer that may not be known yet. */
export interface PendingAnswer {
  text: string | undefined;
}

/** Sends a connection's answers in the order of their requests, though shares are answered only after a commit. */
export class AnswerQueue {
  readonly #send: (text: string) => void;
  #waiting: PendingAnswer[] = [];
  #head = 0;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** Answers that wait: for their commit, or behind one that does. */
  get size(): number {
    return this.#waiting.length - this.#head;
  }

  /** An answer that is known at once. */
  answer(text: string): void {
    if (this.size === 0) this.#send(text);
    else this.#waiting.push({ text });
  }

  /** Keeps the place of an answer; `settle` must follow. */
  reserve(): PendingAnswer {
    const pending: PendingAnswer = { text: undefined };
    this.#waiting.push(pending);
    return pending;
  }

  settle(pending: PendingAnswer, text: string): void {
    pending.text = text;
    const waiting = this.#waiting;
    let head = this.#head;
    for (; head < waiting.length; head++) {
      const next = waiting[head]!.text;
      if (next === undefined) break;
      this.#send(next);
    }
    this.#head = head;
    this.#compact();
  }

  /** Drops what was sent when nothing waits, or when it is the larger part: amortized, a copy of each entry once. */
  #compact(): void {
    if (this.#head === this.#waiting.length) {
      if (this.#head === 0) return;
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}
