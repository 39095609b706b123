import type { KeptCheckpoint } from "../ledger/index.ts";

/** What a checkpoint thread is started with. */
export interface CheckpointTask {
  readonly orderLogFile: string;
  /** Folder of the journals. */
  readonly journals: string;
  /** Undefined: only look at what is there. */
  readonly make: { readonly upTo: number; readonly firstDay: number } | undefined;
}

/** A PoolError as plain data. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export type FromCheckpointThread =
  | { readonly kind: "unsound"; readonly trouble: Trouble }
  | { readonly kind: "done"; readonly kept: readonly KeptCheckpoint[] }
  | { readonly kind: "failed"; readonly trouble: Trouble };
