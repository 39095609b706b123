import type { Chain } from "./address.ts";

const firstSubsidySats = 50n * 100_000_000n;

/** What a block at this height creates, without fees, satoshi. */
export function subsidyAt(height: number, chain: Chain): bigint {
  const halvings = Math.floor(height / halvingInterval(chain));
  // A shift by 64 or more is undefined in Bitcoin Core's C++, which says zero; here it comes out as zero by itself.
  return firstSubsidySats >> BigInt(halvings);
}

function halvingInterval(chain: Chain): number {
  return chain === "regtest" ? 150 : 210_000;
}
