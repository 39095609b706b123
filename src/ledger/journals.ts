/** The readers of all journals, opened when first asked for. */
import { PoolError } from "../errors.ts";
import type { JournalBatch, Position } from "../journal/record.ts";
import { type Batch, batchOf } from "./batch.ts";
import type { JournalReader, OpenJournal } from "./journal-source.ts";
import type { BatchRange } from "./order-log.ts";

export class Journals {
  readonly #open: OpenJournal;
  readonly #readers = new Map<string, JournalReader>();

  constructor(open: OpenJournal) {
    this.#open = open;
  }

  async next(
    node: string,
    after: Position | undefined,
    upTo: Position,
    maxRecords: number,
  ): Promise<JournalBatch | undefined> {
    return (await this.#reader(node)).next(after, upTo, maxRecords);
  }

  /** The same by the fastest way that the reader has. */
  async nextBatch(
    node: string,
    after: Position | undefined,
    upTo: Position,
    maxRecords: number,
  ): Promise<Batch | undefined> {
    const reader = await this.#reader(node);
    const next = reader.nextPacked?.bind(reader) ?? reader.next.bind(reader);
    const batch = await next(after, upTo, maxRecords);
    return batch && batchOf(batch);
  }

  async readBatch(range: BatchRange): Promise<Batch> {
    const { node, epoch, first, last } = range;
    const after = { node, epoch, sequence: first - 1 };
    const batch = await this.nextBatch(node, after, { node, epoch, sequence: last }, last - first + 1);
    const isWhole = batch?.epoch === epoch && batch.first === first && batch.last === last;
    return isWhole ? batch : batchOf(await this.read(range));
  }

  /**
   * Exactly the records of a batch that the order log names.
   * @throws PoolError LEDGER_JOURNAL_MISSING
   */
  async read(range: BatchRange): Promise<JournalBatch> {
    const { node, epoch, first, last } = range;
    const records: JournalBatch["records"][number][] = [];
    for (let at = first; at <= last; at = first + records.length) {
      const after = { node, epoch, sequence: at - 1 };
      const part = await this.next(node, after, { node, epoch, sequence: last }, last - at + 1);
      if (part === undefined || part.epoch !== epoch || part.first !== at) throw missing(range, at);
      records.push(...part.records);
    }
    return { node, epoch, first, last, records };
  }

  async #reader(node: string): Promise<JournalReader> {
    const reader = this.#readers.get(node) ?? (await this.#open(node));
    this.#readers.set(node, reader);
    return reader;
  }

  async close(): Promise<void> {
    for (const reader of this.#readers.values()) await reader.close();
    this.#readers.clear();
  }
}

function missing({ node, epoch, last }: BatchRange, at: number): PoolError {
  return new PoolError(
    "LEDGER_JOURNAL_MISSING",
    `Journal ${node} lacks the records ${epoch}:${at} to ${epoch}:${last}, which the order log names.`,
    "Bring back the journal's segments from a backup; keep journals at least as long as database backups.",
  );
}
