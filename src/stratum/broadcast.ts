import type { Clock } from "../clock.ts";
import type { LiveJob } from "../jobs/live-jobs.ts";

export interface Receiver {
  deliver(job: LiveJob): void;
  failed(error: unknown): void;
}

/** Sessions that are served before the event loop gets its turn. */
const sliceSize = 500;

/** Hands each new job to all sessions, in slices; a newer job overtakes one that is still on its way. */
export class Broadcaster {
  readonly #receivers: ReadonlySet<Receiver>;
  readonly #clock: Clock;
  readonly #onDone: (seconds: number) => void;
  #round = 0;

  constructor(receivers: ReadonlySet<Receiver>, clock: Clock, onDone: (seconds: number) => void) {
    this.#receivers = receivers;
    this.#clock = clock;
    this.#onDone = onDone;
  }

  broadcast(job: LiveJob): void {
    this.#round += 1;
    this.#slice([...this.#receivers], 0, job, this.#round, this.#clock.monotonicMs());
  }

  #slice(receivers: readonly Receiver[], from: number, job: LiveJob, round: number, startedMs: number): void {
    if (round !== this.#round) return;
    const to = Math.min(from + sliceSize, receivers.length);
    for (let i = from; i < to; i++) deliver(receivers[i]!, job);
    if (to < receivers.length) setImmediate(() => this.#slice(receivers, to, job, round, startedMs));
    else this.#onDone((this.#clock.monotonicMs() - startedMs) / 1000);
  }
}

function deliver(receiver: Receiver, job: LiveJob): void {
  try {
    receiver.deliver(job);
  } catch (error) {
    receiver.failed(error);
  }
}
