/**
 * Decides who may connect: bans, counts and rates, for each address (one IPv4 address or IPv6 /64) and for the subnet
 * around it (IPv4 /24, IPv6 /48), and a total. Pure: time comes in.
 *
 *   enter(address) ─────────────────────────────► here ──leave(address)──► gone
 *   hold() ──► held (address not known yet) ──admit(address)──► here
 *                └──────────release()────────► gone
 *
 * What is remembered has a bound. Networks with a connection are as many as the connections at most. Of those without
 * one, 65,536 addresses and as many subnets stay until their rate has recovered and their good standing is over; beyond
 * it the one that has been without a connection for longest is forgotten, and a new one is let in: forgetting gives a
 * flood from countless addresses no more than another burst of each, and the total holds in any case.
 */
import type { AdmissionRefusal } from "./metrics.ts";
import { type Address, type PeerNetworks, parseAddress, peerNetworks } from "./network.ts";

export interface AdmissionLimits {
  /** In all. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Taken as no less than what one address may have. */
  readonly connectionsPerSubnet: number;
  readonly newConnectionsPerAddressPerSecond: number;
  /** Taken as no less than what one address may have. */
  readonly newConnectionsPerSubnetPerSecond: number;
}

/** An address with a connection: one object for all of its connections. */
export interface Guest {
  /** Its network, as penalties and bans name it. */
  readonly network: string;
  /** Monotonic; when a share was last accepted on any of its connections: to be set by whoever accepts it. */
  acceptedMs: number | undefined;
}

/** How long an accepted share speaks for an address. */
const goodStandingMs = 600_000;

/** Networks without a connection that are remembered, of each kind. */
export const rememberedNetworks = 65_536;

