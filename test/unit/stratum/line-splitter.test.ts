import { expect, test } from "vitest";
import { LineSplitter } from "../../../src/stratum/line-splitter.ts";
import type { MessageReader } from "../../../src/stratum/splitter.ts";
import { randomSource } from "../../support/random.ts";

function split(chunks: readonly (string | Buffer)[]): { lines: string[]; inTime: boolean; rest: string } {
  const splitter = new LineSplitter(100);
  const lines: string[] = [];
  const reader: MessageReader = {
    messages: (_bytes, from) => from,
    mayTake: () => true,
    message: (line) => void lines.push(line.toString()),
  };
  const inTime = chunks.every((chunk) => splitter.push(Buffer.from(chunk), reader));
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

test("lines that are taken together are not handed on again, and each offer begins with a line", () => {
  const splitter = new LineSplitter(100);
  const random = randomSource(6);
  const seen: string[] = [];
  const reader: MessageReader = {
    // Takes up to two whole lines.
    messages(bytes, from) {
      let at = from;
      for (let count = random.integer(0, 2); count > 0; count--) {
        const end = bytes.indexOf("\n", at);
        if (end < 0) break;
        seen.push(bytes.toString("latin1", at, end));
        at = end + 1;
      }
      return at;
    },
    mayTake: () => true,
    message: (line) => void seen.push(line.toString("latin1")),
  };
  const expected = Array.from({ length: 500 }, (_, index) => `line ${index}`);
  const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(""));
  for (let at = 0; at < bytes.length; ) {
    const to = at + random.integer(1, 60);
    expect(splitter.push(bytes.subarray(at, to), reader)).toBe(true);
    at = to;
  }
  expect(seen).toEqual(expected);
});

test("lines of the longest allowed length are handed on, longer ones are not, whether they end or not", () => {
  expect(split(["x".repeat(100), "\n"])).toMatchObject({ lines: ["x".repeat(100)], inTime: true });
  expect(split([`${"x".repeat(101)}\n`])).toMatchObject({ lines: [], inTime: false });
  expect(split(["x".repeat(60), "x".repeat(41)])).toMatchObject({ lines: [], inTime: false, rest: "" });
  expect(split([`a\n${"x".repeat(101)}`])).toMatchObject({ lines: ["a"], inTime: false });
});

test("lines that the reader does not take yet are held back, and come in order when it goes on", () => {
  const splitter = new LineSplitter(100);
  const random = randomSource(7);
  const seen: string[] = [];
  let left = 0;
  const reader: MessageReader = {
    messages: (_bytes, from) => from,
    mayTake: () => left-- > 0,
    message: (line) => void seen.push(line.toString("latin1")),
  };
  const expected = Array.from({ length: 300 }, (_, index) => `line ${index}`);
  const bytes = Buffer.from(`${expected.join("\n")}\nno end`);
  for (let at = 0; at < bytes.length; ) {
    const to = at + random.integer(1, 90);
    left = random.integer(0, 3);
    expect(splitter.push(bytes.subarray(at, to), reader)).toBe(true);
    while (splitter.holdsMessages) {
      left = random.integer(0, 3);
      expect(splitter.resume(reader)).toBe(true);
    }
    at = to;
  }
  expect(seen).toEqual(expected);
  expect(splitter.takeRest()?.toString()).toBe("no end");
});
