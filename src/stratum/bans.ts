/**
 * Who may not connect for a time. Every process has this table: the worker that decides on a ban reports it to the
 * primary, which tells all workers; the same notices give the same tables. Pure: wall-clock time comes in, the only one
 * that processes share.
 *
 *   no ban ──1st──► 30 s ──again──► 60 s ──► 120 s ──► … ──► an hour, each time
 *      ▲                                                        │
 *      └──────────── a day without a ban, or lifted ────────────┘
 *
 * Bans by command are kept apart, last as long as the command says, and may be of any network up to a /8 (IPv6: /16).
 * Both tables have a bound: of 65,536 addresses banned for what they did, the one whose ban began first makes room; a
 * command beyond 4,096 is refused, so that no flood of offenders lifts what an operator decided.
 */
import { PoolError } from "../errors.ts";
import {
  type Address,
  contains,
  type Network,
  networkOf,
  networkText,
  oneAddress,
  parseNetwork,
} from "./network.ts";
import type { Offence } from "./penalties.ts";

export type BanCause = Offence | "command";

/** A ban as processes tell each other: plain data. */
export interface BanNotice {
  /** In its one spelling: see networkText. */
  readonly network: string;
  /** Wall clock. */
  readonly untilMs: number;
  readonly cause: BanCause;
  /** The how many-th in a row it is: it gives the length of the next. 0 for a command. */
  readonly round: number;
}

export interface Lifted {
  readonly lifted: number;
  /** A wider ban that still covers all of what was to be lifted. */
  readonly stillBannedBy: string | undefined;
}

const usualFirstMs = 30_000;
const longestMs = 3_600_000;
const peaceMs = 86_400_000;
const longestByCommandMs = 366 * 86_400_000;

export const mostBans = 65_536;
export const mostCommandedBans = 4096;
/** Wider ones are more likely a slip than a wish. */
const widest = { 4: 8, 6: 16 } as const;

interface Ban {
  readonly notice: BanNotice;
  /** The same as the notice's text. */
  readonly network: Network;
}

export class Bans {
  readonly #firstMs: number;
  /** For what they did, each one address; those whose ban began first in front, ended ones for a day. */
  readonly #earned = new Map<string, Ban>();
  readonly #commanded = new Map<string, Ban>();
  /** Prefix lengths in `#commanded`, of each family: an address is looked up once for each. */
  #lengths: Record<4 | 6, number[]> = { 4: [], 6: [] };

  /** @param firstMs length of an address's first ban. */
  constructor(firstMs = usualFirstMs) {
    this.#firstMs = firstMs;
  }

