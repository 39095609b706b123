import { expect, test } from "vitest";
import { aServingPool, difficultiesOf, untilJobs } from "../../../support/open-stratum.ts";
import { anAddress } from "../../../support/stratum.ts";

const user = `${anAddress}.rig`;

test("a target is followed as the difficulty that it is", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  const target = (0xffffn << 192n).toString(16).padStart(64, "0");
  expect((await client.request("mining.suggest_target", [target])).result).toBe(true);
  await client.request("mining.subscribe", []);
  await untilJobs(client, 1);
  expect(difficultiesOf(client)).toEqual([65_536]);
});

test.each([[[]], [["x".repeat(64)]], [["0".repeat(64)]], [["0".repeat(65)]], [[7]], [[null]]])(
  "the target %j is malformed",
  async (params) => {
    const pool = await aServingPool();
    const client = await pool.connect();
    const { error } = await client.request("mining.suggest_target", params);
    expect(error).toEqual([20, expect.stringMatching(/^malformed: \S/), null]);
  },
);

test("a password's difficulty counts more than a suggestion, before it or after", async () => {
  const pool = await aServingPool();
  const [before, after] = [await pool.connect(), await pool.connect()];
  await before.request("mining.suggest_difficulty", [16]);
  await before.request("mining.authorize", [user, "d=64"]);
  await after.request("mining.authorize", [user, "d=64"]);
  await after.request("mining.suggest_difficulty", [16]);
  for (const client of [before, after]) {
    await client.request("mining.subscribe", []);
    await untilJobs(client, 1);
    expect(difficultiesOf(client)).toEqual([64]);
  }
});
