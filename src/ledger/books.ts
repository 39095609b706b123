/**
 * What a block's state means in money. Pure: the Postgres-backed ledger and `recompute` both ask here.
 *
 *   credit:   chain ──► miners' and fee's immature accounts      reverse:  back to chain
 *   mature:   immature ──► payable                               unmature: payable ──► immature
 *
 * Of a solo block the pool was paid its fee alone: the miner's part never was the pool's, and is in no account.
 */
import type { BlockState } from "../blocks/state.ts";
import type { Scheme } from "../journal/record.ts";

export type AccountKind = "chain" | "fee-immature" | "fee-payable" | "miner-immature" | "miner-payable";
export type MovementKind = "credit" | "mature" | "unmature" | "reverse";

/** A line of a movement; `account` is the payout address of a miner's account, else "". */
export interface Entry {
  readonly kind: AccountKind;
  readonly account: string;
  readonly sats: bigint;
}

export interface BlockCredits {
  /** What the coinbase paid to the pool: the whole reward, of a solo block the fee. */
  readonly paidSats: bigint;
  readonly feeSats: bigint;
  readonly lines: readonly { readonly account: string; readonly sats: bigint }[];
}

/** See `BlockCredits.paidSats`. */
export function paidToPool(scheme: Scheme, rewardSats: bigint, feeSats: bigint): bigint {
  return scheme === "solo" ? feeSats : rewardSats;
}

/** How far a block is in the books. */
export type Standing = "none" | "immature" | "mature";

export function standingOf(state: BlockState): Standing {
  return state === "immature" || state === "mature" ? state : "none";
}

const ladder: readonly Standing[] = ["none", "immature", "mature"];
const up: readonly MovementKind[] = ["credit", "mature"];
const down: readonly MovementKind[] = ["reverse", "unmature"];

/** The movements that lead from one standing to another, one rung at a time. */
export function movementsBetween(from: Standing, to: Standing): MovementKind[] {
  const kinds: MovementKind[] = [];
  const goal = ladder.indexOf(to);
  for (let rung = ladder.indexOf(from); rung !== goal; ) {
    kinds.push(rung < goal ? up[rung]! : down[rung - 1]!);
    rung += rung < goal ? 1 : -1;
  }
  return kinds;
}

/** The entries of a movement: they sum to zero, and none is zero. Empty for a block that pays the pool nothing. */
export function entriesOf(kind: MovementKind, credits: BlockCredits): Entry[] {
  const sign = kind === "credit" || kind === "mature" ? 1n : -1n;
  const intoImmature = kind === "credit" || kind === "reverse";
  const entries: Entry[] = [];
  const move = (from: AccountKind, to: AccountKind, account: string, sats: bigint) => {
    if (sats === 0n) return;
    if (from !== "chain") entries.push({ kind: from, account, sats: -sign * sats });
    entries.push({ kind: to, account, sats: sign * sats });
  };
  const [fee, miner] = intoImmature
    ? ([
        ["chain", "fee-immature"],
        ["chain", "miner-immature"],
      ] as const)
    : ([
        ["fee-immature", "fee-payable"],
        ["miner-immature", "miner-payable"],
      ] as const);
  move(fee[0], fee[1], "", credits.feeSats);
  for (const { account, sats } of credits.lines) move(miner[0], miner[1], account, sats);
  if (intoImmature && credits.paidSats !== 0n) {
    entries.push({ kind: "chain", account: "", sats: -sign * credits.paidSats });
  }
  assertBalanced(entries);
  return entries;
}

function assertBalanced(entries: readonly Entry[]): void {
  const sum = entries.reduce((total, { sats }) => total + sats, 0n);
  if (sum !== 0n) throw new Error(`a movement's entries sum to ${sum}, not to zero: this is a bug`);
}