/** Text that is no address: all such peers are one guest. */
const unknown: PeerNetworks = { address: "unknown", subnet: "unknown" };

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #isBanned: (address: Address) => boolean;
  readonly #addresses: Guests;
  readonly #subnets: Guests;
  #open = 0;
  #held = 0;

  constructor(limits: AdmissionLimits, isBanned: (address: Address) => boolean = () => false) {
    const perAddress = limits.connectionsPerAddress;
    const perAddressRate = limits.newConnectionsPerAddressPerSecond;
    this.#limits = limits;
    this.#isBanned = isBanned;
    this.#addresses = new Guests(perAddress, perAddressRate);
    this.#subnets = new Guests(
      Math.max(limits.connectionsPerSubnet, perAddress),
      Math.max(limits.newConnectionsPerSubnetPerSecond, perAddressRate),
    );
  }

  /** Connections in all, held ones included. */
  get open(): number {
    return this.#open;
  }

  /** Connections whose address is not known yet. */
  get held(): number {
    return this.#held;
  }

  /** Addresses remembered: those with a connection, and some without. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** Subnets remembered. */
  get subnets(): number {
    return this.#subnets.size;
  }

  /** @returns why not, or undefined: then `leave` must follow when the connection ends. */
  enter(address: string, nowMs: number): AdmissionRefusal | undefined {
    return this.hold() ?? this.admit(address, nowMs);
  }

  /**
   * Counts a connection toward the total alone, since its real address comes with a PROXY header.
   * @returns why not, or undefined: then `admit` or `release` must follow.
   */
  hold(): AdmissionRefusal | undefined {
    if (this.#open >= this.#limits.connections) return "connections";
    this.#open += 1;
    this.#held += 1;
    return undefined;
  }

  /** A held connection ended before its address was known. */
  release(): void {
    if (this.#held === 0) return;
    this.#held -= 1;
    this.#open -= 1;
  }

  /**
   * The address of a held connection is known now.
   * @returns why it must go after all (it is counted no more), or undefined: then `leave` must follow.
   */
  admit(address: string, nowMs: number): AdmissionRefusal | undefined {
    if (this.#held === 0) throw new Error("only a held connection can be admitted");
    const networks = networksOf(address);
    const isBanned = networks.parsed !== undefined && this.#isBanned(networks.parsed);
    const refusal = isBanned ? "banned" : this.#refusalOf(networks, nowMs);
    if (refusal !== undefined) {
      this.release();
      return refusal;
    }
    this.#held -= 1;
    this.#addresses.enter(networks.address, nowMs);
    this.#subnets.enter(networks.subnet, nowMs);
    return undefined;
  }

  leave(address: string): void {
    const { address: network, subnet } = networksOf(address);
    if (!this.#addresses.leave(network)) return;
    this.#subnets.leave(subnet);
    this.#open -= 1;
  }

  /** @returns the guest that a connection from this address belongs to; undefined while it has none. */
  guestOf(address: string): Guest | undefined {
    return this.#addresses.here(networksOf(address).address);
  }

  /** Whether a share from this network, in the spelling of a guest's, was accepted within ten minutes. */
  standsWell(network: string, nowMs: number): boolean {
    return this.#addresses.standsWell(network, nowMs);
  }

  /** Another process has seen an accepted share from this network; nothing to do while it is a stranger here. */
  vouch(network: string, nowMs: number): void {
    this.#addresses.vouch(network, nowMs);
  }

  /** Forgets networks that are gone. */
  sweep(nowMs: number): void {
    this.#addresses.sweep(nowMs);
    this.#subnets.sweep(nowMs);
  }

  #refusalOf({ address, subnet }: PeerNetworks, nowMs: number): AdmissionRefusal | undefined {
    if (this.#addresses.isFull(address)) return "connections-per-address";
    if (this.#subnets.isFull(subnet)) return "connections-per-subnet";
    const isTooFast = this.#addresses.isTooFast(address, nowMs) || this.#subnets.isTooFast(subnet, nowMs);
    return isTooFast ? "connection-rate" : undefined;
  }
}

interface KnownNetworks extends PeerNetworks {
  readonly parsed: Address | undefined;
}

/** The last one that was asked for: a proxy's connections, or one that comes and is welcomed, ask again and again. */
let last: { readonly text: string; readonly networks: KnownNetworks } | undefined;

function networksOf(address: string): KnownNetworks {
  if (last?.text === address) return last.networks;
  const parsed = parseAddress(address);
  const networks = { parsed, ...(parsed === undefined ? unknown : peerNetworks(parsed)) };
  last = { text: address, networks };
  return networks;
}

/** Whether a share accepted then still speaks for its address now. */
export function isInGoodStanding(acceptedMs: number | undefined, nowMs: number): boolean {
  return acceptedMs !== undefined && nowMs - acceptedMs < goodStandingMs;
}

/** How many connections a network has, and a bucket of tokens: each new connection takes one. */
interface CountedGuest extends Guest {
  open: number;
  tokens: number;
  /** When `tokens` was true. */
  atMs: number;
}

/** The networks of one kind. */
class Guests {
  readonly #most: number;
  /** New connections a second; as many may come at once after a second of rest. */
  readonly #rate: number;
  readonly #here = new Map<string, CountedGuest>();
  /** Without a connection, those that left first in front. */
  readonly #gone = new Map<string, CountedGuest>();

  constructor(most: number, rate: number) {
    this.#most = most;
    this.#rate = rate;
  }

  get size(): number {
    return this.#here.size + this.#gone.size;
  }

  here(network: string): CountedGuest | undefined {
    return this.#here.get(network);
  }

  isFull(network: string): boolean {
    return (this.#here.get(network)?.open ?? 0) >= this.#most;
  }

  isTooFast(network: string, nowMs: number): boolean {
    const guest = this.#known(network);
    return guest !== undefined && this.#tokensOf(guest, nowMs) < 1;
  }

  standsWell(network: string, nowMs: number): boolean {
    return isInGoodStanding(this.#known(network)?.acceptedMs, nowMs);
  }

  vouch(network: string, nowMs: number): void {
    const guest = this.#known(network);
    if (guest !== undefined) guest.acceptedMs = nowMs;
  }

  enter(network: string, nowMs: number): void {
    const guest = this.#known(network) ?? this.#stranger(network, nowMs);
    guest.tokens = this.#tokensOf(guest, nowMs) - 1;
    guest.atMs = nowMs;
    guest.open += 1;
    this.#gone.delete(network);
    this.#here.set(network, guest);
  }

  /** @returns whether it had a connection. */
  leave(network: string): boolean {
    const guest = this.#here.get(network);
    if (guest === undefined) return false;
    guest.open -= 1;
    if (guest.open > 0) return true;
    this.#here.delete(network);
    this.#gone.set(network, guest);
    if (this.#gone.size > rememberedNetworks) this.#gone.delete(this.#gone.keys().next().value!);
    return true;
  }

  sweep(nowMs: number): void {
    for (const [network, guest] of this.#gone) {
      const isRested = this.#tokensOf(guest, nowMs) >= this.#rate;
      if (isRested && !isInGoodStanding(guest.acceptedMs, nowMs)) this.#gone.delete(network);
    }
  }

  #known(network: string): CountedGuest | undefined {
    return this.#here.get(network) ?? this.#gone.get(network);
  }

  #stranger(network: string, nowMs: number): CountedGuest {
    return { network, acceptedMs: undefined, open: 0, tokens: this.#rate, atMs: nowMs };
  }

  #tokensOf({ tokens, atMs }: CountedGuest, nowMs: number): number {
    return Math.min(this.#rate, tokens + (Math.max(0, nowMs - atMs) * this.#rate) / 1000);
  }
}
