/** PPLNS and credits rebuilt in memory: the reference that `recompute` holds against the database. */
import type { BlockRecord, JournalBatch, Position } from "../journal/record.ts";
import {
  type Credits,
  creditsOf,
  emptyPplns,
  foldRecords,
  type PplnsState,
  type Step,
  soloCreditsOf,
  type Window,
  worksOfWindow,
} from "./pplns.ts";

export interface RebuiltBlock extends Credits {
  readonly record: BlockRecord;
  readonly position: Position;
  /** None for a solo block. */
  readonly window: Window | undefined;
}

/** What a `MemoryLedger` was at a checkpoint, for another one to go on from there. */
export interface MemoryStart {
  readonly pplns: PplnsState;
  /** The ledger takes it over. */
  readonly works: Map<number, Map<string, bigint>>;
  readonly shares: number;
  /** Hashes in hex, internal order. */
  readonly blocks: ReadonlySet<string>;
}

function emptyStart(): MemoryStart {
  return { pplns: emptyPplns, works: new Map(), shares: 0, blocks: new Set() };
}

export class MemoryLedger {
  /** By slice, then by account. */
  readonly works: Map<number, Map<string, bigint>>;
  /** Those found since the start, by block hash in hex, internal order. */
  readonly blocks = new Map<string, RebuiltBlock>();
  /** Those found before it. */
  readonly earlierBlocks: ReadonlySet<string>;
  /** Lines of credit in `blocks`. */
  credits = 0;
  shares: number;
  #pplns: PplnsState;

  constructor({ pplns, works, shares, blocks }: MemoryStart = emptyStart()) {
    this.works = works;
    this.earlierBlocks = blocks;
    this.shares = shares;
    this.#pplns = pplns;
  }

  get pplns(): PplnsState {
    return this.#pplns;
  }

  apply(batch: JournalBatch): void {
    const isKnown = (hash: Uint8Array) => this.#has(Buffer.from(hash).toString("hex"));
    const { state, steps } = foldRecords(this.#pplns, batch.records, isKnown);
    for (const step of steps) this.#carryOut(batch, step);
    this.#pplns = state;
    for (const { kind } of batch.records) if (kind === "share") this.shares += 1;
  }

  #has(block: string): boolean {
    return this.blocks.has(block) || this.earlierBlocks.has(block);
  }

  #carryOut(batch: JournalBatch, step: Step): void {
    switch (step.kind) {
      case "add":
        this.#add(step.slice.id, step.works);
        return;
      case "merge":
        for (const id of this.#idsBetween(step.from, step.slice.id - 1)) {
          this.#add(step.slice.id, this.works.get(id)!);
          this.works.delete(id);
        }
        return;
      case "drop":
        for (const id of this.#idsBetween(0, step.through)) this.works.delete(id);
        return;
      case "block":
        this.#record(batch, step.index, step.record, step.window, this.#creditsOf(step));
        return;
      case "solo-block":
        this.#record(batch, step.index, step.record, undefined, soloCreditsOf(step.record));
    }
  }

  #creditsOf({ record, window }: Extract<Step, { kind: "block" }>): Credits {
    const whole = new Map<string, bigint>();
    for (const id of this.#idsBetween(window.wholeFrom, Number.MAX_SAFE_INTEGER)) {
      addAll(whole, this.works.get(id)!);
    }
    const cutSlice = window.cut ? this.works.get(window.cut.slice)! : new Map<string, bigint>();
    return creditsOf(record, worksOfWindow(whole, cutSlice, window.cut));
  }

  #record(
    batch: JournalBatch,
    index: number,
    record: BlockRecord,
    window: Window | undefined,
    credits: Credits,
  ): void {
    const position = { node: batch.node, epoch: batch.epoch, sequence: batch.first + index };
    // Copies: a reader's hashes are views on the large buffer that it read.
    const kept = {
      ...record,
      hash: Uint8Array.from(record.hash),
      previousHash: Uint8Array.from(record.previousHash),
    };
    this.blocks.set(Buffer.from(record.hash).toString("hex"), { record: kept, position, window, ...credits });
    this.credits += credits.lines.length;
  }

  #add(slice: number, works: ReadonlyMap<string, bigint>): void {
    const known = this.works.get(slice) ?? new Map<string, bigint>();
    addAll(known, works);
    this.works.set(slice, known);
  }

  #idsBetween(from: number, to: number): number[] {
    return [...this.works.keys()].filter((id) => id >= from && id <= to);
  }
}

function addAll(into: Map<string, bigint>, works: ReadonlyMap<string, bigint>): void {
  for (const [account, work] of works) into.set(account, (into.get(account) ?? 0n) + work);
}
