/**
 * The coinbase of solo work: the miner's own address first, the pool's fee beside it.
 *
 *   coinbase1   as in the pool's job, so the job's number keeps it unique
 *   (miner)     extranonce1, extranonce2
 *   coinbase2   sequence of solo work | the miner: reward - fee | the fee's split | witness commitment | lock time
 *
 * The fee is a function of the reward and the rate alone, so that the books can say what a coinbase paid. How it is
 * split never changes its sum: parts that nobody could spend for what they are worth go to the largest part, and where
 * a device takes no coinbase of that size, all of it goes to the pool's first address. A fee that is dust as a whole is
 * not taken: the miner has it.
 */
import type { Output } from "../bitcoin/block.ts";
import { encodeCoinbase2, soloSequence } from "./coinbase-outputs.ts";
import { coinbaseLength, type JobData } from "./job.ts";
import { type RewardSplit, splitReward } from "./reward-split.ts";

export interface SoloTerms {
  /** The pool's fee in millionths of the reward; 0 leaves the miner's output alone. */
  readonly feeMillionths: number;
  /** Who gets what of the fee. */
  readonly split: RewardSplit;
}

/** What of a job its solo coinbase depends on. */
export type SoloJobData = Pick<JobData, "height" | "rewardSats" | "witnessCommitment">;

/** Bitcoin Core's default for the output that costs most to spend (P2PKH): worth less, it is not worth spending. */
const dustSats = 546n;

/** What the pool is paid by the coinbase of a solo block: rounded down; nothing where that would be dust. */
export function soloFeeSats(rewardSats: bigint, feeMillionths: number): bigint {
  const fee = (rewardSats * BigInt(feeMillionths)) / 1_000_000n;
  return fee < dustSats ? 0n : fee;
}

/**
 * The same job with a coinbase that pays this miner; all else is shared with the pool's.
 * @param job the pool's, or its wide form.
 * @param maxCoinbaseBytes what the device takes, of the transaction without witness and with its extranonces. With no more than the pool's fee in
 * one output, a coinbase is as small as it gets and is used whatever the limit.
 */
export function soloJob(
  job: JobData,
  payeeScript: Uint8Array,
  terms: SoloTerms,
  maxCoinbaseBytes: number,
): JobData {
  const split = { ...job, coinbase2: soloCoinbase2(job, payeeScript, terms) };
  if (coinbaseLength(split) <= maxCoinbaseBytes) return split;
  return { ...job, coinbase2: soloCoinbase2(job, payeeScript, toFirst(terms)) };
}

/** The largest coinbase2 that pays this miner under these terms: the fee goes to all who share it. */
export function soloCoinbase2(job: SoloJobData, payeeScript: Uint8Array, terms: SoloTerms): Buffer {
  const { rewardSats } = job;
  const outputs = soloOutputs(rewardSats, payeeScript, terms);
  return encodeCoinbase2({ ...job, sequence: soloSequence, outputs });
}

/** The miner's output is there even if it is worth nothing: a reader of the block finds it in the first place. */
export function soloOutputs(rewardSats: bigint, payeeScript: Uint8Array, terms: SoloTerms): Output[] {
  const feeSats = soloFeeSats(rewardSats, terms.feeMillionths);
  const miner = { valueSats: rewardSats - feeSats, script: payeeScript };
  return feeSats === 0n ? [miner] : [miner, ...withoutDust(splitReward(feeSats, terms.split))];
}

function withoutDust(outputs: readonly Output[]): Output[] {
  const dust = outputs.reduce((sum, { valueSats }) => (valueSats < dustSats ? sum + valueSats : sum), 0n);
  const largest = outputs.reduce((best, output) => (output.valueSats > best.valueSats ? output : best));
  // Where all parts are dust, the fee as a whole is not, and the largest part becomes all of it.
  const whole = largest.valueSats < dustSats ? dust : largest.valueSats + dust;
  return outputs
    .filter((output) => output === largest || output.valueSats >= dustSats)
    .map((output) => (output === largest ? { ...output, valueSats: whole } : output));
}

function toFirst({ feeMillionths, split }: SoloTerms): SoloTerms {
  return { feeMillionths, split: [{ script: split[0]!.script, millionths: "rest" }] };
}
