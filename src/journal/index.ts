/** The write-ahead journal of accepted shares: the source of truth. What its bytes look like is drawn in format.ts. */
export {
  type CommitListener,
  type Journal,
  type JournalMetrics,
  type JournalOptions,
  type JournalState,
  openJournal,
} from "./journal.ts";
export type { PackedBatch, Room, Run, ShareGroup } from "./packed.ts";
export { type PruneOptions, pruneSegments } from "./prune.ts";
export { type JournalReader, type JournalReaderOptions, openJournalReader } from "./reader.ts";
export type {
  BlockRecord,
  Durability,
  JournalBatch,
  JournalRecord,
  Position,
  PplnsBlockRecord,
  Scheme,
  SequencePosition,
  ShareRecord,
  SoloBlockRecord,
} from "./record.ts";
export { lastPosition, type RecoverOptions, recoverJournal } from "./recover.ts";
export type { Done, RunPlace } from "./run.ts";
export { type Finding, type VerifyOptions, verifyJournal } from "./verify.ts";
