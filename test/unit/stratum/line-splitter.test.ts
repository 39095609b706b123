import { expect, test } from "vitest";
import { LineSplitter } from "../../../src/stratum/line-splitter.ts";
import { randomSource } from "../../support/random.ts";

function split(chunks: readonly (string | Buffer)[]): { lines: string[]; inTime: boolean; rest: string } {
  const splitter = new LineSplitter(100);
  const lines: string[] = [];
  const inTime = chunks.every((chunk) =>
    splitter.push(Buffer.from(chunk), (line) => lines.push(line.toString())),
  );
  return { lines, inTime, rest: splitter.takeRest()?.toString() ?? "" };
}

test("lines are the same however the bytes are cut", () => {
  const random = randomSource(5);
  const text = "first\r\n\nsecond ä\nthird\nno end";
  const whole = split([text]);
  expect(whole).toEqual({ lines: ["first\r", "", "second ä", "third"], inTime: true, rest: "no end" });
  const bytes = Buffer.from(text);
  for (let round = 0; round < 200; round++) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const to = at + random.integer(1, 7);
      chunks.push(bytes.subarray(at, to));
      at = to;
    }
    expect(split(chunks)).toEqual(whole);
  }
});

test("lines of the longest allowed length are handed on, longer ones are not, whether they end or not", () => {
  expect(split(["x".repeat(100), "\n"])).toMatchObject({ lines: ["x".repeat(100)], inTime: true });
  expect(split([`${"x".repeat(101)}\n`])).toMatchObject({ lines: [], inTime: false });
  expect(split(["x".repeat(60), "x".repeat(41)])).toMatchObject({ lines: [], inTime: false, rest: "" });
  expect(split([`a\n${"x".repeat(101)}`])).toMatchObject({ lines: ["a"], inTime: false });
});
