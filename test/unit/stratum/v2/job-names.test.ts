import { expect, test } from "vitest";
import { JobNames } from "../../../../src/stratum/v2/job-names.ts";

test("jobs are called 1, 2, 3 in the order in which they are sent, each variant by itself", () => {
  const names = new JobNames();
  const sent = [
    { number: 70, variant: 0, minNtime: 5 },
    { number: 70, variant: 1, minNtime: 5 },
    { number: 71, variant: 0, minNtime: 5 },
  ];
  expect(sent.map((job) => names.nameOf(job))).toEqual([1, 2, 3]);
  expect([1, 2, 3].map((name) => names.jobOf(name))).toEqual(sent);
});

test("a job that is sent to another channel keeps its name", () => {
  const names = new JobNames();
  const name = names.nameOf({ number: 70, variant: 0, minNtime: 5 });
  names.nameOf({ number: 70, variant: 1, minNtime: 5 });
  expect(names.nameOf({ number: 70, variant: 0, minNtime: 5 })).toBe(name);
});

test("the same variant told with another ntime is another job", () => {
  const names = new JobNames();
  const name = names.nameOf({ number: 70, variant: 1, minNtime: 5 });
  expect(names.nameOf({ number: 70, variant: 1, minNtime: 6 })).toBe(name + 1);
  expect(names.jobOf(name)?.minNtime).toBe(5);
});

test.each([0, 2, -1, 0.5, 0xffffffff])("the name %d, which was never given, is nobody's", (name) => {
  const names = new JobNames();
  names.nameOf({ number: 70, variant: 0, minNtime: 5 });
  expect(names.jobOf(name)).toBeUndefined();
});

test("names of jobs that are not held any more are forgotten, and never given again", () => {
  const names = new JobNames();
  for (const number of [70, 71, 72]) names.nameOf({ number, variant: 0, minNtime: 5 });
  names.forgetBefore(72);
  expect([1, 2, 3].map((name) => names.jobOf(name)?.number)).toEqual([undefined, undefined, 72]);
  names.forgetBefore(100);
  expect(names.nameOf({ number: 100, variant: 0, minNtime: 5 })).toBe(4);
});

test("a connection whose jobs never stop remembers some thousands of names, the newest among them", () => {
  const names = new JobNames();
  for (let number = 0; number < 20_000; number++) names.nameOf({ number, variant: 0, minNtime: 5 });
  expect(names.jobOf(20_000)).toEqual({ number: 19_999, variant: 0, minNtime: 5 });
  expect(names.jobOf(17_000)).toEqual({ number: 16_999, variant: 0, minNtime: 5 });
  expect(names.jobOf(15_000)).toBeUndefined();
});
