import { describe, expect, test } from "vitest";
import { checkRewardSplit, type RewardSplit, splitReward } from "../../../src/jobs/reward-split.ts";
import { randomSource } from "../../support/random.ts";

const pool = Buffer.from(`0014${"11".repeat(20)}`, "hex");
const partner = Buffer.from(`5120${"22".repeat(32)}`, "hex");
const third = Buffer.from(`76a914${"33".repeat(20)}88ac`, "hex");

test("each named part is paid, and one output takes the rest", () => {
  const split: RewardSplit = [
    { script: pool, millionths: "rest" },
    { script: partner, millionths: 15_000 },
  ];
  expect(splitReward(312_500_000n, split)).toEqual([
    { script: pool, valueSats: 307_812_500n },
    { script: partner, valueSats: 4_687_500n },
  ]);
});

test("an output worth nothing is left out", () => {
  const split: RewardSplit = [
    { script: pool, millionths: 1_000_000 },
    { script: partner, millionths: "rest" },
  ];
  expect(splitReward(5n, split)).toEqual([{ script: pool, valueSats: 5n }]);
  expect(splitReward(1n, [{ script: partner, millionths: 1 }, ...rest(pool)])).toEqual([
    { script: pool, valueSats: 1n },
  ]);
});

test("a reward of nothing still has one output, since a transaction must", () => {
  expect(splitReward(0n, [{ script: partner, millionths: 10 }, ...rest(pool)])).toEqual([
    { script: partner, valueSats: 0n },
  ]);
});

test("for any split and reward the outputs sum to the reward, in the order of the split", () => {
  const random = randomSource(11);
  for (let i = 0; i < 500; i++) {
    const parts = Array.from({ length: random.integer(0, 6) }, () => random.integer(1, 100_000));
    const split = [...parts.map((millionths) => ({ script: third, millionths })), ...rest(pool)];
    expect(() => checkRewardSplit(split)).not.toThrow();
    const reward = random.bigint(40);
    const outputs = splitReward(reward, split);
    expect(outputs.reduce((sum, { valueSats }) => sum + valueSats, 0n)).toBe(reward);
    expect(outputs.filter(({ script }) => script === pool).length <= 1).toBe(true);
    if (outputs.length > 1) expect(outputs.every(({ valueSats }) => valueSats > 0n)).toBe(true);
  }
});

describe("a split is refused", () => {
  test.each<[why: string, split: RewardSplit, message: RegExp]>([
    ["that names nobody", [], /nobody/],
    ["with two rests", [...rest(pool), ...rest(partner)], /more than one/],
    [
      "over the whole",
      [
        { script: pool, millionths: 600_000 },
        { script: partner, millionths: 400_001 },
      ],
      /1000001/,
    ],
    ["under the whole without a rest", [{ script: pool, millionths: 999_999 }], /nobody gets the rest/],
    ["with a part of nothing", [{ script: pool, millionths: 0 }, ...rest(partner)], /output 1 gets 0/],
    ["with a negative part", [...rest(pool), { script: partner, millionths: -1 }], /output 2 gets -1/],
    ["with a broken number", [...rest(pool), { script: partner, millionths: 0.5 }], /output 2/],
    ["with no number", [...rest(pool), { script: partner, millionths: Number.NaN }], /output 2/],
    ["to no script", rest(Buffer.alloc(0)), /nobody can spend/],
    ["to OP_RETURN", rest(Buffer.from("6a00", "hex")), /nobody can spend/],
    ["to a script that does not parse", rest(Buffer.from("0014aa", "hex")), /nobody can spend/],
  ])("%s", (_, split, message) => {
    expect(() => checkRewardSplit(split)).toThrow(
      expect.objectContaining({ code: "REWARD_SPLIT_INVALID", message: expect.stringMatching(message) }),
    );
  });
});

function rest(script: Uint8Array): RewardSplit {
  return [{ script, millionths: "rest" }];
}
