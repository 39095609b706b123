/**
 * PPLNS as a pure fold over the ledger's stream of records. Solo shares and blocks are in the stream, too, but nothing here
 * changes by them: a solo block's coinbase has paid its miner, and only the pool's fee is left to book.
 *
 * Shares' work is summed per account into slices, in stream order: a minute by record time, merged into hours and
 * later into days as the stream moves on, so that a window of years stays small. Nothing but the stream decides: not
 * the wall clock, not where batches begin or end. The Postgres-backed ledger and `recompute` carry out the same
 * `Step`s, the one in SQL and the other in memory, and so come to the same satoshi.
 *
 *   stream ──► [day][day][hour][hour][minute][minute][open minute]
 *                    └── window: whole slices, the oldest cut pro rata ──┘ ends at the block's own position
 */
import { apportion } from "../bitcoin/satoshis.ts";
import { targetFromBits } from "../bitcoin/target.ts";
import type {
  BlockRecord,
  JournalRecord,
  PplnsBlockRecord,
  Run,
  ShareGroup,
  SoloBlockRecord,
} from "../journal/index.ts";

/** Minutes and hours stay as fine as this before they are merged into hours and days. */
const hoursKeptInMinutes = 4;
const daysKeptInHours = 7;
/** A share this much older than the open slice is late or tells of a clock set back: it opens a slice of its own. */
const lateMinutes = 60;
/** Slices that lie beyond this many times the largest window so far, when a block is found, are dropped. */
const windowsKept = 8n;

export type Span = "minute" | "hour" | "day";

/** What the fold remembers of a slice; its work per account is kept by who carries out the steps. */
export interface Slice {
  /** Rises in stream order. */
  readonly id: number;
  readonly span: Span;
  /** Record time of its first share, in whole minutes since 1970. */
  readonly minute: number;
  readonly work: bigint;
}

export interface PplnsState {
  /** Oldest first: days, hours, minutes, and last the open slice unless `closed`. */
  readonly slices: readonly Slice[];
  /** Whether the next share opens a new slice whatever its time. */
  readonly closed: boolean;
  readonly nextId: number;
  readonly largestWindow: bigint;
}

export const emptyPplns: PplnsState = { slices: [], closed: true, nextId: 1, largestWindow: 0n };

/** What a block is paid over: `whole` slices with this id and later, and `cut.work` of the slice before them. */
export interface Window {
  readonly asked: bigint;
  readonly wholeFrom: number;
  readonly cut: { readonly slice: number; readonly work: bigint } | undefined;
}

/** What to do to the works per account, in this order. */
export type Step =
  | { readonly kind: "add"; readonly slice: Slice; readonly works: ReadonlyMap<string, bigint> }
  /** The works of slices `from` to `slice.id` become one slice of that id. */
  | { readonly kind: "merge"; readonly from: number; readonly slice: Slice }
  /** Slices up to and including this id are of no use to any window any more. */
  | { readonly kind: "drop"; readonly through: number }
  | {
      readonly kind: "block";
      readonly index: number;
      readonly record: PplnsBlockRecord;
      readonly window: Window;
    }
  | { readonly kind: "solo-block"; readonly index: number; readonly record: SoloBlockRecord };

export interface Folded {
  readonly state: PplnsState;
  readonly steps: readonly Step[];
}

/**
 * Folds records into the state. `add` steps carry the slice as it stands after them.
 * @param isKnown whether a block was recorded before; only its first record counts.
 */
export function foldRecords(
  before: PplnsState,
  records: readonly JournalRecord[],
  isKnown: (hash: Uint8Array) => boolean,
): Folded {
  const fold = new Fold(before, isKnown);
  records.forEach((record, index) => {
    if (record.kind === "block") fold.block(record, index);
    else if (record.scheme === "pplns")
      fold.share(record.account, record.target.work, minuteOf(record.timeMs));
  });
  return fold.finish();
}

