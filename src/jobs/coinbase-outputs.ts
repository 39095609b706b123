/** The coinbase behind the miner's extranonces: whom it pays, and by which scheme. */
import type { Output } from "../bitcoin/block.ts";
import { encodeVarint, u32LittleEndian, u64LittleEndian } from "../bitcoin/bytes.ts";
import { PoolError } from "../errors.ts";

/**
 * Which scheme a block was mined by can be read in it, whatever the pool's addresses were then: solo work has a sequence
 * of its own. Both enforce the lock time, and consensus asks nothing more of a coinbase's sequence.
 */
export const pplnsSequence = 0xfffffffe;
export const soloSequence = 0xfffffffd;

export interface CoinbaseEnd {
  readonly sequence: number;
  /** In this order, before the commitment. */
  readonly outputs: readonly Output[];
  readonly rewardSats: bigint;
  readonly witnessCommitment: Uint8Array | undefined;
  readonly height: number;
}

/** @throws PoolError COINBASE_SUM_WRONG unless the outputs sum to the reward. */
export function encodeCoinbase2(end: CoinbaseEnd): Buffer {
  const { sequence, rewardSats, witnessCommitment, height } = end;
  assertSum(end.outputs, rewardSats);
  const outputs =
    witnessCommitment === undefined
      ? end.outputs
      : [...end.outputs, { valueSats: 0n, script: witnessCommitment }];
  return Buffer.concat([
    u32LittleEndian(sequence),
    encodeVarint(outputs.length),
    ...outputs.flatMap(encodeOutput),
    u32LittleEndian(Math.max(0, height - 1)),
  ]);
}

function encodeOutput({ valueSats, script }: Output): Uint8Array[] {
  return [u64LittleEndian(valueSats), encodeVarint(script.length), script];
}

/** A block that claims less than it may is valid and the difference is gone for ever; one that claims more is not. */
function assertSum(outputs: readonly Output[], rewardSats: bigint): void {
  const sum = outputs.reduce((total, { valueSats }) => total + valueSats, 0n);
  if (sum === rewardSats) return;
  throw new PoolError(
    "COINBASE_SUM_WRONG",
    `The coinbase's outputs sum to ${sum} satoshi instead of ${rewardSats}.`,
    "This is a bug; please report it.",
  );
}
