import type { Target } from "../bitcoin/target.ts";

/**
 * One `getblocktemplate` answer, checked, in bytes, and immutable: value, transactions, commitment and height always
 * come from the same answer (a block that mixes two is invalid). All hashes are in internal byte order.
 */
export interface Template {
  /** Names this template and its transactions file: never reused, safe as a file name. */
  readonly id: string;
  /**
   * `first`: made on a new validated tip without waiting for the node's full template; no transactions, subsidy only.
   * `full`: the node's own template.
   */
  readonly kind: "first" | "full";
  readonly height: number;
  readonly version: number;
  /** 32 bytes, internal order. */
  readonly previousHash: Uint8Array;
  readonly bits: number;
  readonly networkTarget: Target;
  /** Earliest allowed block time, seconds (median time past + 1). */
  readonly minTime: number;
  /** The node's time when it made this, seconds. */
  readonly currentTime: number;
  /** What the coinbase may and must claim. */
  readonly rewardSats: bigint;
  readonly transactions: TemplateTransactions;
  /** scriptPubKey of the BIP 141 commitment output; absent when the node gave none. */
  readonly witnessCommitment: Uint8Array | undefined;
  /** Bytes the node wants in the coinbase input script (`coinbaseaux`), concatenated. */
  readonly coinbaseAux: Uint8Array;
  readonly weightLimit: number;
  readonly sigopLimit: number;
  /** When it arrived, on the monotonic clock, milliseconds. */
  readonly receivedMonotonicMs: number;
}

export interface TemplateTransactions {
  readonly count: number;
  /** All transactions with witnesses, as they stand in the block, back to back. */
  readonly data: Uint8Array;
  /** count * 32 bytes, internal order, without the coinbase. */
  readonly txids: Uint8Array;
  readonly weight: number;
  readonly sigops: number;
}
