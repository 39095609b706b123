/**
 * Sessions that ended a while ago, for clients that come back: the same extranonce1, difficulty and jobs. A session is
 * taken up once, within a time, and never while it lives.
 *
 * Its extranonce1 rests meanwhile and goes back when nobody came for it; then its shares are of no session any more.
 *
 * Those that never had a share accepted make room first, and have a quarter of it at most: whoever connects over and over
 * takes nothing from miners.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { ChannelState } from "./channel.ts";
import type { Scheme } from "./port.ts";

export interface KeptSessionsOptions {
  /** Beyond so many the oldest go. */
  readonly most: number;
  readonly keepMs: number;
  readonly clock: Clock;
  /** Nobody will come for it any more. */
  readonly onForgotten: (sessionId: string, state: ChannelState) => void;
}

interface Kept {
  readonly state: ChannelState;
  readonly untilMs: number;
}

export class KeptSessions {
  readonly #options: KeptSessionsOptions;
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>();
  /** Those of them that never had a share accepted; oldest first. */
  readonly #unproven = new Set<string>();

  constructor(options: KeptSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** @param keepMs less than usual, for a session that ended before this process began; never more. */
  keep(sessionId: string, state: ChannelState, keepMs = this.#options.keepMs): void {
    const { clock, most, keepMs: longestMs } = this.#options;
    this.#kept.set(sessionId, { state, untilMs: clock.monotonicMs() + Math.min(keepMs, longestMs) });
    if (!state.hasShares) this.#unproven.add(sessionId);
    while (this.#kept.size > most || this.#unproven.size > Math.ceil(most / 4)) {
      const [oldest] = this.#unproven.size > 0 ? this.#unproven : this.#kept.keys();
      this.#forget(oldest!);
    }
  }

  /** Takes a session up: from now on it lives. */
  take(sessionId: string, scheme: Scheme): ChannelState | undefined {
    const kept = this.#kept.get(sessionId);
    if (kept === undefined || kept.state.scheme !== scheme) return undefined;
    if (kept.untilMs <= this.#options.clock.monotonicMs()) return undefined;
    this.#drop(sessionId);
    return kept.state;
  }

  sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [sessionId, { untilMs }] of this.#kept) {
      // All are kept equally long but for those from before this process, which are the first.
      if (untilMs > nowMs) break;
      this.#forget(sessionId);
    }
  }

  #forget(sessionId: string): void {
    const { state } = this.#kept.get(sessionId)!;
    this.#drop(sessionId);
    this.#options.onForgotten(sessionId, state);
  }

  #drop(sessionId: string): void {
    this.#kept.delete(sessionId);
    this.#unproven.delete(sessionId);
  }
}

const workerDigits = 2;

const randomDigits = 22;
/** One call for many: each takes longer than all else of a subscription. */
let randomness = "";

/** Opaque to clients: which worker process has the session, and 88 bits that nobody can guess. */
export function newSessionId(workerNumber: number): string {
  if (randomness.length < randomDigits) randomness = randomBytes(128 * (randomDigits / 2)).toString("hex");
  const digits = randomness.slice(0, randomDigits);
  randomness = randomness.slice(randomDigits);
  return workerNumber.toString(16).padStart(workerDigits, "0") + digits;
}

/** @returns undefined for a text that is no session id of this pool. */
export function workerOfSession(sessionId: string): number | undefined {
  return /^[0-9a-f]{24}$/.test(sessionId) ? Number.parseInt(sessionId.slice(0, workerDigits), 16) : undefined;
}
