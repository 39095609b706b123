export {
  type CheckpointOptions,
  type KeptCheckpoint,
  keptCheckpoints,
  makeCheckpoints,
} from "./checkpoints.ts";
export { type Ingest, type IngestMetrics, type IngestOptions, startIngest } from "./ingest.ts";
export type { JournalReader, OpenJournal } from "./journal-source.ts";
export { type Ledger, type LedgerOptions, openLedger } from "./ledger.ts";
export {
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from "./postgres/embedded.ts";
export { type Chain, type Difference, type Recomputed, recompute } from "./recompute.ts";
export {
  type Balance,
  type Balances,
  balances,
  feeAccount,
  type Rewards,
  shareLines,
  statementLines,
} from "./reports.ts";
export { withSnapshot } from "./snapshot.ts";
