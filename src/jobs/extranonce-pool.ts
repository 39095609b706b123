/**
 * A worker's own stock of extranonce1 values, out of the blocks that the primary leased to it.
 *
 *   a block:  on hand ──all values taken──► spent ──all values released──► resting ──reuseAfterMs──► given back
 *
 * A value that was released is not handed out again by this worker: it would reopen work whose shares may still be
 * credited. It comes round only with its whole block, after a rest longer than any job can be credited.
 */
import type { Clock } from "../clock.ts";
import { PoolError } from "../errors.ts";
import type { ExtranonceLease } from "./extranonce-space.ts";
import { extranonceBlockSize } from "./extranonce-space.ts";

export interface ExtranoncePoolOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** How long a block rests after its last value was released. */
  readonly reuseAfterMs: number;
  /** Values to keep on hand, on their way included, so that a rush of connections need not wait. */
  readonly reserve: number;
  /** How long to wait before asking again when the primary had none left. */
  readonly retryAfterMs: number;
  /** Asks for one lease; the answer comes through `leased`. */
  readonly onWanted: () => void;
  /** The block with this first value goes back. */
  readonly onReturned: (first: number) => void;
}

export interface ExtranoncePool {
  /** Values that can be taken at once. */
  readonly onHand: number;
  /** Values that connections hold. */
  readonly taken: number;
  /** A value that nobody in the pool has, u32; undefined when none is on hand (more are asked for then). */
  take(): number | undefined;
  /** Takes values that a process before handed out, of blocks that the primary lets this one hold: none is on hand. */
  adopt(values: readonly number[]): void;
  /** @throws PoolError EXTRANONCE_NOT_TAKEN unless the value was taken and not released since. */
  release(value: number): void;
  /** The primary's answer to one `onWanted`: undefined when the space is exhausted. */
  leased(lease: ExtranonceLease | undefined): void;
  /** Asks for what is missing and gives back what has rested; to be called at start and every few seconds. */
  tick(): void;
}

interface Block {
  readonly first: number;
  readonly count: number;
  /** Values handed out so far; they go from `first` up. */
  used: number;
  /** Those of them that connections hold now. */
  readonly held: Set<number>;
}

export function createExtranoncePool(options: ExtranoncePoolOptions): ExtranoncePool {
  const { clock, reserve } = options;
  /** By their place in the space, `first / 256`: all blocks with values on hand or held. */
  const blocks = new Map<number, Block>();
  /** Blocks with values on hand, in the order of their use. */
  const open: Block[] = [];
  /** Oldest first. */
  const resting: { readonly first: number; readonly untilMs: number }[] = [];
  let onHand = 0;
  let taken = 0;
  let askedFor = 0;
  let askAgainAtMs = Number.NEGATIVE_INFINITY;

  function take(): number | undefined {
    const block = open[0];
    if (block === undefined) {
      askForMore();
      return undefined;
    }
    const value = block.first + block.used;
    block.used += 1;
    block.held.add(value);
    onHand -= 1;
    taken += 1;
    if (block.used === block.count) open.shift();
    askForMore();
    return value;
  }

  function adopt(values: readonly number[]): void {
    for (const value of values) {
      const place = Math.floor(value / extranonceBlockSize);
      const block = blocks.get(place) ?? {
        first: place * extranonceBlockSize,
        count: extranonceBlockSize,
        used: extranonceBlockSize,
        held: new Set<number>(),
      };
      blocks.set(place, block);
      block.held.add(value);
      taken += 1;
    }
  }

  function release(value: number): void {
    const place = Math.floor(value / extranonceBlockSize);
    const block = blocks.get(place);
    if (!block?.held.delete(value)) throw notTaken(value);
    taken -= 1;
    if (block.held.size > 0 || block.used < block.count) return;
    blocks.delete(place);
    resting.push({ first: block.first, untilMs: clock.monotonicMs() + options.reuseAfterMs });
  }

  function leased(lease: ExtranonceLease | undefined): void {
    askedFor = Math.max(0, askedFor - 1);
    if (lease === undefined) {
      askAgainAtMs = clock.monotonicMs() + options.retryAfterMs;
      return;
    }
    const place = lease.first / extranonceBlockSize;
    if (blocks.has(place) || resting.some(({ first }) => first === lease.first)) throw leasedTwice(lease);
    const block = { ...lease, used: 0, held: new Set<number>() };
    blocks.set(place, block);
    open.push(block);
    onHand += lease.count;
  }

  function tick(): void {
    askForMore();
    const now = clock.monotonicMs();
    while (resting[0] !== undefined && resting[0].untilMs <= now) options.onReturned(resting.shift()!.first);
  }

  function askForMore(): void {
    if (clock.monotonicMs() < askAgainAtMs) return;
    while (onHand + askedFor * extranonceBlockSize < reserve) {
      askedFor += 1;
      options.onWanted();
    }
  }

  return {
    get onHand() {
      return onHand;
    },
    get taken() {
      return taken;
    },
    take,
    adopt,
    release,
    leased,
    tick,
  };
}

function notTaken(value: number): PoolError {
  return new PoolError(
    "EXTRANONCE_NOT_TAKEN",
    `extranonce1 ${value} was released without being held.`,
    "This is a bug; please report it.",
  );
}

/** Two connections would repeat each other's work, and their shares would be paid twice. */
function leasedTwice({ first }: ExtranonceLease): PoolError {
  return new PoolError(
    "EXTRANONCE_LEASED_TWICE",
    `The block of extranonces from ${first} on was leased to this worker while it still has it.`,
    "This is a bug; please report it.",
  );
}
