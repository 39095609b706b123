/**
 * Who searches where: extranonce1 is allocated, never drawn, so that no two connections of the whole pool ever hash the
 * same work, and one worker's window of seen shares is exact for the pool.
 *
 *   extranonce1, 32 bits:  front end (8) | block (16) | value within the block (8)
 *
 * The primary of a front end leases whole blocks to its workers; a worker hands out the values (extranonce-pool.ts).
 * Blocks rotate: a durable counter numbers the leases, and the block is that number modulo 65,536, so a restart goes on
 * where the last run stopped and a block comes round again only after all the others.
 */
import type { Clock } from "../clock.ts";
import type { DurableCounter } from "./durable-counter.ts";

export const extranonceBlockSize = 256;
export const extranonceBlocks = 2 ** 16;

/** Values `first` … `first + count - 1`, u32. */
export interface ExtranonceLease {
  readonly first: number;
  readonly count: number;
}

export interface ExtranonceSpaceOptions {
  /** 0 … 255; no two front ends of a pool may have the same. */
  readonly frontEnd: number;
  /** Numbers the leases; durable, so that a restart does not begin with the same blocks. */
  readonly counter: DurableCounter;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** How long a dead worker's blocks rest: longer than any job of its time can be credited. */
  readonly reuseAfterMs: number;
}

export interface ExtranonceSpace {
  /** Blocks that may not be leased now: in use or resting. */
  readonly blocksTaken: number;
  /**
   * A block that no living worker has; undefined when there is none. All blocks of a front end being taken at once needs
   * tens of thousands of connections that each outlive their neighbours.
   * @throws PoolError as the counter does.
   */
  lease(owner: number): ExtranonceLease | undefined;
  /** The owner has let the block rest and wants it no more. Ignored unless that owner holds it. */
  giveBack(owner: number, first: number): void;
  /** The owner is gone: its blocks rest, since its window of seen shares went with it. */
  ownerGone(owner: number): void;
}

/** A block that cannot be leased: held by a worker, or resting until a time. */
type Taken = { readonly owner: number } | { readonly restsUntilMs: number };

export function createExtranonceSpace(options: ExtranonceSpaceOptions): ExtranonceSpace {
  const { frontEnd, counter, clock } = options;
  if (!Number.isInteger(frontEnd) || frontEnd < 0 || frontEnd > 255) {
    throw new RangeError(`front end ${frontEnd} does not fit a byte`);
  }
  const taken = new Map<number, Taken>();

  function lease(owner: number): ExtranonceLease | undefined {
    wakeRested();
    // Checked first, so that a space without room does not use up the counter; then each block comes up once a turn.
    while (taken.size < extranonceBlocks) {
      const block = counter.next() % extranonceBlocks;
      if (taken.has(block)) continue;
      taken.set(block, { owner });
      return { first: firstOf(frontEnd, block), count: extranonceBlockSize };
    }
    return undefined;
  }

  function giveBack(owner: number, first: number): void {
    const block = Math.floor(first / extranonceBlockSize) % extranonceBlocks;
    const holder = taken.get(block);
    if (first !== firstOf(frontEnd, block) || holder === undefined) return;
    if ("owner" in holder && holder.owner === owner) taken.delete(block);
  }

  function ownerGone(owner: number): void {
    const restsUntilMs = clock.monotonicMs() + options.reuseAfterMs;
    for (const [block, holder] of taken) {
      if ("owner" in holder && holder.owner === owner) taken.set(block, { restsUntilMs });
    }
  }

  function wakeRested(): void {
    const now = clock.monotonicMs();
    for (const [block, holder] of taken) {
      if ("restsUntilMs" in holder && holder.restsUntilMs <= now) taken.delete(block);
    }
  }

  return {
    get blocksTaken() {
      wakeRested();
      return taken.size;
    },
    lease,
    giveBack,
    ownerGone,
  };
}

function firstOf(frontEnd: number, block: number): number {
  return (frontEnd * extranonceBlocks + block) * extranonceBlockSize;
}
