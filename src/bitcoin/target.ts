/**
 * Targets, work and difficulty.
 *
 * A target is a 256-bit integer; a hash meets it when `hash <= target`. Work is the expected number of hashes,
 * `floor(2^256 / (target + 1))`, as Bitcoin Core's GetBlockProof defines it. Difficulty is a floating-point number
 * for people and for Stratum V1's wire: it is never summed and never paid by.
 */
import { PoolError } from "../errors.ts";

export interface Target {
  readonly value: bigint;
  /** 32 bytes, little-endian: the order of a block hash in memory and of Stratum V2's U256. */
  readonly bytes: Uint8Array;
  /** Expected hashes to meet it, at most 2^128 - 1 (harder targets than that do not exist on any chain). */
  readonly work: bigint;
  /** `work` as 16 bytes, little-endian: its form in the journal. */
  readonly workBytes: Uint8Array;
}

const maxTarget = (1n << 256n) - 1n;
const maxWork = (1n << 128n) - 1n;
/** The hardest target whose work fits 128 bits. */
const hardestTarget = 1n << 128n;
/** Target of difficulty 1 (`pdiff`): 0xffff * 2^208. */
const difficultyOne = 0xffffn << 208n;

/** @throws PoolError TARGET_OUT_OF_RANGE unless 0 <= value < 2^256 and its work fits 128 bits. */
export function targetOf(value: bigint): Target {
  const work = workOf(value);
  return Object.freeze({
    value,
    bytes: bytesLittleEndian(value, 32),
    work,
    workBytes: bytesLittleEndian(work, 16),
  });
}

/** Expected hashes to meet a target: floor(2^256 / (target + 1)). */
export function workOf(value: bigint): bigint {
  if (value < 0n || value > maxTarget) {
    throw new PoolError(
      "TARGET_OUT_OF_RANGE",
      `target ${value} is not a 256-bit number.`,
      "This is a bug; please report it.",
    );
  }
  const work = (maxTarget + 1n) / (value + 1n);
  if (work > maxWork) {
    throw new PoolError(
      "TARGET_OUT_OF_RANGE",
      `target ${value} asks for more than 2^128 hashes.`,
      "This is a bug; please report it.",
    );
  }
  return work;
}

/** @param bytes 32 bytes, little-endian. */
export function targetFromBytes(bytes: Uint8Array): Target {
  return targetOf(integerLittleEndian(bytes));
}

/**
 * Expands the header's compact target (`nBits`).
 * @throws PoolError TARGET_OUT_OF_RANGE for negative, zero or overflowing values, as Bitcoin Core refuses them.
 */
export function targetFromBits(bits: number): Target {
  const exponent = bits >>> 24;
  const mantissa = BigInt(bits & 0x007fffff);
  const value =
    exponent <= 3 ? mantissa >> BigInt(8 * (3 - exponent)) : mantissa << BigInt(8 * (exponent - 3));
  if ((bits & 0x00800000) !== 0 || value === 0n || value > maxTarget) {
    throw new PoolError(
      "TARGET_OUT_OF_RANGE",
      `nBits ${bits.toString(16)} is not a valid target.`,
      "Check the node's answer.",
    );
  }
  return targetOf(value);
}

/**
 * floor(0xffff * 2^208 / d) for the exact double `d`, capped at 2^256 - 1: what a V1 client computes from the number
 * that `mining.set_difficulty` carries.
 * @throws PoolError DIFFICULTY_OUT_OF_RANGE unless d is positive and finite and its target's work fits 128 bits.
 */
export function targetFromDifficulty(difficulty: number): Target {
  if (!Number.isFinite(difficulty) || difficulty <= 0) throw outOfRange(difficulty, "not a positive number");
  const { numerator, denominator } = exactFraction(difficulty);
  const value = (difficultyOne * denominator) / numerator;
  if (value < hardestTarget) throw outOfRange(difficulty, "harder than anything on any chain");
  return targetOf(value > maxTarget ? maxTarget : value);
}

function outOfRange(difficulty: number, why: string): PoolError {
  return new PoolError(
    "DIFFICULTY_OUT_OF_RANGE",
    `difficulty ${difficulty} is ${why}.`,
    "Use a positive difficulty below 1e28.",
  );
}

/** Difficulty of a target as the nearest double, for people and V1's wire only. */
export function difficultyOf(target: Target): number {
  if (target.value === 0n) return Number.POSITIVE_INFINITY;
  // The easiest target is 2^-32: 96 bits of precision or more, and a double holds 53.
  return Number((difficultyOne << 128n) / target.value) / 2 ** 128;
}

/** The double as an exact fraction of two integers: IEEE 754 doubles are mantissa * 2^exponent. */
function exactFraction(value: number): { numerator: bigint; denominator: bigint } {
  let denominator = 1n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2; // exact: only the exponent changes
    denominator *= 2n;
  }
  return { numerator: BigInt(scaled), denominator };
}

/** @throws RangeError if the value does not fit. */
export function bytesLittleEndian(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = 0; i < length; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) throw new RangeError(`${value} does not fit ${length} bytes`);
  return bytes;
}

export function integerLittleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}
