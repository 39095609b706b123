import { expect, test } from "vitest";
import { OpenShares } from "../../../src/miner/open-shares.ts";
import type { Outcome } from "../../../src/miner/pool-client.ts";

/** Shares that were handed in, and what became of each: its outcome or the error's code. */
function handedIn(count: number) {
  const shares = new OpenShares();
  const outcomes = new Map<number, string>();
  for (let i = 0; i < count; i++) {
    const number = shares.add((outcome: Outcome) => {
      expect(outcomes.has(number)).toBe(false);
      outcomes.set(number, outcome.kind === "rejected" ? outcome.why : outcome.kind);
    });
  }
  return { shares, told: () => Object.fromEntries(outcomes) };
}

test("shares are numbered one by one", () => {
  const shares = new OpenShares();
  expect([0, 1, 2].map(() => shares.add(() => {}))).toEqual([0, 1, 2]);
});

test("a Success is of all shares up to its number that are not refused", () => {
  const { shares, told } = handedIn(5);
  shares.rejected(1, "stale-share");
  shares.accepted(3, 3);
  expect(told()).toEqual({ 0: "accepted", 1: "stale-share", 2: "accepted", 3: "accepted" });
  shares.accepted(4, 1);
  expect(told()).toMatchObject({ 4: "accepted" });
});

test("a Success that came before is not counted twice", () => {
  const { shares, told } = handedIn(2);
  shares.accepted(0, 1);
  shares.accepted(0, 1);
  expect(told()).toEqual({ 0: "accepted" });
});

test("an error that comes behind the Success is of a share that was not counted: the sums are right", () => {
  const { shares, told } = handedIn(3);
  shares.accepted(2, 2);
  expect(told()).toEqual({ 0: "accepted", 1: "accepted" });
  shares.rejected(0, "duplicate-share");
  expect(told()).toEqual({ 0: "accepted", 1: "accepted", 2: "duplicate-share" });
});

test("a share that no Success counts and no error names has no answer, and holds nothing up", () => {
  const { shares, told } = handedIn(4);
  shares.accepted(1, 1);
  shares.accepted(3, 2);
  expect(told()).toEqual({ 0: "accepted", 1: "unanswered", 2: "accepted", 3: "accepted" });
});

test("a pool that counts more than it was given adds nothing", () => {
  const { shares, told } = handedIn(2);
  shares.accepted(0, 100);
  expect(told()).toEqual({ 0: "accepted" });
});

test("an error for what was never handed in is nobody's", () => {
  const { shares, told } = handedIn(1);
  shares.rejected(7, "invalid-job-id");
  expect(told()).toEqual({});
});

test("the end of the connection leaves open shares unanswered", () => {
  const { shares, told } = handedIn(3);
  shares.accepted(1, 1);
  shares.end();
  expect(told()).toEqual({ 0: "accepted", 1: "unanswered", 2: "unanswered" });
});
