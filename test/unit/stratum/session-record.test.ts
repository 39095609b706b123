import { expect, test } from "vitest";
import { readSessions, sessionFormat, sessionLines } from "../../../src/stratum/session-record.ts";
import { mulberry32 } from "../../support/random.ts";

const fileOf = (...lines: readonly string[]) => `${sessionFormat}\n${lines.join("")}`;
const anAssignment = { number: 7, variant: 2, difficulty: 0.000125 };
const opened = sessionLines.opened("s1", 0xffffffff, "solo");
const assigned = sessionLines.assigned("s1", anAssignment);
const common = { sessionId: "s1", extranonce1: 0xffffffff, scheme: "solo", assignments: [anAssignment] };

test("what is written is read back", () => {
  const lines = [opened, assigned, sessionLines.ended("s1", 9, 1_700_000_000_000)];
  expect(readSessions(fileOf(...lines))).toEqual([
    { ...common, lastJobNumber: 9, endedMs: 1_700_000_000_000 },
  ]);
});

test("a session that lives when the lines stop ended with its process, at the last time that is known", () => {
  const lives = [{ ...common, lastJobNumber: undefined, endedMs: 200 }];
  const lines = [sessionLines.time(100), opened, assigned, sessionLines.time(200)];
  expect(readSessions(fileOf(...lines))).toEqual(lives);
  const again = [opened, assigned, sessionLines.ended("s1", 9, 150), sessionLines.resumed("s1")];
  expect(readSessions(fileOf(...again, sessionLines.time(200)))).toEqual(lives);
});

test("those that ended first come first", () => {
  const lines = ["a", "b", "c"].flatMap((name, i) => [
    sessionLines.opened(name, i, "pplns"),
    sessionLines.assigned(name, anAssignment),
  ]);
  lines.push(sessionLines.ended("b", 9, 20), sessionLines.ended("a", 9, 30), sessionLines.time(25));
  expect(readSessions(fileOf(...lines)).map(({ sessionId }) => sessionId)).toEqual(["b", "a", "c"]);
});

test("a session that was never assigned anything is passed over", () => {
  expect(readSessions(fileOf(opened, sessionLines.time(1)))).toEqual([]);
});

test("an extranonce1 belongs to the session that was opened with it last", () => {
  const lines = ["a", "b"].flatMap((name) => [
    sessionLines.opened(name, 5, "pplns"),
    sessionLines.assigned(name, anAssignment),
  ]);
  expect(readSessions(fileOf(...lines)).map(({ sessionId }) => sessionId)).toEqual(["b"]);
});

test("only the newest 64 assignments are kept", () => {
  const lines = Array.from({ length: 70 }, (_, number) =>
    sessionLines.assigned("s1", { number, variant: 0, difficulty: 1 }),
  );
  const [session] = readSessions(fileOf(opened, ...lines));
  expect(session!.assignments.map(({ number }) => number)).toEqual(
    Array.from({ length: 64 }, (_, i) => i + 6),
  );
});

test("cut at any byte, whole lines count and the torn one does not", () => {
  const lines = [opened, assigned, sessionLines.ended("s1", 9, 150)];
  const text = fileOf(...lines);
  for (let length = 0; length < text.length; length++) {
    const whole = text.slice(0, length).split("\n").length - 1;
    const expected = whole < 3 ? [] : [{ ...common, lastJobNumber: undefined, endedMs: 0 }];
    expect(readSessions(text.slice(0, length))).toEqual(expected);
  }
});

test.each([
  ["another format", `penstock-sessions 2\n${opened}${assigned}`],
  ["no format", `${opened}${assigned}`],
  ["nothing", ""],
])("a file of %s has no sessions", (_, text) => {
  expect(readSessions(text)).toEqual([]);
});

test.each(["o s1 4294967296 pplns", "o s1 -1 pplns", "o s1 1 other", "o s1 x pplns", "o s1"])(
  "an opening %j that makes no sense opens nothing",
  (line) => {
    expect(readSessions(fileOf(`${line}\n`, assigned))).toEqual([]);
  },
);

test.each([
  "a s1 7 2 0",
  "a s1 7 2 -1",
  "a s1 7 2 Infinity",
  "a s1 7 2 1e300",
  "a s1 7 2 NaN",
  "a s1 7 2",
  "a s1 7.5 2 1",
  "a s1 -7 2 1",
  "a other 7 2 1",
  "e s1 x 1",
  "e s1 1",
  "e other 1 1",
  "l other",
  "t x",
  "t",
  "",
  " ",
  "x s1 1 1",
  "a __proto__ 7 2 1",
  "e constructor 7 2",
])("a line %j that makes no sense changes nothing", (line) => {
  const before = readSessions(fileOf(opened, assigned));
  expect(readSessions(fileOf(opened, assigned, `${line}\n`))).toEqual(before);
});

test("whatever the bytes, what is read is sound", () => {
  const below = mulberry32(1);
  const words = [
    "o",
    "a",
    "e",
    "l",
    "t",
    "s1",
    "s2",
    "pplns",
    "solo",
    "1",
    "7",
    "1e9",
    "-1",
    "",
    "\n",
    "\n",
    "é",
  ];
  for (let round = 0; round < 2000; round++) {
    const text = Array.from({ length: 60 }, () => words[below(words.length)]).join(" ");
    for (const { extranonce1, assignments, endedMs } of readSessions(fileOf(text.replaceAll(" \n ", "\n")))) {
      expect(extranonce1).toBeLessThanOrEqual(0xffffffff);
      expect(assignments.length).toBeGreaterThan(0);
      expect(assignments.every(({ difficulty }) => difficulty > 0 && difficulty <= 1e15)).toBe(true);
      expect(endedMs).toBeGreaterThanOrEqual(0);
    }
  }
});
