import { addressOf, type Chain } from "../bitcoin/address.ts";
import { type Coinbase, readBlock } from "../bitcoin/block.ts";
import { displayHash } from "../bitcoin/hash.ts";
import { readHeight } from "../bitcoin/script.ts";
import { PoolError } from "../errors.ts";
import { soloSequence } from "../jobs/coinbase-outputs.ts";
import type { BlockRecord } from "../journal/record.ts";

export interface BlockTerms {
  readonly feeMillionths: number;
  readonly windowThousandths: number;
}

/**
 * The journal record of a block whose candidate is on disk but that no journal mentions: the process died between the
 * two, or the journal was refusing. All that a record needs is in the block itself, but for the finder of a PPLNS block
 * and its terms, which are today's. A solo block names its miner, too, in the first output, and what that got.
 */
export function recordOfBlock(
  bytes: Uint8Array,
  terms: BlockTerms,
  timeMs: number,
  chain: Chain,
): BlockRecord {
  const { header, hash, coinbase } = readBlock(bytes);
  const height = readHeight(coinbase.script);
  if (height === undefined) {
    throw new PoolError(
      "BLOCK_WITHOUT_HEIGHT",
      `The stored block ${displayHash(hash)} has no height in its coinbase (BIP 34).`,
      "It is not one of this pool's; move its file away.",
    );
  }
  const block = {
    kind: "block" as const,
    timeMs,
    hash,
    previousHash: header.previousHash,
    height,
    bits: header.bits,
    rewardSats: sumOf(coinbase.outputs),
    worker: "",
  };
  const [miner, ...others] = coinbase.outputs;
  if (coinbase.sequence === soloSequence && miner !== undefined) {
    const account = addressOf(miner.script, chain) ?? "";
    return { ...block, scheme: "solo", feeSats: sumOf(others), account };
  }
  const { feeMillionths, windowThousandths } = terms;
  return { ...block, scheme: "pplns", feeMillionths, windowThousandths, account: "" };
}

function sumOf(outputs: Coinbase["outputs"]): bigint {
  return outputs.reduce((sum, { valueSats }) => sum + valueSats, 0n);
}
