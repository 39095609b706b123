import type { Clock } from "../clock.ts";
import type { LiveJob } from "../jobs/live-jobs.ts";
import type { FanOut } from "./fan-out.ts";

export interface Receiver {
  /** Takes its lines to `fanOut` where many get the same. */
  deliver(job: LiveJob, fanOut: FanOut): void;
  failed(error: unknown): void;
}

/** Sessions that are served before the event loop gets its turn. */
const sliceSize = 500;

/** Hands each new job to all sessions, in slices; a newer job overtakes one that is still on its way. */
export class Broadcaster {
  readonly #receivers: ReadonlySet<Receiver>;
  readonly #fanOut: FanOut;
  readonly #clock: Clock;
  readonly #onDone: (seconds: number) => void;
  #round = 0;

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
    this.#round += 1;
    this.#slice([...this.#receivers], 0, job, this.#round, this.#clock.monotonicMs());
  }

  #slice(receivers: readonly Receiver[], from: number, job: LiveJob, round: number, startedMs: number): void {
    if (round !== this.#round) return;
    const to = Math.min(from + sliceSize, receivers.length);
    for (let i = from; i < to; i++) this.#deliver(receivers[i]!, job);
    this.#fanOut.flush();
    if (to < receivers.length) setImmediate(() => this.#slice(receivers, to, job, round, startedMs));
    else this.#onDone((this.#clock.monotonicMs() - startedMs) / 1000);
  }

  #deliver(receiver: Receiver, job: LiveJob): void {
    try {
      receiver.deliver(job, this.#fanOut);
    } catch (error) {
      receiver.failed(error);
    }
  }
}
