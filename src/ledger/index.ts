export { type Ingest, type IngestMetrics, type IngestOptions, startIngest } from "./ingest.ts";
export type { JournalReader, OpenJournal } from "./journal-source.ts";
export { type Ledger, type LedgerOptions, openLedger } from "./ledger.ts";
export {
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from "./postgres/embedded.ts";
