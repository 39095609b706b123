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
  /**
   * A worker process whose predecessor had this block holds values of it for clients that may come back.
   * @returns whether it may: nobody else has the block.
   */
  hold(owner: number, first: number): boolean;
  /** The owner has let the block rest and wants it no more. Ignored unless that owner holds it. */
  giveBack(owner: number, first: number): void;
  /** The owner is gone: its blocks rest, since its window of seen shares went with it. */
  ownerGone(owner: number): void;
}

export function createExtranonceSpace(options: ExtranonceSpaceOptions): ExtranonceSpace {
  const { frontEnd, counter, clock } = options;
  if (!Number.isInteger(frontEnd) || frontEnd < 0 || frontEnd > 255) {
    throw new RangeError(`front end ${frontEnd} does not fit a byte`);
  }
  /** Who holds a block. */
  const owners = new Map<number, number>();
  /** Until when a dead worker's block rests; soonest first, since all rest equally long. */
  const resting = new Map<number, number>();

  function lease(owner: number): ExtranonceLease | undefined {
    // Asked first, so that a space without room does not use up the counter; with room, each block comes up once a turn.
    while (blocksTaken() < extranonceBlocks) {
      const block = counter.next() % extranonceBlocks;
      if (owners.has(block) || resting.has(block)) continue;
      owners.set(block, owner);
      return { first: firstOf(frontEnd, block), count: extranonceBlockSize };
    }
    return undefined;
  }

  function hold(owner: number, first: number): boolean {
    const block = Math.floor(first / extranonceBlockSize) % extranonceBlocks;
    if (first !== firstOf(frontEnd, block) || (owners.get(block) ?? owner) !== owner) return false;
    owners.set(block, owner);
    resting.delete(block);
    return true;
  }

  function giveBack(owner: number, first: number): void {
    const block = Math.floor(first / extranonceBlockSize) % extranonceBlocks;
    if (owners.get(block) === owner && first === firstOf(frontEnd, block)) owners.delete(block);
  }

  function ownerGone(owner: number): void {
    const untilMs = clock.monotonicMs() + options.reuseAfterMs;
    for (const [block, holder] of owners) {
      if (holder !== owner) continue;
      owners.delete(block);
      resting.set(block, untilMs);
    }
  }

  function blocksTaken(): number {
    const now = clock.monotonicMs();
    for (const [block, untilMs] of resting) {
      if (untilMs > now) break;
      resting.delete(block);
    }
    return owners.size + resting.size;
  }

  return {
    get blocksTaken() {
      return blocksTaken();
    },
    lease,
    hold,
    giveBack,
    ownerGone,
  };
}

function firstOf(frontEnd: number, block: number): number {
  return (frontEnd * extranonceBlocks + block) * extranonceBlockSize;
}
