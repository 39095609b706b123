/** Records as journals hold them, made from a seed so that a failure can be seen again. */
import { createHash } from "node:crypto";
import { type Target, targetOf } from "../../src/bitcoin/target.ts";
import type {
  BlockRecord,
  JournalBatch,
  JournalRecord,
  Position,
  PplnsBlockRecord,
  ShareRecord,
  SoloBlockRecord,
} from "../../src/journal/record.ts";
import type { JournalReader } from "../../src/ledger/journal-source.ts";

/** Network work 2^16 per block on average: nBits 0x1f00ffff. */
export const easyBits = 0x1f00ffff;
export const startMs = Date.UTC(2026, 0, 15, 12);

/** A target whose work is as asked, or the nearest that there is. */
export function targetOfWork(work: bigint): Target {
  return targetOf((1n << 256n) / work - 1n);
}

export function aHash(name: string): Buffer {
  return createHash("sha256").update(name).digest();
}

let count = 0;

export function aShare(fields: Partial<ShareRecord> = {}): ShareRecord {
  count += 1;
  return {
    kind: "share",
    timeMs: startMs,
    hash: aHash(`share ${count}`),
    target: targetOfWork(1000n),
    height: 100,
    protocol: "v1",
    block: false,
    scheme: "pplns",
    account: "alice",
    worker: "rig",
    ...fields,
  };
}

export function aBlock(fields: Partial<PplnsBlockRecord> = {}): PplnsBlockRecord {
  count += 1;
  return {
    kind: "block",
    scheme: "pplns",
    timeMs: startMs,
    hash: aHash(`block ${count}`),
    previousHash: aHash("previous"),
    height: 100,
    bits: easyBits,
    rewardSats: 312_500_000n,
    feeMillionths: 10_000,
    windowThousandths: 4000,
    account: "alice",
    worker: "rig",
    ...fields,
  };
}

export function aSoloBlock(fields: Partial<SoloBlockRecord> = {}): SoloBlockRecord {
  const { feeMillionths, windowThousandths, ...block } = aBlock();
  return { ...block, scheme: "solo", feeSats: 3_125_000n, ...fields };
}

export function aBatch(records: readonly JournalRecord[], fields: Partial<JournalBatch> = {}): JournalBatch {
  const first = fields.first ?? 1;
  return { node: "0-1", epoch: 1, first, last: first + records.length - 1, records, ...fields };
}

/** Park and Miller: small, and the same everywhere. */
export function random(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** A stream of both schemes with steady and wild clocks, blocks of different windows, and blocks that are recorded twice. */
export function aStream(seed: number, length: number): JournalRecord[] {
  const pick = random(seed);
  const stepMs = [50, 5_000, 120_000, 3_600_000][pick(4)]!;
  const blocks: BlockRecord[] = [];
  let timeMs = startMs;
  return Array.from({ length }, (_, index): JournalRecord => {
    timeMs += pick(stepMs);
    const stray = pick(40) === 0 ? (pick(2) - 1) * pick(30 * 86_400_000) + pick(86_400_000) : 0;
    if (pick(25) === 0) {
      const again = blocks.length > 0 && pick(5) === 0 ? blocks[pick(blocks.length)] : undefined;
      if (again !== undefined) return again;
      const found = {
        hash: aHash(`block ${seed} ${index}`),
        timeMs: timeMs + stray,
        height: 100 + index,
        rewardSats: BigInt(pick(1_000_000_000)) * BigInt(pick(3)),
      };
      const feeMillionths = pick(30_000);
      const block =
        pick(4) === 0
          ? aSoloBlock({ ...found, feeSats: (found.rewardSats * BigInt(feeMillionths)) / 1_000_000n })
          : aBlock({
              ...found,
              feeMillionths,
              windowThousandths: [100, 1000, 4000, 20_000][pick(4)]!,
            });
      blocks.push(block);
      return block;
    }
    return aShare({
      hash: aHash(`share ${seed} ${index}`),
      timeMs: timeMs + stray,
      account: `account-${pick(7)}`,
      worker: `rig-${pick(3)}`,
      target: targetOfWork(BigInt(1 + pick(9000))),
      protocol: pick(2) === 0 ? "v1" : "v2",
      scheme: pick(5) === 0 ? "solo" : "pplns",
    });
  });
}

/** Cuts a stream of one journal into consecutive batches of random sizes. */
export function inBatches(records: readonly JournalRecord[], seed: number, largest = 50): JournalBatch[] {
  const pick = random(seed);
  const batches: JournalBatch[] = [];
  for (let at = 0; at < records.length; ) {
    const part = records.slice(at, at + 1 + pick(largest));
    batches.push(aBatch(part, { first: at + 1 }));
    at += part.length;
  }
  return batches;
}

/** A journal in memory; positions and epochs as in a real one. */
export class MemoryJournal implements JournalReader {
  readonly node: string;
  readonly #epochs = new Map<number, JournalRecord[]>();
  #epoch = 1;
  #forgotten = { epoch: 0, sequence: 0 };

  constructor(node: string) {
    this.node = node;
  }

  append(...records: readonly JournalRecord[]): Position {
    const all = this.#epochs.get(this.#epoch) ?? [];
    all.push(...records);
    this.#epochs.set(this.#epoch, all);
    return this.end;
  }

  reopen(): void {
    this.#epoch += 1;
  }

  /** As a disk does: the records of an epoch from one on are gone. */
  lose(epoch: number, from: number): void {
    this.#epochs.get(epoch)!.length = from - 1;
  }

  /** As pruning does: everything up to a position is gone. */
  forget(epoch: number, sequence: number): void {
    this.#forgotten = { epoch, sequence };
  }

  get end(): Position {
    return { node: this.node, epoch: this.#epoch, sequence: this.#epochs.get(this.#epoch)?.length ?? 0 };
  }

  async next(
    after: Position | undefined,
    upTo: Position,
    maxRecords: number,
  ): Promise<JournalBatch | undefined> {
    for (let epoch = after?.epoch ?? 1; epoch <= upTo.epoch; epoch += 1) {
      const start = epoch === after?.epoch ? after.sequence : 0;
      if (epoch < this.#forgotten.epoch) continue;
      if (epoch === this.#forgotten.epoch && start < this.#forgotten.sequence) return undefined;
      const all = this.#epochs.get(epoch) ?? [];
      const end = epoch === upTo.epoch ? upTo.sequence : all.length;
      const records = all.slice(start, Math.min(end, start + maxRecords));
      if (records.length > 0) return aBatch(records, { node: this.node, epoch, first: start + 1 });
    }
    return undefined;
  }

  async close(): Promise<void> {}
}
