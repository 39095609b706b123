import type { Logger } from "../log/index.ts";
import { encodeRecord } from "./codec.ts";
import type { Crc32c } from "./format.ts";
import type { JournalRecord } from "./record.ts";
import type { Done, RunPlace } from "./run.ts";

const initialBytes = 64 * 1024;
/** A run of records finds at least this much room, unless the commit is about to be full. */
const runBytes = 32 * 1024;
/** A buffer that a slow disk made larger than this is let go afterwards. */
const keptBytes = 8 * 1024 * 1024;

/** Records of one group commit, in the bytes that go to the disk. */
export class Batch {
  bytes = Buffer.allocUnsafeSlow(initialBytes);
  length = 0;
  count = 0;
  /** Sequence of the first record. */
  first = 0;
  /** Who waits, in order: one for each record or run of them. */
  #dones: (Done | undefined)[] = [];
  /** One object for all records: nothing is allocated for a share. */
  readonly #frame = { epoch: 0, sequence: 0, index: 0 };
  readonly #crc32c: Crc32c;

  constructor(epoch: number, crc32c: Crc32c) {
    this.#frame.epoch = epoch;
    this.#crc32c = crc32c;
  }

  /** @param room what the record needs, see recordBytes. */
  add(
    record: JournalRecord,
    sequence: number,
    room: number,
    account: Uint8Array,
    worker: Uint8Array,
    done: Done | undefined,
  ): void {
    if (this.length + room > this.bytes.length) this.#grow(this.length + room);
    if (this.count === 0) this.first = sequence;
    this.#frame.sequence = sequence;
    this.#frame.index = this.count;
    encodeRecord(this.bytes, this.length, record, this.#frame, account, worker, this.#crc32c);
    this.length += room;
    this.count++;
    this.#dones.push(done);
  }

  /** @param limit most bytes that this batch may have. */
  offer(place: RunPlace, sequence: number, limit: number): void {
    if (this.bytes.length - this.length < runBytes) this.#grow(this.length + runBytes);
    place.bytes = this.bytes;
    place.start = this.length;
    place.end = Math.min(this.bytes.length, limit);
    place.sequence = sequence;
    place.index = this.count;
    place.records = 0;
    place.length = 0;
    place.done = undefined;
  }

  /** Takes what was written to the place offered last. */
  take({ sequence, records, length, done }: RunPlace): void {
    if (this.count === 0) this.first = sequence;
    this.length += length;
    this.count += records;
    this.#dones.push(done);
  }

  #grow(wanted: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** Empties the batch for its next use and hands out who waits for it, in order. */
  empty(): (Done | undefined)[] {
    const dones = this.#dones;
    this.#dones = [];
    this.length = 0;
    this.count = 0;
    if (this.bytes.length > keptBytes) this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    return dones;
  }
}

/** Tells everybody; one who throws costs the others nothing. */
export function settle(dones: readonly (Done | undefined)[], durable: boolean, log: Logger): void {
  for (const done of dones) {
    if (done === undefined) continue;
    try {
      done(durable);
    } catch (error) {
      log.error({ event: "journal-callback-failed", err: error }, "an answer to a share failed");
    }
  }
}
