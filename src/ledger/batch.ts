/**
 * A batch as the ledger takes it. There are two kinds with the same answers: of records as objects, which is plain and
 * the reference, and of packed records, which is fast.
 */
import type { BlockRecord, JournalBatch, PackedBatch, Room, ShareRecord } from "../journal/index.ts";
import type { BatchRange } from "./order-log.ts";
import { type Folded, foldRecords, foldRuns, type PplnsState } from "./pplns.ts";
import { dayOf } from "./share-partitions.ts";
import { encodeShareRows, groupColumns, groupFields } from "./share-rows.ts";

/** Whose share it is. */
export interface Name {
  readonly account: string;
  readonly worker: string;
}

export interface Batch extends BatchRange {
  /** How many records it has. */
  readonly count: number;
  readonly shares: number;
  /** Each of the shares' names, at least once. */
  readonly names: readonly Name[];
  /** Of the shares' time, counted from 1970 in UTC. */
  readonly days: ReadonlySet<number>;
  readonly blocks: readonly BlockRecord[];
  /** The shares as the body of `copyShares`, good until the room is used again. */
  copyBody(journal: number, workerOf: (account: string, worker: string) => number, room: Room): Buffer;
  fold(before: PplnsState, isKnown: (hash: Uint8Array) => boolean): Folded;
  /** The records from this sequence on, one of the batch's own. */
  from(sequence: number): Batch;
}

export function batchOf(given: JournalBatch | PackedBatch): Batch {
  return "records" in given ? ofRecords(given) : ofPacked(given);
}

function ofRecords(given: JournalBatch): Batch {
  const { node, epoch, first, last, records } = given;
  const shares = records.filter((record): record is ShareRecord => record.kind === "share");
  return {
    node,
    epoch,
    first,
    last,
    count: records.length,
    shares: shares.length,
    names: shares,
    days: new Set(shares.map(({ timeMs }) => dayOf(timeMs))),
    blocks: records.filter((record): record is BlockRecord => record.kind === "block"),
    copyBody: (journal, workerOf) =>
      encodeShareRows(
        records.flatMap((record, index) => {
          if (record.kind !== "share") return [];
          const worker = workerOf(record.account, record.worker);
          return [{ record, sequence: first + index, epoch, worker, journal }];
        }),
      ),
    fold: (before, isKnown) => foldRecords(before, records, isKnown),
    from: (sequence) => ofRecords({ ...given, first: sequence, records: records.slice(sequence - first) }),
  };
}

const minutesOfDay = 1440;

function ofPacked(given: PackedBatch): Batch {
  const { node, epoch, first, last, shares, groups, runs } = given;
  const days = new Set<number>();
  const blocks: BlockRecord[] = [];
  for (const run of runs) {
    if (run.kind === "block") blocks.push(run.record);
    else days.add(Math.floor(run.minute / minutesOfDay));
  }
  return {
    node,
    epoch,
    first,
    last,
    count: last - first + 1,
    shares,
    names: groups,
    days,
    blocks,
    copyBody: (journal, workerOf, room) => {
      const fields = groups.map(({ account, worker, target, scheme }) =>
        groupFields(target, epoch, workerOf(account, worker), journal, scheme),
      );
      return given.copyBody(fields, groupColumns, room);
    },
    fold: (before, isKnown) => foldRuns(before, runs, groups, isKnown),
    from: (sequence) => ofPacked(given.from(sequence)),
  };
}
