import { BlockList, isIPv6 } from "node:net";
import type { Network } from "./port.ts";

/** Who stands in front of a port for others. */
export class Proxies {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  constructor(networks: readonly Network[]) {
    this.#isEmpty = networks.length === 0;
    for (const { address, prefix } of networks) this.#list.addSubnet(address, prefix, familyOf(address));
  }

  /** @param address as a socket has it. */
  has(address: string): boolean {
    // Nearly every port: ten thousand connections at once should not have to be looked up.
    if (this.#isEmpty) return false;
    const plain = plainAddress(address);
    return this.#list.check(plain, familyOf(plain));
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}

/** An IPv4 address as it is, though the socket listens for both families. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
