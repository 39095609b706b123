import { expect, test } from "vitest";
import { nearest } from "../../../src/config/nearest.ts";

const words = ["difficulty", "listen", "workers", "sharesPerMinute"];

test.each([
  ["dificulty", "difficulty"],
  ["Listen", "listen"],
  ["worker", "workers"],
  ["shares_per_minute", "sharesPerMinute"],
])("%s means %s", (word, meant) => {
  expect(nearest(word, words)).toBe(meant);
});

test("a word that is like none of them means none of them", () => {
  expect(nearest("banana", words)).toBeUndefined();
  expect(nearest("x".repeat(1_000_000), words)).toBeUndefined();
  expect(nearest("anything", [])).toBeUndefined();
});
