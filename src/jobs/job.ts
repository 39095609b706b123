/**
 * What a worker needs to hand out one job and to judge its shares: plain data that crosses the process border.
 * All hashes are in internal byte order.
 */
export interface JobData {
  /** Rises with every job and is never reused, not even after a restart. At most 2^40 - 1. */
  readonly number: number;
  /** Which transactions file completes a block of this job. */
  readonly templateId: string;
  readonly kind: "first" | "full";
  readonly height: number;
  /** Rises with every change of the tip as this pool saw it; jobs with the same number build on the same block. */
  readonly tipNumber: number;
  /** The header's version with all bits of the pool's rolling mask zero. */
  readonly version: number;
  /** 32 bytes. */
  readonly previousHash: Uint8Array;
  readonly bits: number;
  /** Seconds; the lowest ntime a share may carry. */
  readonly minTime: number;
  /** Seconds; the ntime that the job starts with. */
  readonly startTime: number;
  /** The coinbase without witness, cut where extranonce1 (4 bytes) and extranonce2 go between. */
  readonly coinbase1: Uint8Array;
  readonly coinbase2: Uint8Array;
  readonly extranonce2Length: Extranonce2Length;
  /** Whether the block's coinbase carries the 32-byte witness reserved value (BIP 141). */
  readonly witness: boolean;
  /** That commitment's output script, if there is one. */
  readonly witnessCommitment: Uint8Array | undefined;
  /** 32 bytes each, from the deepest level up. */
  readonly merkleBranch: readonly Uint8Array[];
  /** Without the coinbase. */
  readonly transactionCount: number;
  readonly rewardSats: bigint;
  /** Miners must drop earlier work: the first job on a new tip. */
  readonly clean: boolean;
}

export const extranonce1Length = 4;

/** Jobs are made with the first, which is V1's; wide-job.ts makes the second of them, for V2 channels that ask for more. */
export const extranonce2Length = 8 as const;
export const wideExtranonce2Length = 16 as const;
export type Extranonce2Length = typeof extranonce2Length | typeof wideExtranonce2Length;

/** Of the coinbase that a miner puts together, without witness. */
export function coinbaseLength(job: Pick<JobData, "coinbase1" | "coinbase2" | "extranonce2Length">): number {
  return job.coinbase1.length + extranonce1Length + job.extranonce2Length + job.coinbase2.length;
}
