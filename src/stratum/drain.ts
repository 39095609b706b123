import type { Reconnect } from "../protocol/v1/reconnect.ts";
import type { StratumSession } from "./session.ts";

/** Asks sessions to come again, spread evenly over a time. */
export class Drain {
  readonly #sessions: readonly StratumSession[];
  readonly #elsewhere: Reconnect | undefined;
  readonly #overMs: number;
  readonly #startedMs: number;
  #asked = 0;

  constructor(
    sessions: readonly StratumSession[],
    elsewhere: Reconnect | undefined,
    overMs: number,
    startedMs: number,
  ) {
    this.#sessions = sessions;
    this.#elsewhere = elsewhere;
    this.#overMs = overMs;
    this.#startedMs = startedMs;
  }

  /** @returns whether all have been asked. */
  step(nowMs: number): boolean {
    const part = this.#overMs === 0 ? 1 : Math.min(1, (nowMs - this.#startedMs) / this.#overMs);
    const due = Math.floor(this.#sessions.length * part);
    for (; this.#asked < due; this.#asked++) this.#sessions[this.#asked]!.askToReconnect(this.#elsewhere);
    return this.#asked === this.#sessions.length;
  }
}
