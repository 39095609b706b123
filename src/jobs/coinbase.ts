/**
 * The coinbase transaction, cut where a miner's extranonces go.
 *
 *   coinbase1   version 2 | 1 input, spending nothing | script length
 *               | height (BIP 34) | node's auxiliary bytes | tag | push of 17 bytes: salt (5)
 *   (miner)     extranonce1 (4), extranonce2 (8; 16 in the wide form that wide-job.ts makes: a push of 25 bytes)
 *   coinbase2   sequence | outputs: the reward's split, then the witness commitment | lock time
 *               (for solo work another one: solo-coinbase.ts)
 *
 * The salt is the job's number, so no two jobs of this pool ever have the same coinbase: work cannot repeat when a
 * reorganisation brings a tip back, nor after a restart. Everything after the height is pushed as data, so that no
 * extranonce can ever count as a signature operation (BIP 22 advises it).
 *
 * Lock time height - 1 and a sequence that enforces it make it unique without reading its script (BIP 54, still a
 * proposal). Every release of Bitcoin Core and Knots accepts that, and Core mines so itself since 30.
 */
import { coinbaseWitnessBytes, type Output } from "../bitcoin/block.ts";
import { encodeVarint, u32LittleEndian } from "../bitcoin/bytes.ts";
import { headerLength } from "../bitcoin/header.ts";
import { coinbaseScriptLength, legacySigops, pushData, pushHeight } from "../bitcoin/script.ts";
import { PoolError } from "../errors.ts";
import type { Template } from "../template/template.ts";
import { encodeCoinbase2, pplnsSequence } from "./coinbase-outputs.ts";
import { extranonce1Length, extranonce2Length, wideExtranonce2Length } from "./job.ts";
import { checkRewardSplit, type RewardSplit, splitReward } from "./reward-split.ts";
import { type SoloTerms, soloCoinbase2, soloOutputs } from "./solo-coinbase.ts";

export interface CoinbaseSpec {
  /** Who made the block, readable in it; UTF-8, at most `maxTagBytes`. */
  readonly tag: string;
  readonly split: RewardSplit;
  /** Set where miners may work solo: then every template must have room for a coinbase of theirs, too. */
  readonly solo?: SoloTerms | undefined;
}

/** What of a template the coinbase depends on. */
export type CoinbaseTemplate = Pick<
  Template,
  | "height"
  | "rewardSats"
  | "transactions"
  | "witnessCommitment"
  | "coinbaseAux"
  | "weightLimit"
  | "sigopLimit"
>;

export interface CoinbaseParts {
  /** The transaction without witness, up to extranonce1 and from behind extranonce2 on. */
  readonly coinbase1: Buffer;
  readonly coinbase2: Buffer;
  /** Whether the block's coinbase carries the witness reserved value: exactly when it has a commitment. */
  readonly witness: boolean;
  /** In the block, with its witness and the longest extranonce2 that its script has room for, weight units. */
  readonly weight: number;
  /** Legacy count; each costs four of the block's limit. */
  readonly sigops: number;
}

/** The height's push may grow to 5 bytes; this leaves 11 for the node's auxiliary bytes, 3 in the wide form. */
export const maxTagBytes = 64;

/** Of the transaction without witness. Stock Antminers of the S19 class break above about that. */
export const maxCoinbaseBytes = 750;

export const saltLength = 5;

const version = 2;
const witnessScaleFactor = 4;
const extranonceLength = extranonce1Length + extranonce2Length;
const widening = wideExtranonce2Length - extranonce2Length;
/** In coinbase1. The script is never so long that its length takes more than this byte. */
const scriptLengthAt = 4 + 1 + 36;

/**
 * At start: whether coinbases can be made of this at any height, with a commitment but without auxiliary bytes.
 * @throws PoolError COINBASE_TAG_INVALID, REWARD_SPLIT_INVALID, COINBASE_TOO_LARGE.
 */
export function checkCoinbaseSpec(spec: CoinbaseSpec): void {
  checkTag(spec.tag);
  checkRewardSplit(spec.split);
  if (spec.solo !== undefined) checkRewardSplit(spec.solo.split);
  buildCoinbase(worstTemplate, spec, Buffer.alloc(saltLength));
}

