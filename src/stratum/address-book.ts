import { type Chain, type ParsedAddress, parseAddress } from "../bitcoin/address.ts";

/** Of addresses that were read before; the oldest makes room. Refused ones are not kept: anyone can make up those. */
const maxRemembered = 16_384;

/** Reads payout addresses: few miners have one of their own, and checking one costs as much as all else of a login. */
export class AddressBook {
  readonly #chain: Chain;
  readonly #known = new Map<string, ParsedAddress>();

  constructor(chain: Chain) {
    this.#chain = chain;
  }

  read(text: string): ParsedAddress {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const parsed = parseAddress(text, this.#chain);
    if (!parsed.ok) return parsed;
    if (this.#known.size >= maxRemembered) this.#known.delete(this.#known.keys().next().value!);
    // A copy: a part of a line would keep the whole line in memory.
    this.#known.set(Buffer.from(text, "utf16le").toString("utf16le"), parsed);
    return parsed;
  }
}
