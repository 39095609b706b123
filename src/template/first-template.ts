import type { Chain } from "../bitcoin/address.ts";
import { subsidyAt } from "../bitcoin/subsidy.ts";
import { targetFromBits } from "../bitcoin/target.ts";
import type { Tip } from "../node/index.ts";
import type { Template, TemplateTransactions } from "./template.ts";

export interface FirstTemplateInput {
  readonly id: string;
  readonly chain: Chain;
  /** The new tip, validated by our own node. */
  readonly tip: Tip;
  /** The template in force until now. */
  readonly previous: Template;
  readonly nowMonotonicMs: number;
}

/** Blocks between two changes of the target. */
const retargetInterval = 2016;

/**
 * BIP 141 for a block of nothing but its coinbase: the witness root is 32 zero bytes, so is the reserved value, and the
 * commitment is SHA-256d of the two.
 */
const emptyBlockCommitment = Buffer.from(
  "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9",
  "hex",
);

const noTransactions: TemplateTransactions = Object.freeze({
  count: 0,
  data: new Uint8Array(0),
  txids: new Uint8Array(0),
  weight: 0,
  sigops: 0,
});

/**
 * A template on a new tip from what is known without asking for one: no transactions, subsidy only. It spares miners
 * the time in which the node puts a full one together.
 * @returns undefined where the next target cannot be told from the tip: then the full template is the first.
 */
export function firstTemplate(input: FirstTemplateInput): Template | undefined {
  const { tip, previous, chain } = input;
  const height = tip.height + 1;
  if (!keepsTarget(chain, height)) return undefined;

  const minTime = tip.medianTime + 1;
  const elapsedSeconds = Math.floor((input.nowMonotonicMs - previous.receivedMonotonicMs) / 1_000);
  return Object.freeze({
    id: input.id,
    kind: "first" as const,
    height,
    version: previous.version,
    previousHash: tip.hash,
    bits: tip.bits,
    networkTarget: targetFromBits(tip.bits),
    minTime,
    // The node's clock, as it was then and has gone on since.
    currentTime: Math.max(minTime, previous.currentTime + elapsedSeconds),
    rewardSats: subsidyAt(height, chain),
    transactions: noTransactions,
    witnessCommitment: previous.witnessCommitment === undefined ? undefined : emptyBlockCommitment,
    coinbaseAux: previous.coinbaseAux,
    weightLimit: previous.weightLimit,
    sigopLimit: previous.sigopLimit,
    receivedMonotonicMs: input.nowMonotonicMs,
  });
}

/** Whether a block at this height has the target of the one before. testnet4's may fall to the minimum at any block. */
function keepsTarget(chain: Chain, height: number): boolean {
  if (chain === "regtest") return true; // fPowNoRetargeting, and its target is the easiest there is
  return chain !== "testnet4" && height % retargetInterval !== 0;
}
