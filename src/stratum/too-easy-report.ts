import type { Clock } from "../clock.ts";
import { coinbaseLength } from "../jobs/job.ts";
import type { LiveJob } from "../jobs/live-jobs.ts";
import type { Logger } from "../log/index.ts";

/** Of whom it is told. */
export interface TooEasyClient {
  readonly agent: string;
  readonly connection: { readonly remote: string };
  readonly profile: { readonly name: string };
  readonly currentWork: LiveJob | undefined;
  readonly channel: { readonly assignment: { readonly difficulty: number } | undefined } | undefined;
}

/** Clients that can earn nothing are warned of once in so long, and otherwise seen at level debug. */
const reportEveryMs = 60_000;

/** A farm of such devices is one line a minute; the metric of refused shares has how many there are. */
export class TooEasyReport {
  readonly #clock: Clock;
  readonly #log: Logger;
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** All shares that the client sent so far are too easy by far. */
  report({ agent, channel, connection, currentWork, profile }: TooEasyClient): void {
    const work = currentWork?.data;
    this.#log[this.#level()](
      {
        event: "client-shares-too-easy",
        remote: connection.remote,
        agent,
        firmware: profile.name,
        coinbaseBytes: work && coinbaseLength(work),
        difficulty: channel?.assignment?.difficulty,
      },
      "not one of a client's first shares meets its difficulty: its device may cut coinbases that are too large for it " +
        "(a shorter pool.split makes them smaller; for solo work, fewer coinbaseBytes in its firmware profile), or it does " +
        "not follow its difficulty",
    );
  }

  #level(): "warn" | "debug" {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#quietUntilMs) return "debug";
    this.#quietUntilMs = nowMs + reportEveryMs;
    return "warn";
  }
}