/** The same with shares counted together: within a minute only the first one can open a slice. */
export function foldRuns(
  before: PplnsState,
  runs: readonly Run[],
  groups: readonly ShareGroup[],
  isKnown: (hash: Uint8Array) => boolean,
): Folded {
  const fold = new Fold(before, isKnown);
  for (const run of runs) {
    if (run.kind === "block") fold.block(run.record, run.index);
    else
      for (const { group, shares } of run.parts) {
        const { account, target, scheme } = groups[group]!;
        if (scheme === "pplns") fold.share(account, target.work * BigInt(shares), run.minute);
      }
  }
  return fold.finish();
}

function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / 60_000);
}

class Fold {
  readonly #isKnown: (hash: Uint8Array) => boolean;
  readonly #steps: Step[] = [];
  readonly #found = new Set<string>();
  #slices: Slice[];
  #closed: boolean;
  #nextId: number;
  #largestWindow: bigint;
  /** Work that this batch brings to the open slice. */
  #works = new Map<string, bigint>();
  #work = 0n;

  constructor(state: PplnsState, isKnown: (hash: Uint8Array) => boolean) {
    this.#isKnown = isKnown;
    this.#slices = [...state.slices];
    this.#closed = state.closed;
    this.#nextId = state.nextId;
    this.#largestWindow = state.largestWindow;
  }

  share(account: string, work: bigint, minute: number): void {
    const open = this.#slices.at(-1);
    if (this.#closed || open === undefined || minute > open.minute || minute < open.minute - lateMinutes) {
      this.#openSlice(minute);
    }
    this.#works.set(account, (this.#works.get(account) ?? 0n) + work);
    this.#work += work;
  }

