import { expect, test } from "vitest";
import { entriesOf, movementsBetween, paidToPool, standingOf } from "../../../src/ledger/books.ts";

const credits = {
  paidSats: 100n,
  feeSats: 3n,
  lines: [
    { account: "alice", sats: 97n },
    { account: "dust", sats: 0n },
  ],
};

test("only a block in the chain has a standing in the books", () => {
  const standings = (["candidate", "submitted", "immature", "mature", "orphaned"] as const).map(standingOf);
  expect(standings).toEqual(["none", "none", "immature", "mature", "none"]);
});

test("movements lead one rung at a time, up and down", () => {
  expect(movementsBetween("none", "mature")).toEqual(["credit", "mature"]);
  expect(movementsBetween("mature", "none")).toEqual(["unmature", "reverse"]);
  expect(movementsBetween("mature", "immature")).toEqual(["unmature"]);
  expect(movementsBetween("immature", "none")).toEqual(["reverse"]);
  expect(movementsBetween("immature", "immature")).toEqual([]);
});

test("every movement sums to zero, has no empty entries, and is undone exactly by its opposite", () => {
  for (const [kind, opposite] of [
    ["credit", "reverse"],
    ["mature", "unmature"],
  ] as const) {
    const entries = entriesOf(kind, credits);
    expect(entries.reduce((sum, { sats }) => sum + sats, 0n)).toBe(0n);
    expect(entries.every(({ sats }) => sats !== 0n)).toBe(true);
    expect(entriesOf(opposite, credits)).toEqual(entries.map((entry) => ({ ...entry, sats: -entry.sats })));
  }
});

test("a credit comes from the chain, and maturity moves it from immature to payable", () => {
  expect(entriesOf("credit", credits)).toEqual([
    { kind: "fee-immature", account: "", sats: 3n },
    { kind: "miner-immature", account: "alice", sats: 97n },
    { kind: "chain", account: "", sats: -100n },
  ]);
  expect(entriesOf("mature", credits)).toEqual([
    { kind: "fee-immature", account: "", sats: -3n },
    { kind: "fee-payable", account: "", sats: 3n },
    { kind: "miner-immature", account: "alice", sats: -97n },
    { kind: "miner-payable", account: "alice", sats: 97n },
  ]);
});

test("of a solo block only the pool's fee is booked: what the coinbase paid to the miner was never the pool's", () => {
  const paidSats = paidToPool("solo", 100n, 3n);
  expect(entriesOf("credit", { paidSats, feeSats: 3n, lines: [] })).toEqual([
    { kind: "fee-immature", account: "", sats: 3n },
    { kind: "chain", account: "", sats: -3n },
  ]);
  expect(paidToPool("pplns", 100n, 3n)).toBe(100n);
  const free = { paidSats: paidToPool("solo", 100n, 0n), feeSats: 0n, lines: [] };
  expect(entriesOf("credit", free)).toEqual([]);
});

test("a block without reward moves nothing", () => {
  expect(entriesOf("credit", { paidSats: 0n, feeSats: 0n, lines: [{ account: "a", sats: 0n }] })).toEqual([]);
});
