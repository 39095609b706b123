import type { JournalBatch, PackedBatch, Position } from "../journal/index.ts";

/** What the ledger asks of a journal's reader: one journal, read forward, while its worker goes on writing. */
export interface JournalReader {
  /**
   * The next records after a position (undefined: from the oldest), none beyond `upTo`, all of one epoch.
   * @returns undefined if there is none.
   */
  next(after: Position | undefined, upTo: Position, maxRecords: number): Promise<JournalBatch | undefined>;
  /** The same, packed where that can be; a reader need not have it. */
  nextPacked?(
    after: Position | undefined,
    upTo: Position,
    maxRecords: number,
  ): Promise<PackedBatch | JournalBatch | undefined>;
  close(): Promise<void>;
}

export type OpenJournal = (node: string) => Promise<JournalReader>;
