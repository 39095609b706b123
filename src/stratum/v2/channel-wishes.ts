/** What a client says of its device when it opens or updates a channel (5.3.2, 5.3.7), as wishes for its difficulty. */
import { isHashRate } from "../../protocol/v2/channels.ts";
import { targetFromU256 } from "../../protocol/v2/target.ts";
import { type DifficultyOptions, difficultyOfHashrate, difficultyWithin } from "../difficulty.ts";
import type { Wishes } from "../difficulty-bounds.ts";

export interface DeviceClaims {
  /** Hashes a second; 0: it does not say. */
  readonly nominalHashRate: number;
  /** 32 bytes: no target may be easier. */
  readonly maxTarget: Uint8Array;
}

export type ClaimsErrorCode = "invalid-nominal-hashrate" | "max-target-out-of-range";

/** @param hardest difficulty that anybody may be given now: the port's, and the network's. */
export function wishesOf(
  { nominalHashRate, maxTarget }: DeviceClaims,
  port: DifficultyOptions,
  hardest: number,
): Wishes | ClaimsErrorCode {
  if (!isHashRate(nominalHashRate)) return "invalid-nominal-hashrate";
  const easiestTarget = targetFromU256(maxTarget);
  const easiest = easiestTarget && difficultyWithin(easiestTarget);
  if (easiest === undefined || easiest > hardest) return "max-target-out-of-range";
  const isFollowed = port.vardiff && nominalHashRate > 0;
  const nominal = isFollowed ? difficultyOfHashrate(nominalHashRate, port.sharesPerMinute) : undefined;
  return { easiest, nominal };
}
