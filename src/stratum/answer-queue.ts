/** Answers that stand together and may not be known yet. */
export interface PendingAnswer {
  readonly count: number;
  text: string | undefined;
}

/** Where answers go. */
export interface AnswerSink {
  send(text: string): void;
}

/** Sends a connection's answers in the order of their requests, though shares are answered only after a commit. */
export class AnswerQueue {
  readonly #sink: AnswerSink;
  /** Undefined while nothing waits. */
  #waiting: PendingAnswer[] | undefined;
  #head = 0;
  #size = 0;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  /** Answers that wait: for their commit, or behind one that does. */
  get size(): number {
    return this.#size;
  }

  /** An answer, or several, that is known at once. */
  answer(text: string, count = 1): void {
    if (this.#size === 0) this.#sink.send(text);
    else this.#keep({ count, text });
  }

  /** Keeps the place of an answer, or of several; `settle` must follow. */
  reserve(count = 1): PendingAnswer {
    return this.#keep({ count, text: undefined });
  }

  #keep(pending: PendingAnswer): PendingAnswer {
    this.#waiting ??= [];
    this.#waiting.push(pending);
    this.#size += pending.count;
    return pending;
  }

  settle(pending: PendingAnswer, text: string): void {
    pending.text = text;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    let head = this.#head;
    for (; head < waiting.length; head++) {
      const next = waiting[head]!;
      if (next.text === undefined) break;
      this.#size -= next.count;
      this.#sink.send(next.text);
    }
    this.#head = head;
    this.#compact(waiting);
  }

  /** Drops what was sent when nothing waits, or when it is the larger part: amortized, a copy of each entry once. */
  #compact(waiting: PendingAnswer[]): void {
    if (this.#head === waiting.length) {
      this.#waiting = undefined;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > waiting.length) {
      this.#waiting = waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}
