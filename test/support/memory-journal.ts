import { Batch } from "../../src/journal/batch.ts";
import { TextCache } from "../../src/journal/codec.ts";
import { maxRecordBytes, recordBytes } from "../../src/journal/format.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import type { Done, RunPlace } from "../../src/journal/run.ts";
import type { Addon } from "../../src/native/addon.ts";

/** Of its records. */
export const memoryEpoch = 7;

/** Real batches that are committed when the test says so. */
export class MemoryJournal {
  readonly #texts = new TextCache();
  readonly #batch: Batch;
  readonly #place: RunPlace;
  readonly #limit: number;
  #nextSequence = 1;

  constructor(addon: Addon, batchBytes: number) {
    this.#batch = new Batch(memoryEpoch, (data, start, end) => addon.crc32c(data, start, end));
    this.#limit = batchBytes;
    this.#place = {
      bytes: Buffer.alloc(0),
      start: 0,
      end: 0,
      epoch: memoryEpoch,
      sequence: 0,
      index: 0,
      records: 0,
      length: 0,
      done: undefined,
    };
  }

  append(record: JournalRecord, done: Done): void {
    const account = this.#texts.get(record.account);
    const worker = this.#texts.get(record.worker);
    const room = recordBytes(account.length, worker.length);
    if (this.#batch.length + room > this.#limit) {
      done(false);
      return;
    }
    this.#batch.add(record, this.#nextSequence++, room, account, worker, done);
  }

  appendRun(write: (place: RunPlace) => void): boolean {
    if (this.#batch.length + maxRecordBytes > this.#limit) return false;
    this.#batch.offer(this.#place, this.#nextSequence, this.#limit);
    write(this.#place);
    if (this.#place.records > 0) {
      this.#nextSequence += this.#place.records;
      this.#batch.take(this.#place);
    }
    return true;
  }

  /** @returns the bytes that a segment would hold now. */
  commit(durable: boolean): Buffer {
    const bytes = Buffer.from(this.#batch.bytes.subarray(0, this.#batch.length));
    const { first, count } = this.#batch;
    const dones = this.#batch.empty();
    if (!durable && count > 0) this.#nextSequence = first;
    for (const done of dones) done?.(durable);
    return bytes;
  }
}