/**
 * @param spec checked before by checkCoinbaseSpec.
 * @param salt 5 bytes that no other job has.
 * @throws PoolError COINBASE_SCRIPT_TOO_LONG, COINBASE_TOO_LARGE, COINBASE_OVER_WEIGHT, COINBASE_OVER_SIGOPS.
 */
export function buildCoinbase(
  template: CoinbaseTemplate,
  spec: CoinbaseSpec,
  salt: Uint8Array,
): CoinbaseParts {
  const { witnessCommitment } = template;
  const script = inputScript(template, spec.tag, salt);
  const rewards = splitReward(template.rewardSats, spec.split);

  const coinbase1 = Buffer.concat([
    u32LittleEndian(version),
    Buffer.of(1),
    nullOutpoint,
    encodeVarint(script.length + extranonceLength),
    script,
  ]);
  const coinbase2 = encodeCoinbase2({ ...template, sequence: pplnsSequence, outputs: rewards });
  const weight = weightOf(template, coinbase1, coinbase2);
  const fixedSigops = sigopsOf([
    Buffer.concat([script, Buffer.alloc(extranonceLength)]),
    witnessCommitment ?? Buffer.alloc(0),
  ]);
  const sigops = fixedSigops + sigopsOf(rewards.map(scriptOf));

  checkSize(coinbase1.length + extranonceLength + coinbase2.length);
  checkWeight(template, weight);
  checkSigops(template, sigops);
  if (spec.solo !== undefined) checkSolo(template, spec.solo, coinbase1, fixedSigops);
  return { coinbase1, coinbase2, witness: witnessCommitment !== undefined, weight, sigops };
}

/**
 * The same for an extranonce2 of 16 bytes; undefined where the script has no room for it, as a long tag or many auxiliary
 * bytes of the node may leave it. Made of coinbase1 of any job of this pool, whoever its outputs pay.
 */
export function widenCoinbase1(coinbase1: Uint8Array): Buffer | undefined {
  const scriptLength = coinbase1[scriptLengthAt]! + widening;
  if (scriptLength > coinbaseScriptLength.max) return undefined;
  const wide = Buffer.from(coinbase1);
  wide[scriptLengthAt] = scriptLength;
  wide[wide.length - saltLength - 1]! += widening;
  return wide;
}

/**
 * Whether a solo miner's coinbase has room in this template, whoever the miner is: of all that parseAddress takes, P2WSH
 * and P2TR have the longest script, P2PKH the only one with a signature operation.
 */
function checkSolo(
  template: CoinbaseTemplate,
  terms: SoloTerms,
  coinbase1: Uint8Array,
  fixedSigops: number,
): void {
  checkWeight(template, weightOf(template, coinbase1, soloCoinbase2(template, longestPayee, terms)));
  const outputs = soloOutputs(template.rewardSats, costliestPayee, terms);
  checkSigops(template, fixedSigops + sigopsOf(outputs.map(scriptOf)));
}

const longestPayee = Buffer.concat([Buffer.of(0x00, 32), Buffer.alloc(32)]);
const costliestPayee = Buffer.concat([Buffer.of(0x76, 0xa9, 20), Buffer.alloc(20), Buffer.of(0x88, 0xac)]);

/** In the block, with its witness and the longest extranonce2 it can have. */
function weightOf(
  { witnessCommitment }: CoinbaseTemplate,
  coinbase1: Uint8Array,
  coinbase2: Uint8Array,
): number {
  const isWidest = widenCoinbase1(coinbase1) === undefined;
  const strippedBytes = coinbase1.length + extranonceLength + (isWidest ? 0 : widening) + coinbase2.length;
  return strippedBytes * witnessScaleFactor + (witnessCommitment === undefined ? 0 : coinbaseWitnessBytes);
}

function sigopsOf(scripts: readonly Uint8Array[]): number {
  return scripts.reduce((sum, script) => sum + legacySigops(script), 0);
}

function scriptOf({ script }: Output): Uint8Array {
  return script;
}

