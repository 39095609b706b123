import { describe, expect, test } from "vitest";
import {
  createExtranonceSpace,
  type ExtranonceLease,
  extranonceBlockSize,
  extranonceBlocks,
} from "../../../src/jobs/extranonce-space.ts";
import { aClock } from "../../support/clock.ts";
import { randomSource } from "../../support/random.ts";

const twoHoursMs = 2 * 3_600_000;

/** Stands for the file-backed counter: what survives a restart is where it stood. */
function aCounter(first = 0) {
  let value = first;
  return { next: () => value++, at: () => value };
}

function aSpace({ frontEnd = 0, counter = aCounter(), clock = aClock() } = {}) {
  const space = createExtranonceSpace({ frontEnd, counter, clock, reuseAfterMs: twoHoursMs });
  return { space, counter, clock };
}

test("blocks of 256 values come one after the other, the front end on top", () => {
  const { space } = aSpace({ frontEnd: 0xab });
  expect([space.lease(1), space.lease(2)]).toEqual([
    { first: 0xab000000, count: 256 },
    { first: 0xab000100, count: 256 },
  ]);
});

test("the last value of the last front end is the last number of 32 bits", () => {
  const { space } = aSpace({ frontEnd: 255, counter: aCounter(extranonceBlocks - 1) });
  const { first, count } = space.lease(1)!;
  expect(first + count - 1).toBe(0xffffffff);
});

test.each([-1, 256, 0.5, Number.NaN])("front end %d is refused", (frontEnd) => {
  expect(() => aSpace({ frontEnd })).toThrow(RangeError);
});

test("no two front ends ever have the same value", () => {
  const spans = [0, 1, 254, 255].map((frontEnd) => {
    const low = aSpace({ frontEnd }).space.lease(1)!;
    const high = aSpace({ frontEnd, counter: aCounter(extranonceBlocks - 1) }).space.lease(1)!;
    return [low.first, high.first + high.count - 1] as const;
  });
  for (let i = 1; i < spans.length; i++) expect(spans[i]![0]).toBeGreaterThan(spans[i - 1]![1]);
});

test("a restart goes on where the last run stopped", () => {
  const counter = aCounter();
  const before = [1, 2, 3].map(() => aSpace({ counter }).space.lease(1)!.first);
  expect(new Set(before).size).toBe(3);
});

test("a block that was given back comes round only after all the others", () => {
  const { space } = aSpace();
  const { first } = space.lease(1)!;
  space.giveBack(1, first);
  const others = new Set<number>();
  for (let i = 1; i < extranonceBlocks; i++) {
    const lease = space.lease(1)!;
    others.add(lease.first);
    space.giveBack(1, lease.first);
  }
  expect(others.size).toBe(extranonceBlocks - 1);
  expect(others.has(first)).toBe(false);
  expect(space.lease(1)!.first).toBe(first);
});

describe("exhaustion", () => {
  test("gives nothing, without using up the counter, and ends when a block comes back", () => {
    const { space, counter } = aSpace();
    const leases = Array.from({ length: extranonceBlocks }, (_, i) => space.lease(i % 4)!);
    expect(new Set(leases.map(({ first }) => first)).size).toBe(extranonceBlocks);
    const stood = counter.at();
    expect(space.lease(0)).toBeUndefined();
    expect(counter.at()).toBe(stood);
    space.giveBack(1, leases[12_345]!.first);
    expect(space.lease(0)).toEqual(leases[12_345]);
    expect(space.lease(0)).toBeUndefined();
  });
});

describe("giving back", () => {
  test.each<[string, (first: number) => [owner: number, first: number]]>([
    ["of a block that another owner holds", (first) => [2, first]],
    ["of a number inside a block", (first) => [1, first + 1]],
    ["of another front end's block", (first) => [1, first + 2 ** 24]],
    ["of nonsense", () => [1, Number.NaN]],
  ])("%s is ignored", (_, wrong) => {
    const { space } = aSpace();
    const { first } = space.lease(1)!;
    space.giveBack(...wrong(first));
    expect(space.blocksTaken).toBe(1);
    space.giveBack(1, first);
    expect(space.blocksTaken).toBe(0);
  });

  test("blocks of a worker that died rest, since nobody knows any more what was seen in them", () => {
    const { space, clock } = aSpace({ counter: aCounter(5) });
    const leases = [space.lease(1)!, space.lease(1)!];
    const other = space.lease(2)!;
    space.ownerGone(1);
    space.giveBack(1, leases[0]!.first); // a message that was still under way
    clock.advance(twoHoursMs - 1);
    expect(space.blocksTaken).toBe(3);
    clock.advance(1);
    expect(space.blocksTaken).toBe(1);
    space.giveBack(2, other.first);
    expect(space.blocksTaken).toBe(0);
  });
});

