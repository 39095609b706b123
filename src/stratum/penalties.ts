/**
 * What bad behaviour leads to. Penalties stick to connections and addresses, never to account names: whoever sends
 * rubbish under somebody else's name harms nobody but himself.
 *
 *   a connection:  none ──30 points──► warn ──60──► slow (read from once a second) ──100──► drop
 *   an address:    each drop has its points, too ──1,000──► ban for a time (how long: see bans.ts)
 *
 * Points decay: a connection's by one a second, an address's by five a second. So a device that sends one senseless
 * line every four seconds is left alone for ever, and an address may lose 30 hostile connections a minute for ever and a
 * hundred at once before it is banned. An address in good standing (a share accepted within ten minutes on any of its
 * connections) is never banned: behind a farm's one address a broken device costs itself its connection, and the farm
 * nothing. Pure: time comes in, and what follows is the caller's to do.
 */
import type { Guest } from "./admission.ts";
import { isInGoodStanding } from "./admission.ts";
import { contains, type Network, parseNetwork } from "./network.ts";

/**
 * The closed list, with what each costs the connection, and its address if the connection is dropped for it. Whoever
 * floods with refused shares may own nothing but bad firmware, and a slow reader a bad link: the first is never banned
 * for it, the second after a thousand connections.
 */
export const offences = {
  "malformed-line": { connectionPoints: 4, addressPoints: 10 },
  garbage: { connectionPoints: 100, addressPoints: 10 },
  "not-stratum": { connectionPoints: 100, addressPoints: 10 },
  "line-too-long": { connectionPoints: 100, addressPoints: 10 },
  "subscribe-timeout": { connectionPoints: 100, addressPoints: 5 },
  "tls-failure": { connectionPoints: 100, addressPoints: 5 },
  "request-flood": { connectionPoints: 20, addressPoints: 10 },
  "refused-flood": { connectionPoints: 30, addressPoints: 0 },
  "slow-reader": { connectionPoints: 100, addressPoints: 1 },
} as const;

export type Offence = keyof typeof offences;

/** What is to be done; each includes nothing of the others but that `ban` means `drop` as well. */
export type Penalty =
  | "none"
  /** Say so to the miner and in the log; once until the points are gone. */
  | "warn"
  /** Read nothing from it for `slowMs`. */
  | "slow"
  | "drop"
  /** Drop it, and refuse its address for a time. */
  | "ban";

export const slowMs = 1000;

export interface PenaltyOptions {
  /** Requests of one connection within a second, beyond which it floods. */
  readonly requestsPerSecond: number;
  /** Refused submissions without an accepted one between, over ten seconds at least, that are a flood. */
  readonly refusedInARow: number;
  /** Addresses that are never banned, as those of proxies; their connections are dropped like any other. */
  readonly exempt: readonly Network[];
}

export const defaultPenaltyOptions: PenaltyOptions = {
  requestsPerSecond: 500,
  refusedInARow: 100,
  exempt: [],
};

const warnPoints = 30;
const slowPoints = 60;
const dropPoints = 100;
const connectionDecayPerSecond = 1;

const banPoints = 1000;
const addressDecayPerSecond = 5;
/** Addresses with points; beyond it the one whose last offence is the longest ago is forgiven. */
export const rememberedOffenders = 65_536;

const refusedMs = 10_000;

interface Points {
  points: number;
  /** When `points` was true. */
  atMs: number;
}

interface ConnectionRecord extends Points {
  hasBeenWarned: boolean;
  isDropped: boolean;
  refused: number;
  refusedSinceMs: number;
}

/** The penalties of one worker process. A connection is any object that stands for it; only offenders cost memory. */
export class Penalties {
  readonly #options: PenaltyOptions;
  /** A record goes with its connection. */
  readonly #connections = new WeakMap<object, ConnectionRecord>();
  /** By network, those whose last offence is the longest ago in front. */
  readonly #addresses = new Map<string, Points>();
  /** Requests in the present second. */
  readonly #requests = new Map<object, number>();
  #secondStartMs = 0;

  constructor(options: PenaltyOptions = defaultPenaltyOptions) {
    this.#options = options;
  }

  /** Addresses with points. */
  get offenders(): number {
    return this.#addresses.size;
  }

