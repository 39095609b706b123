/** Count and work of shares by day, account, worker and scheme: all that is compared of single shares. */
import type { JournalRecord, Scheme } from "../journal/record.ts";
import { dayOf } from "./share-partitions.ts";

export interface ShareSum {
  /** Of the shares' own time, counted from 1970 in UTC. */
  readonly day: number;
  readonly account: string;
  readonly worker: string;
  readonly scheme: Scheme;
  readonly shares: number;
  readonly work: bigint;
}

export class ShareSums {
  readonly #wants: (day: number) => boolean;
  readonly #sums = new Map<string, { -readonly [Key in keyof ShareSum]: ShareSum[Key] }>();

  /** @param wants the days that are summed; others are passed over. */
  constructor(wants: (day: number) => boolean) {
    this.#wants = wants;
  }

  record(record: JournalRecord): void {
    if (record.kind !== "share") return;
    const { account, worker, scheme, timeMs, target } = record;
    this.add({ day: dayOf(timeMs), account, worker, scheme, shares: 1, work: target.work });
  }

  add({ day, account, worker, scheme, shares, work }: ShareSum): void {
    if (!this.#wants(day)) return;
    const key = shareSumName(day, account, worker, scheme);
    const sum = this.#sums.get(key);
    if (sum === undefined) {
      this.#sums.set(key, { day, account, worker, scheme, shares, work });
    } else {
      sum.shares += shares;
      sum.work += work;
    }
  }

  /** By `shareSumName`. */
  get sums(): ReadonlyMap<string, ShareSum> {
    return this.#sums;
  }
}

export function shareSumName(day: number, account: string, worker: string, scheme: Scheme): string {
  const solo = scheme === "solo" ? " (solo)" : "";
  return `${new Date(day * 86_400_000).toISOString().slice(0, 10)} ${account} "${worker}"${solo}`;
}