test("over any run of leases, returns, deaths and restarts no block ever has two owners", () => {
  const random = randomSource(21);
  // Near the end of the numbering, so that it wraps; most blocks are taken, so that few are left to collide on.
  const counter = aCounter(extranonceBlocks * 3 - 50);
  const clock = aClock();
  const held = new Map<number, number>();
  let { space } = aSpace({ counter, clock });
  const forGood = new Set<number>();
  for (let i = 0; i < extranonceBlocks - 40; i++) forGood.add(space.lease(9)!.first);
  for (let step = 0; step < 3_000; step++) {
    const owner = random.integer(0, 3);
    const roll = random.integer(0, 99);
    if (roll < 60) take(space.lease(owner), owner);
    else if (roll < 90) giveOneBack(owner);
    else if (roll < 95) die(owner);
    else clock.advance(random.integer(0, twoHoursMs / 4));
  }

  function take(lease: ExtranonceLease | undefined, owner: number): void {
    if (lease === undefined) return;
    expect(held.has(lease.first) || forGood.has(lease.first)).toBe(false);
    expect(lease.first % extranonceBlockSize).toBe(0);
    held.set(lease.first, owner);
  }

  function giveOneBack(owner: number): void {
    const own = [...held.keys()].find((first) => held.get(first) === owner);
    if (own === undefined) return;
    held.delete(own);
    space.giveBack(owner, own);
  }

  function die(owner: number): void {
    for (const [first, holder] of held) if (holder === owner) held.delete(first);
    space.ownerGone(owner);
  }

  // A restart ends all workers; the next run starts with the blocks that come after.
  const lastLease = counter.at();
  ({ space } = aSpace({ counter, clock }));
  expect(space.lease(1)!.first).toBe((lastLease % extranonceBlocks) * extranonceBlockSize);
});

describe("a block that a worker holds for clients that may come back", () => {
  test("is its own: nobody else is leased it or may hold it, until it is given back", () => {
    const { space } = aSpace();
    expect(space.hold(1, 256)).toBe(true);
    expect(space.hold(1, 256)).toBe(true);
    expect(space.hold(2, 256)).toBe(false);
    expect([space.lease(2)!.first, space.lease(2)!.first]).toEqual([0, 512]);
    space.giveBack(2, 256);
    expect(space.hold(2, 256)).toBe(false);
    space.giveBack(1, 256);
    expect(space.hold(2, 256)).toBe(true);
  });

  test("may be one that rests since its owner went, and rests again when this one goes", () => {
    const { space, clock } = aSpace();
    const { first } = space.lease(1)!;
    space.ownerGone(1);
    expect(space.blocksTaken).toBe(1);
    expect(space.hold(1, first)).toBe(true);
    clock.advance(twoHoursMs);
    expect(space.blocksTaken).toBe(1);
    expect(space.hold(2, first)).toBe(false);
    space.ownerGone(1);
    clock.advance(twoHoursMs - 1);
    expect(space.blocksTaken).toBe(1);
    clock.advance(1);
    expect(space.blocksTaken).toBe(0);
  });

  test("is not one that was leased to somebody else since", () => {
    const { space } = aSpace();
    const { first } = space.lease(2)!;
    expect(space.hold(1, first)).toBe(false);
    expect(space.hold(2, first)).toBe(true);
  });

  test.each([1, 255, 2 ** 24, 2 ** 32, 0.5, Number.NaN])(
    "is none that begins with %d, which is no block of this front end",
    (first) => {
      const { space } = aSpace();
      expect(space.hold(1, first)).toBe(false);
      expect(space.blocksTaken).toBe(0);
    },
  );
});
