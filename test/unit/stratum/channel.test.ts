import { expect, test } from "vitest";
import { Channel, type ChannelState } from "../../../src/stratum/channel.ts";
import { DifficultyTable } from "../../../src/stratum/difficulty.ts";
import type { Wishes } from "../../../src/stratum/difficulty-bounds.ts";
import type { FirmwareProfile } from "../../../src/stratum/firmware.ts";
import { aClock } from "../../support/clock.ts";
import { aFirmware, anUnknownFirmware } from "../../support/firmware.ts";
import { aJob, regtestBits } from "../../support/jobs.ts";
import { hardBits, MemoryJobs } from "../../support/stratum.ts";

const port = { start: 1024, min: 0.001, max: 1_000_000, vardiff: true, sharesPerMinute: 6 };

function aContext() {
  const clock = aClock();
  const jobs = new MemoryJobs();
  const changes: number[] = [];
  const context = {
    jobs,
    difficulties: new DifficultyTable(),
    clock,
    staleGraceMs: 3000,
    staleGraceMaxMs: 10_000,
    metrics: { difficultyChanged: () => changes.push(1) },
  };
  const add = (number: number, others = {}) =>
    jobs.add(aJob({ number, bits: hardBits, clean: false, ...others }));
  const open = (
    from: number | ChannelState = 1,
    wishes: Wishes = {},
    profile: FirmwareProfile = anUnknownFirmware,
  ) => new Channel(context, port, profile, wishes, from);
  return { clock, jobs, changes, add, open };
}

test("a channel's first job carries its start and tells the client to drop what it had", () => {
  const { add, open, changes } = aContext();
  const channel = open(7);
  expect(channel).toMatchObject({
    extranonce1: 7,
    assignment: undefined,
    lastJobNumber: -1,
    hasShares: false,
  });
  expect(channel.assign(add(10))).toEqual({ number: 10, variant: 0, difficulty: 1024, clean: true });
  expect(channel.assign(add(10))).toEqual({ number: 10, variant: 1, difficulty: 1024, clean: false });
  expect(channel.lastJobNumber).toBe(10);
  expect(changes).toEqual([]);
});

test("the network's difficulty bounds what is assigned, and not what is wanted", () => {
  const { add, open } = aContext();
  const channel = open();
  const easy = add(10, { bits: regtestBits });
  expect(channel.assign(easy).difficulty).toBeLessThan(1);
  expect(channel.keepsDifficulty(easy)).toBe(true);
  const hard = add(11);
  expect(channel.keepsDifficulty(hard)).toBe(false);
  expect(channel.assign(hard).difficulty).toBe(1024);
});

test("a channel goes on from another's state: extranonce1, jobs, tips and difficulty", () => {
  const { add, open } = aContext();
  const first = open(7);
  first.assign(add(10));
  first.want(64);
  const again = open(first.state("pplns"));
  expect(again).toMatchObject({ extranonce1: 7, lastJobNumber: 10 });
  expect(again.inForce({ number: 10, variant: 0 })?.difficulty).toBe(1024);
  expect(again.assign(add(10))).toEqual({ number: 10, variant: 1, difficulty: 64, clean: false });
  expect(again.inForce({ number: 10, variant: 0 })?.difficulty).toBe(64);
});

test("what it goes on from lies within the bounds that hold now", () => {
  const { add, open } = aContext();
  const first = open(7);
  first.assign(add(10));
  const floor = aFirmware({ difficultyMin: 8192 });
  expect(open(first.state("pplns"), {}, floor).assign(add(11)).difficulty).toBe(8192);
});

test("only a difficulty that shares have shown is worth remembering, and none that was fixed", () => {
  const { add, open } = aContext();
  const channel = open();
  channel.assign(add(10));
  expect(channel.provenDifficulty).toBeUndefined();
  channel.count(1024);
  expect(channel.provenDifficulty).toBe(1024);
  const fixed = open(1, { fixed: 64 });
  fixed.assign(add(11));
  fixed.count(64);
  expect(fixed.provenDifficulty).toBeUndefined();
});

test("a job is stale when its tip was replaced here longer than the grace ago, longer on a slow link", () => {
  const { add, open, clock } = aContext();
  const channel = open();
  const old = add(10, { tipNumber: 1 });
  channel.assign(old);
  const current = add(11, { tipNumber: 2 });
  expect(channel.isClean(current)).toBe(true);
  expect(channel.sent(current)).toBe(true);
  expect(channel.isOnNewestTip(old)).toBe(false);
  clock.advance(3000);
  expect(channel.isStale(old)).toBe(false);
  clock.advance(1);
  expect(channel.isStale(old)).toBe(true);
  channel.roundTripMs = 100_000;
  expect(channel.isStale(old)).toBe(false);
  clock.advance(7000);
  expect(channel.isStale(old)).toBe(true);
  expect(channel.isStale(current)).toBe(false);
});

test("64 changes of difficulty are remembered as long as their jobs are live, then there is room again", () => {
  const { add, open, jobs } = aContext();
  const channel = open();
  for (let number = 1; number <= 64; number++) channel.assign(add(number));
  const job = add(65);
  expect(channel.canAssign(job)).toBe(false);
  expect(channel.hasName(job)).toBe(true);
  jobs.forget(1);
  jobs.forget(2);
  expect(channel.canAssign(job)).toBe(true);
});

test("other wishes begin anew or stay where it is, as is asked", () => {
  const { add, open } = aContext();
  const channel = open();
  channel.assign(add(10));
  channel.want(65_536);
  expect(channel.reconsider(anUnknownFirmware, { minimum: 2048 }, "here")).toBe(false);
  expect(channel.reconsider(anUnknownFirmware, { minimum: 2048 }, "start")).toBe(true);
  expect(channel.difficultyFor(add(11))).toBe(2048);
  expect(channel.wantAgain(16)).toBe(false);
  expect(channel.wantAgain(4096)).toBe(true);
});

test("before its first job nothing is adjusted", () => {
  const { add, open, clock } = aContext();
  const channel = open();
  clock.advance(3_600_000);
  expect(channel.adjust(clock.monotonicMs())).toBe(false);
  add(10);
  expect(channel.adjust(clock.monotonicMs())).toBe(false);
});