  /** @param guest whose connection it is; undefined while its address is not known: then the address gets no points. */
  offence(connection: object, guest: Guest | undefined, offence: Offence, nowMs: number): Penalty {
    const record = this.#record(connection, nowMs);
    if (record.isDropped) return "drop";
    settle(record, connectionDecayPerSecond, nowMs);
    if (record.points === 0) record.hasBeenWarned = false;
    record.points += offences[offence].connectionPoints;
    if (record.points >= dropPoints) {
      record.isDropped = true;
      return this.#isBanDue(guest, offence, nowMs) ? "ban" : "drop";
    }
    if (record.points >= slowPoints) return "slow";
    if (record.points < warnPoints || record.hasBeenWarned) return "none";
    record.hasBeenWarned = true;
    return "warn";
  }

  /**
   * Counts a request. Not to be called for submissions, which have `refused` and `accepted`, nor for the first
   * authorization of a name: a farm's proxy sends thousands at once, and their number has a limit of its own.
   */
  request(connection: object, guest: Guest | undefined, nowMs: number): Penalty {
    this.#turnSecond(nowMs);
    const requests = (this.#requests.get(connection) ?? 0) + 1;
    this.#requests.set(connection, requests);
    // Once a second, however many come.
    if (requests !== this.#options.requestsPerSecond + 1) return "none";
    return this.offence(connection, guest, "request-flood", nowMs);
  }

  /** Counts refused submissions, whatever the reason, but for `unavailable`: that is our own trouble. */
  refused(connection: object, guest: Guest | undefined, submissions: number, nowMs: number): Penalty {
    const record = this.#record(connection, nowMs);
    if (record.refused === 0) record.refusedSinceMs = nowMs;
    record.refused += submissions;
    if (record.refused < this.#options.refusedInARow || nowMs - record.refusedSinceMs < refusedMs)
      return "none";
    record.refused = 0;
    return this.offence(connection, guest, "refused-flood", nowMs);
  }

  /** A share was accepted: it speaks for its address. */
  accepted(connection: object, guest: Guest | undefined, nowMs: number): void {
    if (guest !== undefined) guest.acceptedMs = nowMs;
    const record = this.#connections.get(connection);
    if (record !== undefined) record.refused = 0;
  }

  /** Forgets those whose points are gone. */
  sweep(nowMs: number): void {
    this.#turnSecond(nowMs);
    for (const [network, record] of this.#addresses) {
      settle(record, addressDecayPerSecond, nowMs);
      if (record.points === 0) this.#addresses.delete(network);
    }
  }

  #record(connection: object, nowMs: number): ConnectionRecord {
    let record = this.#connections.get(connection);
    if (record === undefined) {
      record = {
        points: 0,
        atMs: nowMs,
        hasBeenWarned: false,
        isDropped: false,
        refused: 0,
        refusedSinceMs: nowMs,
      };
      this.#connections.set(connection, record);
    }
    return record;
  }

  #turnSecond(nowMs: number): void {
    if (nowMs - this.#secondStartMs < 1000) return;
    this.#secondStartMs = nowMs;
    this.#requests.clear();
  }

  #isBanDue(guest: Guest | undefined, offence: Offence, nowMs: number): boolean {
    const { addressPoints } = offences[offence];
    if (guest === undefined || addressPoints === 0 || this.#isExempt(guest.network)) return false;
    const record = this.#addresses.get(guest.network) ?? { points: 0, atMs: nowMs };
    settle(record, addressDecayPerSecond, nowMs);
    record.points = Math.min(banPoints, record.points + addressPoints);
    this.#addresses.delete(guest.network);
    if (record.points >= banPoints && !isInGoodStanding(guest.acceptedMs, nowMs)) return true;
    this.#addresses.set(guest.network, record);
    if (this.#addresses.size > rememberedOffenders)
      this.#addresses.delete(this.#addresses.keys().next().value!);
    return false;
  }

  #isExempt(text: string): boolean {
    const network = parseNetwork(text);
    return network !== undefined && this.#options.exempt.some((exempt) => contains(exempt, network));
  }
}

function settle(record: Points, decayPerSecond: number, nowMs: number): void {
  const decayed = (Math.max(0, nowMs - record.atMs) * decayPerSecond) / 1000;
  record.points = Math.max(0, record.points - decayed);
  record.atMs = nowMs;
}
