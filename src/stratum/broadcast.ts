import type { Clock } from "../clock.ts";
import type { LiveJob } from "../jobs/live-jobs.ts";
import type { FanOut } from "./fan-out.ts";

export interface Receiver {
  /** Takes its lines to `fanOut` where many get the same. A job that it had, or that comes too late for it, is nothing. */
  deliver(job: LiveJob, fanOut: FanOut): void;
  failed(error: unknown): void;
}

/** Sessions that are served before the event loop gets its turn. */
const sliceSize = 500;

/**
 * Hands each new job to all sessions, in slices. A newer job overtakes one that is still on its way: it goes first to
 * those who have not had the older one, for they have waited longest.
 */
export class Broadcaster {
  readonly #receivers: ReadonlySet<Receiver>;
  readonly #fanOut: FanOut;
  readonly #clock: Clock;
  readonly #onDone: (seconds: number) => void;
  /** The job that is on its way. */
  #round: Round | undefined;

  constructor(
    receivers: ReadonlySet<Receiver>,
    fanOut: FanOut,
    clock: Clock,
    onDone: (seconds: number) => void,
  ) {
    this.#receivers = receivers;
    this.#fanOut = fanOut;
    this.#clock = clock;
    this.#onDone = onDone;
  }

  broadcast(job: LiveJob): void {
    const round = { job, order: this.#order(), at: 0, startedMs: this.#clock.monotonicMs() };
    this.#round = round;
    this.#slice(round);
  }

  /** Some stand in it twice: who has had a job passes over it. */
  #order(): readonly Receiver[] {
    const round = this.#round;
    return round === undefined ? [...this.#receivers] : [...round.order.slice(round.at), ...this.#receivers];
  }

  #slice(round: Round): void {
    if (round !== this.#round) return;
    const to = Math.min(round.at + sliceSize, round.order.length);
    for (; round.at < to; round.at++) this.#deliver(round.order[round.at]!, round.job);
    this.#fanOut.flush();
    if (round.at < round.order.length) setImmediate(() => this.#slice(round));
    else {
      this.#round = undefined;
      this.#onDone((this.#clock.monotonicMs() - round.startedMs) / 1000);
    }
  }

  #deliver(receiver: Receiver, job: LiveJob): void {
    try {
      receiver.deliver(job, this.#fanOut);
    } catch (error) {
      receiver.failed(error);
    }
  }
}

interface Round {
  readonly job: LiveJob;
  readonly order: readonly Receiver[];
  readonly startedMs: number;
  /** Up to where it has got. */
  at: number;
}
