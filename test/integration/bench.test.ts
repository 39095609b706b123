/** The benchmark's own parts, so that they cannot rot: a short run against a real pool, everything accepted. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFakeNode } from "../../bench/fake-node.ts";
import { buildFrameGenerator, buildGenerator, startGenerator, v2 } from "../../bench/generator.ts";
import { type PoolServer, poolAddress, startFloor, startPool } from "../../bench/servers.ts";
import { until } from "../support/deadline.ts";
import { startPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/temporary.ts";

const user = `${poolAddress}.bench`;
const flawless = { rejected: 0, unanswered: 0, unexpected: 0, firstRejection: null, newTip: false };
const ends: (() => Promise<unknown>)[] = [];
let pool: PoolServer;
let newBlock: () => Promise<number>;

beforeAll(async () => {
  const folder = await temporaryFolder("bench");
  const [node, postgres] = await Promise.all([
    startFakeNode({ transactions: 300 }),
    startPostgres(),
    buildGenerator(),
    buildFrameGenerator(),
  ]);
  ends.push(folder.remove, node.close, postgres.stop);
  const directory = join(folder.path, "pool");
  pool = await startPool({ directory, node, postgres, durability: "fsync", place: {} });
  ends.push(pool.stop);
  newBlock = node.newBlock;
});

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

test("every share that the generator makes is accepted, in a closed and in an open loop", async () => {
  const generator = await startGenerator();
  await generator.connect(pool.port, 5, user);
  await generator.prepare(200_000, "real");

  const closed = await generator.closedLoop(1, 8);
  const open = await generator.openLoop(0.5, 400);

  expect(closed).toMatchObject(flawless);
  expect(closed.accepted).toBeGreaterThan(100);
  expect(open).toMatchObject({ ...flawless, accepted: 200, exhausted: false });
  expect(open.p50Ms).toBeGreaterThan(0);
  expect(open.maxMs).toBeGreaterThanOrEqual(open.p99Ms);
  const total = closed.accepted + open.accepted;
  expect(await pool.metric("penstock_shares_answered_total", 'result="accepted"')).toBe(total);
  const booked = async () => (await pool.metric("penstock_shares_applied_total")) === total && "all of them";
  await until(booked, { timeoutMs: 20_000, what: "the books to have what the generator counted" });
  await generator.stop();
});

test("a new block reaches all miners of the generator, and ends what was prepared", async () => {
  const generator = await startGenerator();
  await generator.connect(pool.port, 20, user);
  let announced: Promise<number> | undefined;

  const { firstJobMs, fullJobMs } = await generator.expectBlock(() => {
    announced = newBlock();
  });

  expect(firstJobMs[0]).toBeGreaterThan(0);
  expect(fullJobMs[1]).toBeGreaterThanOrEqual(firstJobMs[0]);
  expect(fullJobMs[1]).toBeGreaterThan(await announced!);
  await generator.stop();
});

test("a storm of connections is served, and the worker's memory is known", async () => {
  const generator = await startGenerator();

  const storm = await generator.storm(pool.port, 200, user);

  expect(storm).toMatchObject({ ready: 200, failed: 0, firstFailure: null });
  for (const spread of [storm.connectedMs, storm.readyMs, storm.workMs]) {
    expect(spread[0]).toBeGreaterThan(0);
    expect([...spread]).toEqual([...spread].sort((left, right) => left - right));
  }
  expect(storm.readyMs[2]).toBeGreaterThan(storm.connectedMs[0]);
  expect(pool.residentBytes()).toBeGreaterThan(10_000_000);
  await generator.stop();
});

test.each([
  { kind: "extended", channels: 1 },
  { kind: "standard", channels: 3 },
] as const)("every share of V2 is accepted: $channels $kind a connection", async ({ kind, channels }) => {
  const generator = await startGenerator(undefined, { ...v2, kind, channels });
  await generator.connect(pool.port, 4, user);
  await generator.prepare(100_000, "real");
  const before = await pool.metric("penstock_shares_answered_total", 'result="accepted"');

  const closed = await generator.closedLoop(0.5, 20);
  const open = await generator.openLoop(0.5, 200);

  expect(closed).toMatchObject(flawless);
  expect(closed.accepted).toBeGreaterThan(100);
  expect(open).toMatchObject({ ...flawless, accepted: 100, exhausted: false });
  expect(open.bytesSent).toBe(100 * (kind === "extended" ? 71 : 62));
  const accepted = (await pool.metric("penstock_shares_answered_total", 'result="accepted"')) - before;
  expect(accepted).toBe(closed.accepted + open.accepted);
  await generator.stop();
});

test("a storm of V2 connections is served, and a new block reaches all of their channels", async () => {
  const generator = await startGenerator(undefined, { ...v2, channels: 2 });
  expect(await generator.storm(pool.port, 50, user)).toMatchObject({ ready: 50, failed: 0 });
  let announced: Promise<number> | undefined;

  const block = await generator.expectBlock(() => {
    announced = newBlock();
  });

  expect(block.fullJobMs[1]).toBeGreaterThan(await announced!);
  expect(block.fullJobMs[1]).toBeGreaterThanOrEqual(block.firstJobMs[0]);
  expect(block.fullJobBytes).toBeGreaterThan(block.firstJobBytes);
  await generator.stop();
});

test("V2's floor answers every share", async () => {
  const floor = await startFloor("node-v2", {});
  const generator = await startGenerator(undefined, v2);
  await generator.connect(floor.port, 3, user);
  await generator.prepare(500_000, "any");

  const load = await generator.closedLoop(0.2, 20);

  expect(load).toMatchObject(flawless);
  expect(load.accepted).toBeGreaterThan(100);
  await generator.stop();
  await floor.stop();
});

test("connections of a storm that nobody takes are counted as failed", async () => {
  const generator = await startGenerator();
  const storm = await generator.storm(1, 10, user);
  expect(storm).toMatchObject({ ready: 0, failed: 10 });
  expect(storm.firstFailure).toBe("connecting to the pool: Connection refused");
  await generator.stop();
});

test.each(["node", "c++"] as const)("the floor in %s serves a storm and sends a new tip", async (kind) => {
  const floor = await startFloor(kind, {});
  const generator = await startGenerator();
  expect(await generator.storm(floor.port, 200, user)).toMatchObject({ ready: 200, failed: 0 });
  let announced: Promise<number> | undefined;

  const { firstJobMs, fullJobMs, fullJobBytes } = await generator.expectBlock(() => {
    announced = floor.newBlock();
  });

  expect(firstJobMs[0]).toBeGreaterThan(await announced!);
  expect(fullJobMs).toEqual(firstJobMs);
  expect(fullJobBytes).toBeGreaterThan(1_000);
  await generator.stop();
  await floor.stop();
});

test.each(["node", "c++"] as const)("the floor in %s answers every line", async (kind) => {
  const floor = await startFloor(kind, {});
  const generator = await startGenerator();
  await generator.connect(floor.port, 3, user);
  await generator.prepare(1_000_000, "any");

  const load = await generator.closedLoop(0.2, 8);

  expect(load).toMatchObject(flawless);
  expect(load.accepted).toBeGreaterThan(100);
  await generator.stop();
  await floor.stop();
});

test("a generator that cannot connect says so", async () => {
  const generator = await startGenerator();
  await expect(generator.connect(1, 1, user)).rejects.toThrow("connecting to the pool: Connection refused");
  await generator.stop();
});
