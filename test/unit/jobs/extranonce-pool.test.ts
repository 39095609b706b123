import { describe, expect, test } from "vitest";
import { createExtranoncePool } from "../../../src/jobs/extranonce-pool.ts";
import { createExtranonceSpace } from "../../../src/jobs/extranonce-space.ts";
import { aClock } from "../../support/clock.ts";
import { randomSource } from "../../support/random.ts";

const reuseAfterMs = 2 * 3_600_000;

function aPool({ reserve = 256, clock = aClock() } = {}) {
  const returned: number[] = [];
  let wanted = 0;
  const pool = createExtranoncePool({
    clock,
    reserve,
    reuseAfterMs,
    retryAfterMs: 1_000,
    onWanted: () => wanted++,
    onReturned: (first) => returned.push(first),
  });
  return { pool, clock, returned, wanted: () => wanted };
}

const take = (count: number, pool: { take(): number | undefined }) =>
  Array.from({ length: count }, () => pool.take()!);

test("values come out of the lease, each once", () => {
  const { pool } = aPool();
  pool.leased({ first: 512, count: 256 });
  const values = take(256, pool);
  expect(new Set(values).size).toBe(256);
  expect([Math.min(...values), Math.max(...values)]).toEqual([512, 767]);
  expect(pool.take()).toBeUndefined();
  expect(pool).toMatchObject({ onHand: 0, taken: 256 });
});

describe("asking for more", () => {
  test("starts at the first tick, and covers the reserve with what is under way", () => {
    const { pool, wanted } = aPool({ reserve: 1_000 });
    pool.tick();
    expect(wanted()).toBe(4);
    pool.tick();
    expect(wanted()).toBe(4);
  });

  test("goes on before the last value is gone", () => {
    const { pool, wanted } = aPool({ reserve: 300 });
    pool.tick();
    for (const first of [0, 256]) pool.leased({ first, count: 256 });
    expect(wanted()).toBe(2);
    take(212, pool);
    expect(wanted()).toBe(2);
    take(1, pool);
    expect(wanted()).toBe(3);
  });

  test("when none is on hand, a connection that comes asks but does not wait", () => {
    const { pool, wanted } = aPool();
    expect(pool.take()).toBeUndefined();
    expect(pool.take()).toBeUndefined();
    expect(wanted()).toBe(1);
  });

  test("pauses when the space is exhausted", () => {
    const { pool, wanted, clock } = aPool();
    pool.tick();
    pool.leased(undefined);
    for (let i = 0; i < 50; i++) pool.take();
    pool.tick();
    expect(wanted()).toBe(1);
    clock.advance(1_000);
    pool.tick();
    expect(wanted()).toBe(2);
  });
});

describe("a released value", () => {
  test("is not handed out again while its block lives", () => {
    const { pool } = aPool();
    pool.leased({ first: 0, count: 256 });
    const seen = new Set<number>();
    for (let i = 0; i < 256; i++) {
      const value = pool.take()!;
      expect(seen.has(value)).toBe(false);
      seen.add(value);
      pool.release(value);
    }
    expect(pool.take()).toBeUndefined();
  });

  test("goes back with its block, once all of it is released and has rested", () => {
    const { pool, clock, returned } = aPool();
    pool.leased({ first: 256, count: 256 });
    const values = take(256, pool);
    for (const value of values.slice(1)) pool.release(value);
    clock.advance(10 * reuseAfterMs);
    pool.tick();
    expect(returned).toEqual([]); // one connection still holds a value
    pool.release(values[0]!);
    clock.advance(reuseAfterMs - 1);
    pool.tick();
    expect(returned).toEqual([]);
    clock.advance(1);
    pool.tick();
    pool.tick();
    expect(returned).toEqual([256]);
  });

  test("does not send back a block that still has values on hand", () => {
    const { pool, clock, returned } = aPool();
    pool.leased({ first: 0, count: 256 });
    pool.release(pool.take()!);
    clock.advance(reuseAfterMs);
    pool.tick();
    expect(returned).toEqual([]);
    expect(pool.onHand).toBe(255);
  });

  test.each([
    ["twice", 0],
    ["that was never taken", 1],
    ["of a block that this worker does not have", 70_000],
  ])("%s is an error", (_, value) => {
    const { pool } = aPool();
    pool.leased({ first: 0, count: 256 });
    pool.release(pool.take()!);
    expect(() => pool.release(value)).toThrow(expect.objectContaining({ code: "EXTRANONCE_NOT_TAKEN" }));
    expect(pool.taken).toBe(0);
  });
});

