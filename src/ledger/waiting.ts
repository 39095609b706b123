import type { Position } from "../journal/record.ts";

interface Mark {
  readonly position: Position;
  readonly sinceMs: number;
}

/** Enough to tell ages well; with more, neighbours are put together. */
const maxMarks = 256;

/**
 * When one journal's records were announced as durable, to tell how long the oldest that is not in the books has waited.
 * However long the database is away this stays small: of two neighbours the later then counts as old as the earlier.
 */
export class Waiting {
  /** Rising, in both. */
  #marks: Mark[] = [];

  /** Everything up to here is durable now, and beyond what was announced before. */
  announce(position: Position, nowMs: number): void {
    this.#marks.push({ position, sinceMs: nowMs });
    if (this.#marks.length > maxMarks) this.#marks = halved(this.#marks);
  }

  /** Everything up to here is in the books. */
  reach(position: Position): void {
    const first = this.#marks.findIndex((mark) => isBefore(position, mark.position));
    this.#marks = first < 0 ? [] : this.#marks.slice(first);
  }

  /** Since when the oldest record has waited; undefined if none does. */
  get sinceMs(): number | undefined {
    return this.#marks[0]?.sinceMs;
  }
}

/** Every two become one: the range of both, as old as the older. The newest stays as it is. */
function halved(marks: readonly Mark[]): Mark[] {
  const pairs = marks.slice(0, -1).flatMap(({ position }, index, all) => {
    const isSecond = index % 2 === 1 || index === all.length - 1;
    return isSecond ? [{ position, sinceMs: all[index - (index % 2)]!.sinceMs }] : [];
  });
  return [...pairs, ...marks.slice(-1)];
}

/** In the order of one journal. */
export function isBefore(left: Position, right: Position): boolean {
  return left.epoch < right.epoch || (left.epoch === right.epoch && left.sequence < right.sequence);
}
