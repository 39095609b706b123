import { expect, test } from "vitest";
import { createJobFeed } from "../../../src/jobs/feed.ts";
import type { JobData } from "../../../src/jobs/job.ts";
import type { KnownTip } from "../../../src/jobs/kept-jobs.ts";
import { aClock } from "../../support/clock.ts";
import { aJob, aTemplate } from "../../support/jobs.ts";

function aFeed(lastTip?: KnownTip) {
  const clock = aClock();
  const jobs: JobData[] = [];
  let number = 0;
  const feed = createJobFeed({
    build: (template, issue) => {
      if (template.id === "bad") throw new Error("no job can be made of this");
      return aJob({ ...issue, previousHash: template.previousHash, templateId: template.id });
    },
    nextNumber: () => ++number,
    clock,
    reissueMs: 25_000,
    onJob: (job) => jobs.push(job),
    lastTip,
  });
  return { clock, feed, jobs };
}

const otherTip = new Uint8Array(32).fill(2);

test("the first job on a new tip is clean and a refresh of the same tip is not", () => {
  const { feed, jobs } = aFeed();
  feed.use(aTemplate({ id: "a" }));
  feed.use(aTemplate({ id: "b" }));
  feed.use(aTemplate({ id: "c", previousHash: otherTip }));
  expect(jobs.map(({ clean, tipNumber }) => ({ clean, tipNumber }))).toEqual([
    { clean: true, tipNumber: 1 },
    { clean: false, tipNumber: 1 },
    { clean: true, tipNumber: 2 },
  ]);
});

test("a tip that comes back after a reorganisation is a new tip, so that its old shares stay old", () => {
  const { feed, jobs } = aFeed();
  for (const previousHash of [otherTip, new Uint8Array(32).fill(3), otherTip])
    feed.use(aTemplate({ previousHash }));
  expect(jobs.map(({ tipNumber }) => tipNumber)).toEqual([1, 2, 3]);
});

test("with every node silent the last template is issued again, with a new number and a later time", () => {
  const { clock, feed, jobs } = aFeed();
  feed.use(aTemplate());
  clock.advance(24_999);
  feed.tick();
  expect(jobs).toHaveLength(1);
  clock.advance(1);
  feed.tick();
  expect(jobs.map(({ number, clean, startTime }) => ({ number, clean, startTime }))).toEqual([
    { number: 1, clean: true, startTime: 2_000 },
    { number: 2, clean: false, startTime: 2_025 },
  ]);
});

test("a job never starts before the earliest time that the chain allows", () => {
  const { feed, jobs } = aFeed();
  feed.use(aTemplate({ minTime: 5_000, currentTime: 4_000 }));
  expect(jobs[0]!.startTime).toBe(5_000);
});

test("a template that no job can be made of changes nothing", () => {
  const { clock, feed, jobs } = aFeed();
  feed.use(aTemplate({ id: "good" }));
  expect(() => feed.use(aTemplate({ id: "bad", previousHash: otherTip }))).toThrow("no job can be made");
  clock.advance(25_000);
  feed.tick();
  expect(jobs.map(({ templateId, tipNumber }) => ({ templateId, tipNumber }))).toEqual([
    { templateId: "good", tipNumber: 1 },
    { templateId: "good", tipNumber: 1 },
  ]);
});

test("after a restart the tip of before keeps its number, and no job on it tells miners to drop their work", () => {
  const { clock, feed, jobs } = aFeed({ tipNumber: 7, previousHash: otherTip });
  clock.advance(25_000);
  feed.tick();
  expect(jobs).toEqual([]);
  feed.use(aTemplate({ previousHash: Uint8Array.from(otherTip) }));
  clock.advance(25_000);
  feed.tick();
  feed.use(aTemplate());
  expect(jobs.map(({ clean, tipNumber }) => ({ clean, tipNumber }))).toEqual([
    { clean: false, tipNumber: 7 },
    { clean: false, tipNumber: 7 },
    { clean: true, tipNumber: 8 },
  ]);
});

test("after a restart any other tip has a later number than all before", () => {
  const { feed, jobs } = aFeed({ tipNumber: 7, previousHash: otherTip });
  feed.use(aTemplate());
  expect(jobs).toMatchObject([{ clean: true, tipNumber: 8 }]);
});