  /**
   * An address has earned a ban: for longer than the last time.
   * @returns what to tell the other processes; undefined if it is banned already.
   */
  ban(network: string, cause: Offence, nowMs: number): BanNotice | undefined {
    const last = this.#earned.get(network)?.notice;
    if (last !== undefined && nowMs < last.untilMs) return undefined;
    const round = last === undefined || isForgotten(last, nowMs) ? 1 : last.round + 1;
    const lengthMs = Math.min(longestMs, this.#firstMs * 2 ** Math.min(round - 1, 30));
    const notice = { network, untilMs: nowMs + lengthMs, cause, round };
    this.take(notice);
    return notice;
  }

  /**
   * A ban by command.
   * @param text an address (IPv6: its /64) or a CIDR network
   * @returns what to tell the other processes.
   * @throws PoolError BAN_NETWORK_INVALID, BAN_NETWORK_TOO_WIDE, BAN_TOO_LONG, BANS_FULL
   */
  command(text: string, lengthMs: number, nowMs: number): BanNotice {
    const network = networkToBan(text);
    if (!(lengthMs > 0 && lengthMs <= longestByCommandMs)) {
      throw new PoolError(
        "BAN_TOO_LONG",
        `A ban of ${Math.round(lengthMs / 1000)} seconds is not possible.`,
        "Give a time of up to 366 days; what shall be shut out for ever is the firewall's business.",
      );
    }
    this.sweep(nowMs);
    const name = networkText(network);
    if (this.#commanded.size >= mostCommandedBans && !this.#commanded.has(name)) {
      throw new PoolError(
        "BANS_FULL",
        `There are ${mostCommandedBans} bans by command already.`,
        "Lift some, ban whole networks, or use the firewall.",
      );
    }
    const notice: BanNotice = { network: name, untilMs: nowMs + lengthMs, cause: "command", round: 0 };
    this.take(notice);
    return notice;
  }

  /** Takes a ban that another process decided on. One that is known already may come again. */
  take(notice: BanNotice): void {
    const network = parseNetwork(notice.network);
    if (network === undefined) return;
    if (notice.cause === "command") {
      this.#commanded.set(notice.network, { notice, network });
      const lengths = this.#lengths[network.family];
      if (!lengths.includes(network.length)) lengths.push(network.length);
    } else this.#takeEarned({ notice, network });
  }

  /**
   * Ends the bans of a network and of all within it.
   * @param text as `command`; undefined: all bans
   * @throws PoolError BAN_NETWORK_INVALID
   */
  lift(text: string | undefined, nowMs: number): Lifted {
    const network = text === undefined ? undefined : networkNamed(text);
    let lifted = 0;
    for (const bans of [this.#earned, this.#commanded]) {
      for (const [name, ban] of bans) {
        if (network !== undefined && !isWithin(ban.network, network)) continue;
        if (isOn(ban, nowMs)) lifted += 1;
        bans.delete(name);
      }
    }
    this.#countLengths();
    return { lifted, stillBannedBy: network === undefined ? undefined : this.#banOver(network, nowMs) };
  }

  /** An address in good standing with another process was banned: that ban, and its history, never were. */
  withdraw(network: string): void {
    this.#earned.delete(network);
  }

  isBanned(address: Address, nowMs: number): boolean {
    const network = oneAddress(address);
    if (this.#earned.size > 0 && isOn(this.#earned.get(networkText(network)), nowMs)) return true;
    return this.#lengths[address.family].some((length) =>
      isOn(this.#commanded.get(networkText(networkOf(address, length))), nowMs),
    );
  }

  /** Bans that are on now, those that end first in front. */
  list(nowMs: number): BanNotice[] {
    return [...this.#commanded.values(), ...this.#earned.values()]
      .filter((ban) => isOn(ban, nowMs))
      .map(({ notice }) => notice)
      .sort((left, right) => left.untilMs - right.untilMs);
  }

  /** What a new worker process has to take: bans that are on, and those that the next one's length depends on. */
  history(nowMs: number): BanNotice[] {
    this.sweep(nowMs);
    return [...this.#commanded.values(), ...this.#earned.values()].map(({ notice }) => notice);
  }

  /** Forgets bans that are over. */
  sweep(nowMs: number): void {
    for (const [name, { notice }] of this.#earned) {
      if (isForgotten(notice, nowMs)) this.#earned.delete(name);
    }
    const before = this.#commanded.size;
    for (const [name, ban] of this.#commanded) {
      if (!isOn(ban, nowMs)) this.#commanded.delete(name);
    }
    if (this.#commanded.size < before) this.#countLengths();
  }

  #takeEarned(ban: Ban): void {
    const { network, untilMs } = ban.notice;
    const known = this.#earned.get(network);
    // Two processes may decide at the same time: the later end counts, and is in every process the same.
    if (known !== undefined && known.notice.untilMs >= untilMs) return;
    this.#earned.delete(network);
    this.#earned.set(network, ban);
    if (this.#earned.size > mostBans) this.#earned.delete(this.#earned.keys().next().value!);
  }

  #countLengths(): void {
    const lengths = { 4: new Set<number>(), 6: new Set<number>() };
    for (const { network } of this.#commanded.values()) lengths[network.family].add(network.length);
    this.#lengths = { 4: [...lengths[4]], 6: [...lengths[6]] };
  }

  /** A ban of all of this network and more. */
  #banOver(network: Network, nowMs: number): string | undefined {
    const { family, length } = network;
    const wider = [...this.#lengths[family], oneAddress(network).length].filter((other) => other < length);
    const names = wider.map((other) => networkText(networkOf(network, other)));
    return names.find((name) => isOn(this.#commanded.get(name) ?? this.#earned.get(name), nowMs));
  }
}

function isOn(ban: Ban | undefined, nowMs: number): boolean {
  return ban !== undefined && nowMs < ban.notice.untilMs;
}

function isForgotten(notice: BanNotice, nowMs: number): boolean {
  return nowMs - notice.untilMs >= peaceMs;
}

function isWithin(inner: Network, outer: Network): boolean {
  return inner.length >= outer.length && contains(outer, inner);
}

function networkNamed(text: string): Network {
  const network = parseNetwork(text);
  if (network !== undefined) return network;
  throw new PoolError(
    "BAN_NETWORK_INVALID",
    `${JSON.stringify(text)} is no IP address and no network.`,
    "Write 192.0.2.7, 192.0.2.0/24, 2001:db8:1:2::7 (which stands for its /64) or 2001:db8::/32.",
  );
}

function networkToBan(text: string): Network {
  const network = networkNamed(text);
  if (network.length >= widest[network.family]) return network;
  throw new PoolError(
    "BAN_NETWORK_TOO_WIDE",
    `${networkText(network)} is too wide for a ban.`,
    "Ban a /8 (IPv6: /16) at most, or use the firewall.",
  );
}
