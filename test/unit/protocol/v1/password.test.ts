import { expect, test } from "vitest";
import type { PasswordOptions } from "../../../../src/protocol/v1/password.ts";
import { decodePassword } from "../../../../src/protocol/v1/password.ts";

const none: PasswordOptions = {
  difficulty: undefined,
  startDifficulty: undefined,
  minimumDifficulty: undefined,
  terahashes: undefined,
};

test.each<[string, Partial<PasswordOptions>]>([
  ["d=4096", { difficulty: 4096 }],
  ["diff=0.00015", { difficulty: 0.00015 }],
  ["D=1e3", { difficulty: 1000 }],
  ["sd=64", { startDifficulty: 64 }],
  ["start=.5", { startDifficulty: 0.5 }],
  ["md=16", { minimumDifficulty: 16 }],
  ["MinD=16", { minimumDifficulty: 16 }],
  ["min=16", { minimumDifficulty: 16 }],
  ["th=110.5", { terahashes: 110.5 }],
  ["d=1000000000000000", { difficulty: 1e15 }],
  ["x,d=8", { difficulty: 8 }],
  ["sd=1;md=2&th=3 d=4", { startDifficulty: 1, minimumDifficulty: 2, terahashes: 3, difficulty: 4 }],
  [" , ;; d=4 , ", { difficulty: 4 }],
  ["x\td=4\n", { difficulty: 4 }],
])("the password %j has the options %j", (text, options) => {
  expect(decodePassword(text)).toEqual({ ...none, ...options });
});

test.each([
  "",
  "x",
  "123",
  "1024",
  "=4",
  "d",
  "d=",
  "d==4",
  "d=0",
  "d=-1",
  "d=+1",
  "d=NaN",
  "d=Infinity",
  "d=1e999",
  "d=1e16",
  "d=1000000000000001",
  "d=1e-999",
  "d=0x10",
  "d=10k",
  "d=1_000",
  "d=abc",
  "d=.",
  "d=1e",
  "d:4",
  "dd=4",
  "__proto__=4",
  "constructor=4",
  "ｄ=4",
  "d=４",
  "d\u0000=4",
  `d=${"1".repeat(65)}`,
])("the password %j has no options", (text) => {
  expect(decodePassword(text)).toEqual(none);
});

test("of an option that comes twice, under whatever name, the first that can be read counts", () => {
  expect(decodePassword("d=1,d=2,diff=3")).toEqual({ ...none, difficulty: 1 });
  expect(decodePassword("d=abc,diff=0,d=3,d=4")).toEqual({ ...none, difficulty: 3 });
});

test("256 characters are read, and no half of what stands across the bound", () => {
  expect(decodePassword(`${"x".repeat(252)},d=1`)).toEqual({ ...none, difficulty: 1 });
  expect(decodePassword(`${"x".repeat(252)},d=10`)).toEqual(none);
  expect(decodePassword(`md=2,${"x".repeat(100_000)},d=1`)).toEqual({ ...none, minimumDifficulty: 2 });
  expect(decodePassword(",".repeat(100_000))).toEqual(none);
});
