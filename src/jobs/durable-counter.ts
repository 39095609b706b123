/**
 * Integers that are never handed out twice, whatever crashes: a file holds a high-water mark, and a value is handed out
 * only after a mark above it is on the disk. A restart goes on at the mark, so what was left of a lease is skipped.
 *
 * The file is one line: `penstock-counter 1 <mark> <check>`, the check being the first eight hex digits of the SHA-256
 * of what stands before it.
 */
import { hash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { PoolError } from "../errors.ts";

export interface DurableCounterOptions {
  /** How many values one write covers: each restart skips at most that many. */
  readonly lease: number;
  /** The first value of a counter that has no file yet. Default 0. */
  readonly first?: number;
  /** The last value there is. Default 2^53 - 1. */
  readonly max?: number;
}

export interface DurableCounter {
  /**
   * The next value. Once a lease it writes and syncs a small file, in the caller's thread: about a millisecond.
   * @throws PoolError COUNTER_EXHAUSTED, COUNTER_DAMAGED, COUNTER_IN_USE, COUNTER_UNWRITABLE; no value is used up then.
   */
  next(): number;
}

/**
 * One process at a time may use a file; a second one is noticed when it raises the mark, not before.
 * @throws PoolError COUNTER_DAMAGED if the file is there but is not, or no longer, a counter.
 */
export function openDurableCounter(file: string, options: DurableCounterOptions): DurableCounter {
  const { lease, first = 0, max = Number.MAX_SAFE_INTEGER } = options;
  if (!(Number.isSafeInteger(lease) && lease >= 1)) throw new RangeError(`a lease of ${lease} values`);
  const stored = readMark(file);
  /** What may stand in the file: one mark, or two after a write that failed half way; undefined while there is none. */
  let mayStand: readonly (number | undefined)[] = [stored];
  /** Values from `value` up to, but not including, `mark` may be handed out. */
  let mark = stored ?? first;
  let value = mark;

  function raiseMark(): void {
    if (value > max) throw exhausted(file, max);
    const found = readMark(file);
    if (!mayStand.includes(found)) throw inUse(file);
    const raised = Math.min(mark + lease, max + 1);
    mayStand = [found, raised];
    writeMark(file, raised);
    mayStand = [raised];
    mark = raised;
  }

  return {
    next() {
      if (value === mark) raiseMark();
      return value++;
    },
  };
}

function readMark(file: string): number | undefined {
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  const [, body, digits, check] = /^(penstock-counter 1 (\d{1,16})) ([0-9a-f]{8})\n$/.exec(text) ?? [];
  const mark = Number(digits);
  if (body === undefined || check !== checkOf(body) || !Number.isSafeInteger(mark)) throw damaged(file);
  return mark;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new PoolError("COUNTER_DAMAGED", `Cannot read ${file}.`, "Check the file and its permissions.", {
      cause,
    });
  }
}

/** After it returns the mark survives a power cut: the bytes are synced before the name, and the name before use. */
function writeMark(file: string, mark: number): void {
  const body = `penstock-counter 1 ${mark}`;
  const temporary = `${file}.tmp`;
  try {
    withFile(temporary, "w", (descriptor) => {
      writeSync(descriptor, `${body} ${checkOf(body)}\n`);
      fsyncSync(descriptor);
    });
    renameSync(temporary, file);
    withFile(dirname(file), "r", fsyncSync);
  } catch (cause) {
    throw new PoolError(
      "COUNTER_UNWRITABLE",
      `Cannot make ${file} durable: ${(cause as Error).message}.`,
      "Check that the folder exists, is writable and has space.",
      { cause },
    );
  }
}

function withFile(path: string, flags: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function checkOf(body: string): string {
  return hash("sha256", body).slice(0, 8);
}

function damaged(file: string): PoolError {
  return new PoolError(
    "COUNTER_DAMAGED",
    `${file} is not a counter of this pool, or is damaged.`,
    "Restore it, or wait for the network's next block and move it away: numbers then start over, which no header can repeat.",
  );
}

function inUse(file: string): PoolError {
  return new PoolError(
    "COUNTER_IN_USE",
    `Another process changed ${file}.`,
    "Two pools must not share a data folder; stop one of them.",
  );
}

function exhausted(file: string, max: number): PoolError {
  return new PoolError(
    "COUNTER_EXHAUSTED",
    `The counter in ${file} has handed out its last value, ${max}.`,
    "Start over with a new data folder.",
  );
}
