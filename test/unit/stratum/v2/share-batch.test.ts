import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ShareBatch } from "../../../../src/stratum/v2/share-batch.ts";

interface Figure {
  readonly figure: string;
  readonly difficulty_per_share: readonly ("Da" | "Db")[];
  readonly results: readonly ("ok" | "error")[];
}

const path = new URL("../../../vectors/share_accounting_spec.json", import.meta.url);
const { vectors, numeric_derived } = JSON.parse(readFileSync(path, "utf8")) as {
  readonly vectors: readonly [Figure, Figure];
  readonly numeric_derived: readonly [
    {
      readonly Da: number;
      readonly Db: number;
      readonly first_figure_sum: number;
      readonly second_figure_sum: number;
    },
  ];
};
const [numbers] = numeric_derived;

test.each([
  [vectors[0], 10, numbers.first_figure_sum],
  [vectors[1], 9, numbers.second_figure_sum],
] as const)("the specification's figure %j adds up", (figure, count, sum) => {
  const batch = new ShareBatch();
  for (const [index, result] of figure.results.entries()) {
    if (result === "ok") batch.add(index, numbers[figure.difficulty_per_share[index]!]);
  }
  expect(batch.isFull).toBe(count === 10);
  expect(batch.take()).toEqual({
    lastSequenceNumber: 9,
    newSubmitsAcceptedCount: count,
    newSharesSum: BigInt(sum),
  });
  expect(batch.isEmpty).toBe(true);
});

test("count and sum begin anew with each batch", () => {
  const batch = new ShareBatch();
  batch.add(1, 1024);
  batch.take();
  batch.add(2, 512);
  expect(batch.take()).toEqual({ lastSequenceNumber: 2, newSubmitsAcceptedCount: 1, newSharesSum: 512n });
});

test("fractions of difficulties are not lost between batches", () => {
  const batch = new ShareBatch();
  let sum = 0n;
  for (let share = 0; share < 1_000; share++) {
    batch.add(share, 0.375);
    sum += batch.take().newSharesSum;
  }
  expect(sum).toBe(375n);
});
