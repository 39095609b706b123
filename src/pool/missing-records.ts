import { readBlock } from "../bitcoin/block.ts";
import { displayHash } from "../bitcoin/hash.ts";
import { readHeight } from "../bitcoin/script.ts";
import { PoolError } from "../errors.ts";
import type { BlockRecord } from "../journal/record.ts";

export interface BlockTerms {
  readonly feeMillionths: number;
  readonly windowThousandths: number;
}

/**
 * The journal record of a block whose candidate is on disk but that no journal mentions: the process died between the
 * two, or the journal was refusing. All that a record needs is in the block itself; the finder is not, and the terms
 * are today's.
 */
export function recordOfBlock(bytes: Uint8Array, terms: BlockTerms, timeMs: number): BlockRecord {
  const { header, hash, coinbase } = readBlock(bytes);
  const height = readHeight(coinbase.script);
  if (height === undefined) {
    throw new PoolError(
      "BLOCK_WITHOUT_HEIGHT",
      `The stored block ${displayHash(hash)} has no height in its coinbase (BIP 34).`,
      "It is not one of this pool's; move its file away.",
    );
  }
  return {
    kind: "block",
    timeMs,
    hash,
    previousHash: header.previousHash,
    height,
    bits: header.bits,
    rewardSats: coinbase.outputs.reduce((sum, { valueSats }) => sum + valueSats, 0n),
    feeMillionths: terms.feeMillionths,
    windowThousandths: terms.windowThousandths,
    account: "",
    worker: "",
  };
}
