import { expect, test } from "vitest";
import { aServingPool, job10 } from "../../../support/open-stratum.ts";
import type { StratumChanges } from "../../../support/stratum.ts";

async function aMiner(changes: StratumChanges = {}) {
  const asked: number[] = [];
  const pool = await aServingPool({
    transactionsOf: (_, maxBytes) => {
      asked.push(maxBytes);
      return ["aa", "bb"];
    },
    ...changes,
  });
  const client = await pool.connect();
  await client.join();
  const get = (params: unknown) => client.request("mining.get_transactions", params);
  return { pool, client, asked, get };
}

test("the transactions of a job that was sent here are told, as much as half of what may wait", async () => {
  const { get, asked } = await aMiner({ limits: { queuedBytes: 20_001 } });
  expect((await get([job10])).result).toEqual(["aa", "bb"]);
  expect(asked).toEqual([10_000]);
});

test.each([["000000000b00"], ["000000000a01"], ["x"], [""], ["__proto__"]])(
  "job %j, which was never sent here, is job-not-found",
  async (jobId) => {
    const { get, asked } = await aMiner();
    expect((await get([jobId])).error).toEqual([21, expect.stringMatching(/^job-not-found: /), null]);
    expect(asked).toEqual([]);
  },
);

test("a job that is too old is job-not-found", async () => {
  const { get, pool } = await aMiner();
  pool.jobs.forget(10);
  expect((await get([job10])).error[0]).toBe(21);
});

test("without a subscription it is job-not-found", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  expect((await client.request("mining.get_transactions", [job10])).error[0]).toBe(21);
});

test("transactions that are too many are unavailable, and the answer says where to get them", async () => {
  const { get } = await aMiner({ transactionsOf: () => undefined });
  const { error } = await get([job10]);
  expect(error).toEqual([20, expect.stringMatching(/^unavailable: .*32768 bytes; ask a Bitcoin node/), null]);
});

test.each([[[]], [[7]], [[null]], [[[job10]]], [{ job: job10 }]])(
  "parameters %j are malformed",
  async (params) => {
    const { get, client } = await aMiner();
    expect((await get(params)).error).toEqual([20, expect.stringMatching(/^malformed: /), null]);
    expect((await client.request("mining.extranonce.subscribe", [])).result).toBe(true);
  },
);
