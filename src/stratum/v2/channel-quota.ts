import type { Guest } from "../admission.ts";
import type { Counts } from "../context.ts";

interface QuotaLimits {
  readonly channelsPerConnection: number;
  readonly channelsPerAddress: number;
  readonly workers: number;
}

/**
 * Counts channels before anything is made for them: of a connection, of an address with all its connections, and of the
 * process, where each is a worker as V1's authorized names are.
 */
export class ChannelQuota {
  readonly #limits: QuotaLimits;
  readonly #counts: Pick<Counts, "workers">;
  readonly #ofGuests = new WeakMap<Guest, number>();

  constructor(limits: QuotaLimits, counts: Pick<Counts, "workers">) {
    this.#limits = limits;
    this.#counts = counts;
  }

  /** @param ofConnection channels that it has. @returns whether there is room: then `giveBack` must follow. */
  take(guest: Guest | undefined, ofConnection: number): boolean {
    const ofGuest = this.#of(guest);
    const { channelsPerConnection, channelsPerAddress, workers } = this.#limits;
    if (ofConnection >= channelsPerConnection || ofGuest >= channelsPerAddress) return false;
    if (this.#counts.workers >= workers) return false;
    this.#counts.workers += 1;
    if (guest !== undefined) this.#ofGuests.set(guest, ofGuest + 1);
    return true;
  }

  giveBack(guest: Guest | undefined, channels: number): void {
    this.#counts.workers -= channels;
    if (guest !== undefined) this.#ofGuests.set(guest, this.#of(guest) - channels);
  }

  #of(guest: Guest | undefined): number {
    return guest === undefined ? 0 : (this.#ofGuests.get(guest) ?? 0);
  }
}
