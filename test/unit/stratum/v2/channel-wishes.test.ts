import { expect, test } from "vitest";
import { targetFromDifficulty } from "../../../../src/bitcoin/target.ts";
import { wishesOf } from "../../../../src/stratum/v2/channel-wishes.ts";

const port = { start: 1024, min: 0.001, max: 1e9, vardiff: true, sharesPerMinute: 7.5 };
const any = new Uint8Array(32).fill(0xff);

test.each([0.001, 1, 1.5, 1024.7, 123_456.789, 5e8])(
  "a maximum target of difficulty %d is met exactly, never by an easier target",
  (difficulty) => {
    const maxTarget = targetFromDifficulty(difficulty);
    const wishes = wishesOf({ nominalHashRate: 0, maxTarget: maxTarget.bytes }, port, 1e9);
    const { easiest } = wishes as { easiest: number };
    expect(targetFromDifficulty(easiest).value <= maxTarget.value).toBe(true);
    expect(easiest / difficulty).toBeCloseTo(1, 10);
  },
);

test("the easiest target there is wishes for nothing that any port would not give", () => {
  const { easiest } = wishesOf({ nominalHashRate: 0, maxTarget: any }, port, 1e9) as { easiest: number };
  expect(easiest).toBeLessThan(1e-9);
  expect(easiest).toBeGreaterThan(0);
});

test("a speed is a wish only where difficulty follows devices", () => {
  const claims = { nominalHashRate: 4_096 * 2 ** 29, maxTarget: any };
  expect(wishesOf(claims, port, 1e9)).toMatchObject({ nominal: 4_096 });
  expect(wishesOf(claims, { ...port, vardiff: false }, 1e9)).toMatchObject({ nominal: undefined });
  expect(wishesOf({ ...claims, nominalHashRate: 0 }, port, 1e9)).toMatchObject({ nominal: undefined });
});

test("what is harder than anybody may be given is out of range, and a little less is not", () => {
  const of = (difficulty: number) => ({
    nominalHashRate: 0,
    maxTarget: targetFromDifficulty(difficulty).bytes,
  });
  expect(wishesOf(of(1001), port, 1000)).toBe("max-target-out-of-range");
  expect(wishesOf(of(999), port, 1000)).toMatchObject({ easiest: expect.closeTo(999, 6) });
  expect(wishesOf(of(1e27), port, 1e28)).toMatchObject({ easiest: expect.closeTo(1e27, -15) });
});
