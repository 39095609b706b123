/**
 * The life of a block that this pool found, by block hash:
 *
 *   candidate ──► submitted ──► immature ──► mature
 *       │             │            ▲ │          │
 *       └─────────────┴──► orphaned ◄┴──────────┘      (and back to immature or mature when the chain comes back)
 *
 * candidate: on our disk, no node has answered yet. submitted: a node accepted it or may have (a time-out). immature:
 * in the active chain with fewer than 100 confirmations. mature: 100 or more; its coinbase can be spent. orphaned:
 * refused by the node for a stated reason, or replaced by another branch.
 */
export type BlockState = "candidate" | "submitted" | "immature" | "mature" | "orphaned";

export const maturityConfirmations = 100;

export interface FollowedBlock {
  /** 32 bytes, internal order. */
  readonly hash: Uint8Array;
  readonly height: number;
  readonly state: BlockState;
}

/** Where the states of blocks are kept and what they mean in money is booked. */
export interface BlockLedger {
  /** Blocks in any state, newest height first, down to `fromHeight` (all of them for 0). */
  followedBlocks(fromHeight: number): Promise<readonly FollowedBlock[]>;
  /** Moves a block to a state and books what follows from it, in one transaction; the same state again is a no-op. */
  setBlockState(
    hash: Uint8Array,
    state: BlockState,
    detail: { confirmations: number; reason?: string },
  ): Promise<void>;
}