const nullOutpoint = Buffer.concat([Buffer.alloc(32), Buffer.alloc(4, 0xff)]);

/** Up to where extranonce1 goes, with the opcode that pushes salt and extranonces in one piece. */
function inputScript(template: CoinbaseTemplate, tag: string, salt: Uint8Array): Buffer {
  if (salt.length !== saltLength) throw new RangeError(`a salt has ${saltLength} bytes, not ${salt.length}`);
  const script = Buffer.concat([
    pushHeight(template.height),
    pushUnlessEmpty(template.coinbaseAux),
    pushUnlessEmpty(Buffer.from(tag)),
    Buffer.of(saltLength + extranonceLength),
    salt,
  ]);
  const length = script.length + extranonceLength;
  // The lower bound of 2 cannot be missed: the salt alone is longer.
  if (length > coinbaseScriptLength.max) {
    throw new PoolError(
      "COINBASE_SCRIPT_TOO_LONG",
      `The coinbase's input script would have ${length} bytes; ${coinbaseScriptLength.max} are allowed.`,
      "Shorten pool.tag: the node wants auxiliary bytes in the coinbase, too.",
    );
  }
  return script;
}

function pushUnlessEmpty(data: Uint8Array): Uint8Array {
  return data.length === 0 ? data : pushData(data);
}

function checkTag(tag: string): void {
  const bytes = Buffer.byteLength(tag);
  const problem =
    bytes > maxTagBytes
      ? `has ${bytes} bytes; ${maxTagBytes} are allowed`
      : /\p{C}/u.test(tag)
        ? "has characters that cannot be printed"
        : undefined;
  if (problem === undefined) return;
  throw new PoolError(
    "COINBASE_TAG_INVALID",
    `pool.tag ${problem}.`,
    "Use a short readable text, as /Penstock/.",
  );
}

function checkSize(strippedBytes: number): void {
  if (strippedBytes <= maxCoinbaseBytes) return;
  throw new PoolError(
    "COINBASE_TOO_LARGE",
    `The coinbase would have ${strippedBytes} bytes; common miners take no more than ${maxCoinbaseBytes}.`,
    "Use fewer addresses in pool.split, or a shorter pool.tag.",
  );
}

/** The node left room for a coinbase when it filled the template; whether it is enough shows only here. */
function checkWeight({ transactions, weightLimit }: CoinbaseTemplate, weight: number): void {
  const frame = (headerLength + encodeVarint(transactions.count + 1).length) * witnessScaleFactor;
  const total = transactions.weight + frame + weight;
  if (total <= weightLimit) return;
  throw new PoolError(
    "COINBASE_OVER_WEIGHT",
    `The block would weigh ${total} units; ${weightLimit} are allowed, and the node filled ${transactions.weight}.`,
    `Set blockreservedweight=${frame + weight} or more in bitcoin.conf, or use fewer addresses in pool.split.`,
  );
}

function checkSigops({ transactions, sigopLimit }: CoinbaseTemplate, sigops: number): void {
  const total = transactions.sigops + sigops * witnessScaleFactor;
  if (total <= sigopLimit) return;
  throw new PoolError(
    "COINBASE_OVER_SIGOPS",
    `The block would have ${total} signature operations; ${sigopLimit} are allowed, and the node used ${transactions.sigops}.`,
    "Pay to SegWit addresses in pool.address and pool.split: their outputs have none.",
  );
}

/** The longest height push, the commitment's usual length, and room for all else. */
const worstTemplate: CoinbaseTemplate = {
  height: 0x7fffffff,
  // Enough that no output of any split is left out for being worth nothing.
  rewardSats: 2_100_000_000_000_000n,
  transactions: { count: 0, data: Buffer.alloc(0), txids: Buffer.alloc(0), weight: 0, sigops: 0 },
  witnessCommitment: Buffer.concat([Buffer.from("6a24aa21a9ed", "hex"), Buffer.alloc(32)]),
  coinbaseAux: Buffer.alloc(0),
  weightLimit: 4_000_000,
  sigopLimit: 80_000,
};
