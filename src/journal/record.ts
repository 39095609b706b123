import type { Target } from "../bitcoin/target.ts";

/** `fsync`: a share is acknowledged once it is on the disk; `os`: once the kernel has it, lost in a power cut. */
export type Durability = "fsync" | "os";

/**
 * Whose work a share or block is. `pplns`: the pool's, shared out over the window. `solo`: the miner's own; the block's
 * coinbase pays it, with the pool's fee beside it, and nothing of it enters the window.
 */
export type Scheme = "pplns" | "solo";

/** Where a record stands: each journal (one `node`) is totally ordered by (epoch, sequence). */
export interface Position extends SequencePosition {
  readonly node: string;
}

/** A position within one journal. */
export interface SequencePosition {
  /** Which opening of the journal for writing; rises with every one. */
  readonly epoch: number;
  /** Counts records from 1 within an epoch, without gaps. */
  readonly sequence: number;
}

/** One accepted share. Hashes in internal byte order. */
export interface ShareRecord {
  readonly kind: "share";
  readonly timeMs: number;
  /** Hash of the 80-byte header: the share's identity. */
  readonly hash: Uint8Array;
  /** The target in force, which the share met and whose work it is credited with. */
  readonly target: Target;
  readonly height: number;
  readonly protocol: "v1" | "v2";
  /** Whether it met the network target as well. */
  readonly block: boolean;
  readonly scheme: Scheme;
  readonly account: string;
  readonly worker: string;
}

/** A hash that met the network target. Carries all that its credit needs. */
export type BlockRecord = PplnsBlockRecord | SoloBlockRecord;

interface FoundBlockRecord {
  readonly kind: "block";
  readonly timeMs: number;
  readonly hash: Uint8Array;
  readonly previousHash: Uint8Array;
  readonly height: number;
  readonly bits: number;
  /** All that the coinbase pays. */
  readonly rewardSats: bigint;
  /** Who found it, its share accepted or not; empty when nobody authorized sent it. */
  readonly account: string;
  readonly worker: string;
}

/** A round of the ledger ends exactly here. */
export interface PplnsBlockRecord extends FoundBlockRecord {
  readonly scheme: "pplns";
  /** The pool's fee in millionths of the reward, as configured when the block was found. */
  readonly feeMillionths: number;
  /** PPLNS window in thousandths of the network's work per block, as configured when the block was found. */
  readonly windowThousandths: number;
}

export interface SoloBlockRecord extends FoundBlockRecord {
  readonly scheme: "solo";
  /** What of the reward the coinbase pays to the pool; the rest it pays to the miner. */
  readonly feeSats: bigint;
}

export type JournalRecord = ShareRecord | BlockRecord;

/** Consecutive records of one journal: `records[i]` stands at sequence `first + i`. */
export interface JournalBatch {
  readonly node: string;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  readonly records: readonly JournalRecord[];
}