test("a block that is leased while this worker still has it is an error, also while it rests", () => {
  const { pool } = aPool();
  const twice = expect.objectContaining({ code: "EXTRANONCE_LEASED_TWICE" });
  pool.leased({ first: 0, count: 256 });
  expect(() => pool.leased({ first: 0, count: 256 })).toThrow(twice);
  for (const value of take(256, pool)) pool.release(value);
  expect(() => pool.leased({ first: 0, count: 256 })).toThrow(twice);
});

test("workers over one space, with connections that come and go for days, never share a value", () => {
  const random = randomSource(31);
  const clock = aClock();
  let leases = 2 ** 16 - 100;
  const space = createExtranonceSpace({
    frontEnd: 3,
    counter: { next: () => leases++ },
    clock,
    reuseAfterMs,
  });
  const workers = [1, 2, 3].map((owner) => {
    const wanted: (() => void)[] = [];
    const pool = createExtranoncePool({
      clock,
      reserve: 300,
      reuseAfterMs,
      retryAfterMs: 1_000,
      onWanted: () => wanted.push(() => pool.leased(space.lease(owner))),
      onReturned: (first) => space.giveBack(owner, first),
    });
    return { pool, wanted, held: [] as number[] };
  });
  const inUse = new Set<number>();
  /** When each value was released last: it must rest. */
  const releasedAt = new Map<number, number>();

  for (let step = 0; step < 60_000; step++) {
    const worker = workers[random.integer(0, 2)]!;
    for (const answer of worker.wanted.splice(0)) answer();
    if (random.integer(0, 99) < 52) {
      const value = worker.pool.take();
      if (value === undefined) continue;
      expect(value >>> 24).toBe(3);
      expect(inUse.has(value)).toBe(false);
      expect(
        clock.monotonicMs() - (releasedAt.get(value) ?? Number.NEGATIVE_INFINITY),
      ).toBeGreaterThanOrEqual(reuseAfterMs);
      inUse.add(value);
      worker.held.push(value);
    } else if (worker.held.length > 0) {
      const [value] = worker.held.splice(random.integer(0, worker.held.length - 1), 1);
      worker.pool.release(value!);
      inUse.delete(value!);
      releasedAt.set(value!, clock.monotonicMs());
    }
    clock.advance(random.integer(0, 20_000));
    worker.pool.tick();
  }
  expect(inUse.size).toBe(workers.reduce((sum, { pool }) => sum + pool.taken, 0));
  expect(releasedAt.size).toBeGreaterThan(20_000);
});

describe("values that a process before handed out", () => {
  test("are held and never handed out; released, they go back as their block, after its rest", () => {
    const { pool, clock, returned } = aPool();
    pool.adopt([512, 700, 1030]);
    pool.leased({ first: 0, count: 256 });
    expect(pool).toMatchObject({ onHand: 256, taken: 3 });
    expect(Math.max(...take(256, pool))).toBe(255);
    expect(pool.take()).toBeUndefined();
    pool.release(512);
    clock.advance(reuseAfterMs);
    pool.tick();
    expect(returned).toEqual([]);
    pool.release(700);
    clock.advance(reuseAfterMs - 1);
    pool.tick();
    expect(returned).toEqual([]);
    clock.advance(1);
    pool.tick();
    expect(returned).toEqual([512]);
    pool.release(1030);
    clock.advance(reuseAfterMs);
    pool.tick();
    expect(returned).toEqual([512, 1024]);
    expect(pool.take()).toBeUndefined();
  });

  test("cannot be released twice, nor can their neighbours in the block", () => {
    const { pool } = aPool();
    pool.adopt([512]);
    for (const value of [513, 767]) expect(() => pool.release(value)).toThrow(/without being held/);
    pool.release(512);
    expect(() => pool.release(512)).toThrow(/without being held/);
  });

  test("are of blocks that cannot be leased meanwhile", () => {
    const { pool } = aPool();
    pool.adopt([512]);
    expect(() => pool.leased({ first: 512, count: 256 })).toThrow(
      expect.objectContaining({ code: "EXTRANONCE_LEASED_TWICE" }),
    );
  });
});
