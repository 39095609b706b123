import type { AdmissionRefusal } from "./metrics.ts";

export interface AdmissionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly newConnectionsPerAddressPerSecond: number;
}

interface Guest {
  open: number;
  /** Start of the second in which `fresh` connections came. */
  since: number;
  fresh: number;
}

/** Decides who may connect, by counts and rates for each address. Pure: time comes in. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #guests = new Map<string, Guest>();
  #open = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Addresses remembered: those with a connection, and for a second those without. */
  get addresses(): number {
    return this.#guests.size;
  }

  /** @returns why not, or undefined: then `leave` must follow when the connection ends. */
  enter(address: string, nowMs: number): AdmissionRefusal | undefined {
    if (this.#open >= this.#limits.connections) return "connections";
    const guest = this.#guest(networkOf(address), nowMs);
    if (guest.open >= this.#limits.connectionsPerAddress) return "connections-per-address";
    if (nowMs - guest.since >= 1000) {
      guest.since = nowMs;
      guest.fresh = 0;
    }
    if (guest.fresh >= this.#limits.newConnectionsPerAddressPerSecond) return "connection-rate";
    guest.fresh += 1;
    guest.open += 1;
    this.#open += 1;
    return undefined;
  }

  leave(address: string): void {
    const guest = this.#guests.get(networkOf(address));
    if (guest === undefined || guest.open === 0) return;
    guest.open -= 1;
    this.#open -= 1;
  }

  /** Forgets addresses that are gone. */
  sweep(nowMs: number): void {
    for (const [network, guest] of this.#guests) {
      if (guest.open === 0 && nowMs - guest.since >= 1000) this.#guests.delete(network);
    }
  }

  #guest(network: string, nowMs: number): Guest {
    let guest = this.#guests.get(network);
    if (guest === undefined) {
      guest = { open: 0, since: nowMs, fresh: 0 };
      this.#guests.set(network, guest);
    }
    return guest;
  }
}

/** One IPv4 address, or the /64 that one IPv6 customer usually has. */
export function networkOf(address: string): string {
  if (address.startsWith("::ffff:") && address.includes(".")) return address.slice(7);
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const front = head === "" ? [] : head.split(":");
  if (tail === undefined) return front.slice(0, 4).join(":");
  const back = tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...zeros, ...back].slice(0, 4).join(":");
}
