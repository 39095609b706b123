/** Who gets the block's reward in its coinbase, and how much: whole satoshi, nothing lost, nobody unpayable. */
import type { Output } from "../bitcoin/block.ts";
import { apportion } from "../bitcoin/satoshis.ts";
import { isPayable } from "../bitcoin/script.ts";
import { PoolError } from "../errors.ts";

export interface RewardShare {
  /** scriptPubKey. */
  readonly script: Uint8Array;
  /** Of the whole reward; one entry may take what the others leave. */
  readonly millionths: number | "rest";
}

/** In the order of the coinbase's outputs. */
export type RewardSplit = readonly RewardShare[];

const whole = 1_000_000;

/** @throws PoolError REWARD_SPLIT_INVALID unless the parts make up exactly the whole and each can be paid. */
export function checkRewardSplit(split: RewardSplit): void {
  if (split.length === 0) throw invalid("it names nobody");
  const rests = split.filter(({ millionths }) => millionths === "rest").length;
  if (rests > 1) throw invalid("more than one output takes the rest");
  for (const [index, { script, millionths }] of split.entries()) {
    if (!isPayable(script)) throw invalid(`output ${index + 1} pays a script that nobody can spend`);
    if (millionths !== "rest" && !(Number.isInteger(millionths) && millionths > 0 && millionths <= whole)) {
      throw invalid(`output ${index + 1} gets ${millionths} millionths`);
    }
  }
  const named = namedMillionths(split);
  if (named > whole) throw invalid(`its parts sum to ${named} millionths, more than the whole`);
  if (named < whole && rests === 0)
    throw invalid(`its parts sum to ${named} millionths and nobody gets the rest`);
}

/**
 * Outputs worth exactly `rewardSats` together, by largest remainder. Outputs worth nothing are left out, but for one
 * where all are (a transaction must have an output; regtest's subsidy does end).
 */
export function splitReward(rewardSats: bigint, split: RewardSplit): Output[] {
  const rest = whole - namedMillionths(split);
  const weights = split.map(({ millionths }) => BigInt(millionths === "rest" ? rest : millionths));
  const values = apportion(rewardSats, weights);
  const outputs = split.map(({ script }, index) => ({ valueSats: values[index]!, script }));
  return rewardSats === 0n ? outputs.slice(0, 1) : outputs.filter(({ valueSats }) => valueSats > 0n);
}

function namedMillionths(split: RewardSplit): number {
  return split.reduce((sum, { millionths }) => sum + (millionths === "rest" ? 0 : millionths), 0);
}

function invalid(detail: string): PoolError {
  return new PoolError(
    "REWARD_SPLIT_INVALID",
    `The split of the block reward is wrong: ${detail}.`,
    "Check pool.address and pool.split.",
  );
}