  block(record: BlockRecord, index: number): void {
    const key = Buffer.from(record.hash).toString("hex");
    if (this.#found.has(key) || this.#isKnown(record.hash)) return;
    this.#found.add(key);
    if (record.scheme === "solo") this.#steps.push({ kind: "solo-block", index, record });
    else this.#endRound(record, index);
  }

  #endRound(record: PplnsBlockRecord, index: number): void {
    this.#flush();
    this.#closed = true;
    const window = windowOf(this.#slices, windowWork(record));
    this.#steps.push({ kind: "block", index, record, window });
    if (window.asked > this.#largestWindow) this.#largestWindow = window.asked;
    this.#dropUnreachable();
  }

  finish(): Folded {
    this.#flush();
    const state = {
      slices: this.#slices,
      closed: this.#closed,
      nextId: this.#nextId,
      largestWindow: this.#largestWindow,
    };
    return { state, steps: this.#steps };
  }

  #openSlice(minute: number): void {
    this.#flush();
    this.#merge("minute", "hour", minute, 60, hoursKeptInMinutes);
    this.#merge("hour", "day", minute, 1440, daysKeptInHours);
    this.#slices.push({ id: this.#nextId, span: "minute", minute, work: 0n });
    this.#nextId += 1;
    this.#closed = false;
  }

  #flush(): void {
    if (this.#works.size === 0) return;
    const open = this.#slices.at(-1)!;
    const slice = { ...open, work: open.work + this.#work };
    this.#slices[this.#slices.length - 1] = slice;
    this.#steps.push({ kind: "add", slice, works: this.#works });
    this.#works = new Map();
    this.#work = 0n;
  }

  /**
   * Merges runs of neighbours in one hour (or day) that the stream has left behind by more than `kept` of them. A slice
   * from the future of the stream (a clock was wrong) goes with them, lest it hold up all that follow it.
   */
  #merge(from: Span, to: Span, now: number, minutes: number, kept: number): void {
    const unit = (slice: Slice) => Math.floor(slice.minute / minutes);
    const current = Math.floor(now / minutes);
    const isBehind = (slice: Slice) => current - unit(slice) > kept || unit(slice) > current;
    for (;;) {
      const start = this.#slices.findIndex(({ span }) => span === from);
      const first = this.#slices[start];
      if (first === undefined || !isBehind(first)) return;
      let end = start;
      let work = 0n;
      for (let next = this.#slices[end]; next?.span === from && unit(next) === unit(first); ) {
        work += next.work;
        end += 1;
        next = this.#slices[end];
      }
      const slice = { id: this.#slices[end - 1]!.id, span: to, minute: first.minute, work };
      this.#slices.splice(start, end - start, slice);
      this.#steps.push({ kind: "merge", from: first.id, slice });
    }
  }

  #dropUnreachable(): void {
    const reach = this.#largestWindow * windowsKept;
    let work = 0n;
    let index = this.#slices.length;
    while (index > 0 && work < reach) {
      index -= 1;
      work += this.#slices[index]!.work;
    }
    const last = this.#slices[index - 1];
    if (last === undefined) return;
    this.#slices.splice(0, index);
    this.#steps.push({ kind: "drop", through: last.id });
  }
}

/** The window's work: so many thousandths of the network's work per block at the block's own target. */
export function windowWork(record: Pick<PplnsBlockRecord, "bits" | "windowThousandths">): bigint {
  return (targetFromBits(record.bits).work * BigInt(record.windowThousandths)) / 1000n;
}

/** Walks back from the newest slice; the oldest one that is needed is cut to what is still missing. */
function windowOf(slices: readonly Slice[], asked: bigint): Window {
  let missing = asked;
  let wholeFrom = Number.MAX_SAFE_INTEGER;
  for (let index = slices.length - 1; index >= 0 && missing > 0n; index -= 1) {
    const slice = slices[index]!;
    if (slice.work > missing) return { asked, wholeFrom, cut: { slice: slice.id, work: missing } };
    missing -= slice.work;
    wholeFrom = slice.id;
  }
  return { asked, wholeFrom, cut: undefined };
}

/** Accounts in the order in which equal remainders are served: by the bytes of the address. */
function inOrder(works: ReadonlyMap<string, bigint>): string[] {
  return [...works.keys()].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}

/** The works of a window: those of its whole slices, and the cut slice's pro rata, to the last unit of work. */
export function worksOfWindow(
  whole: ReadonlyMap<string, bigint>,
  cutSlice: ReadonlyMap<string, bigint>,
  cut: Window["cut"],
): Map<string, bigint> {
  const works = new Map(whole);
  if (cut === undefined) return works;
  const accounts = inOrder(cutSlice);
  const parts = apportion(
    cut.work,
    accounts.map((account) => cutSlice.get(account)!),
  );
  accounts.forEach((account, index) => {
    if (parts[index] !== 0n) works.set(account, (works.get(account) ?? 0n) + parts[index]!);
  });
  return works;
}

export interface Credits {
  readonly feeSats: bigint;
  /** One line per account in the window, by address; zero satoshi are possible. */
  readonly lines: readonly { readonly account: string; readonly work: bigint; readonly sats: bigint }[];
}

/** Splits a block's reward: the fee rounded down, the rest over the window; all to the fee if nobody worked in it. */
export function creditsOf(
  record: Pick<PplnsBlockRecord, "rewardSats" | "feeMillionths">,
  works: ReadonlyMap<string, bigint>,
): Credits {
  const accounts = inOrder(works);
  if (accounts.length === 0) return { feeSats: record.rewardSats, lines: [] };
  const feeSats = (record.rewardSats * BigInt(record.feeMillionths)) / 1_000_000n;
  const parts = apportion(
    record.rewardSats - feeSats,
    accounts.map((account) => works.get(account)!),
  );
  const lines = accounts.map((account, index) => ({
    account,
    work: works.get(account)!,
    sats: parts[index]!,
  }));
  return { feeSats, lines };
}

/** The miner has its part already. */
export function soloCreditsOf({ feeSats }: Pick<SoloBlockRecord, "feeSats">): Credits {
  return { feeSats, lines: [] };
}
