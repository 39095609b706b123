import type { Target } from "../bitcoin/target.ts";
import { difficultyOf, targetFromBits, targetFromDifficulty } from "../bitcoin/target.ts";

export interface DifficultyOptions {
  /** Of a connection's first jobs. */
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /** Whether difficulty follows the speed of the device. */
  readonly vardiff: boolean;
  readonly sharesPerMinute: number;
}

/**
 * The highest difficulty whose target, computed from the double as a client computes it, is not below the network's:
 * above it a device would keep a solved block to itself.
 */
export function networkDifficulty(networkTarget: Target): number {
  let difficulty = difficultyOf(networkTarget);
  // The quotient was rounded, perhaps upwards; one or two steps undo that.
  while (targetFromDifficulty(difficulty).value < networkTarget.value) difficulty = nextBelow(difficulty);
  return difficulty;
}

/** The lowest difficulty whose target is not above this one: what a client that names its easiest target asks for. */
export function difficultyWithin(easiest: Target): number {
  let difficulty = difficultyOf(easiest);
  // The quotient was rounded, perhaps downwards; one or two steps undo that.
  while (targetFromDifficulty(difficulty).value > easiest.value) difficulty = neighbour(difficulty, 1n);
  return difficulty;
}

function nextBelow(value: number): number {
  return neighbour(value, -1n);
}

/** Of a positive double, so many steps up or down. */
function neighbour(value: number, steps: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigUint64(0, view.getBigUint64(0) + steps);
  return view.getFloat64(0);
}

/** Expected hashes of a share of difficulty 1, nearly. */
const hashesPerDifficulty = 2 ** 32;

/** The difficulty at which a device of this hashrate (hashes a second) reports so often. */
export function difficultyOfHashrate(hashrate: number, sharesPerMinute: number): number {
  return (hashrate * 60) / sharesPerMinute / hashesPerDifficulty;
}

/** @param value positive and finite. */
export function powerOfTwoAtLeast(value: number): number {
  const power = 2 ** Math.floor(Math.log2(value));
  // log2 may be off by a last bit on either side.
  if (power >= value) return power / 2 >= value ? power / 2 : power;
  return power * 2 >= value ? power * 2 : power * 4;
}

export function clamp(value: number, min: number, max: number): number {
  // The upper bound wins: it may be the network's.
  return Math.min(Math.max(value, min), max);
}

/** Targets by difficulty and the network's difficulty by compact target: few distinct ones, asked for all the time. */
export class DifficultyTable {
  readonly #targets = new Map<number, Target>();
  readonly #network = new Map<number, number>();
  #lastBits = -1;
  #lastDifficulty = 0;

  target(difficulty: number): Target {
    return remembered(this.#targets, difficulty, () => targetFromDifficulty(difficulty));
  }

  network(bits: number): number {
    // Asked for every connection at every job, and always the same.
    if (bits === this.#lastBits) return this.#lastDifficulty;
    this.#lastDifficulty = remembered(this.#network, bits, () => networkDifficulty(targetFromBits(bits)));
    this.#lastBits = bits;
    return this.#lastDifficulty;
  }
}

const maxRemembered = 1024;

function remembered<V>(table: Map<number, V>, key: number, make: () => V): V {
  let value = table.get(key);
  if (value === undefined) {
    value = make();
    if (table.size >= maxRemembered) table.clear();
    table.set(key, value);
  }
  return value;
}
