import { expect, test } from "vitest";
import { aFirmware } from "../../../support/firmware.ts";
import {
  aServingPool,
  difficultiesOf,
  job10,
  soon,
  submitParams,
  untilJobs,
} from "../../../support/open-stratum.ts";
import { anAddress } from "../../../support/stratum.ts";

const user = `${anAddress}.rig`;

test("the minimum difficulty answered is the one in force, and 0 takes it back", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  const configure = async (value: number) =>
    (
      await client.request("mining.configure", [
        ["minimum-difficulty"],
        { "minimum-difficulty.value": value },
      ])
    ).result;
  expect(await configure(3000)).toEqual({ "minimum-difficulty": true, "minimum-difficulty.value": 4096 });
  await client.request("mining.subscribe", []);
  await untilJobs(client, 1);
  expect(difficultiesOf(client)).toEqual([4096]);
  expect(await configure(0)).toEqual({ "minimum-difficulty": true, "minimum-difficulty.value": 4096 });
  await client.request("mining.suggest_difficulty", [64]);
  await untilJobs(client, 2);
  expect(difficultiesOf(client)).toEqual([4096, 64]);
});

test("extensions that nobody knows are answered false, and all four of BIP 310 as agreed", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  const { result } = await client.request("mining.configure", [
    ["version-rolling", "minimum-difficulty", "subscribe-extranonce", "info", "unheard-of"],
    { "version-rolling.mask": "ffffffff", "minimum-difficulty.value": 1 },
  ]);
  expect(result).toMatchObject({
    "version-rolling": true,
    "version-rolling.mask": "1fffe000",
    "minimum-difficulty": true,
    "subscribe-extranonce": true,
    info: true,
    "unheard-of": false,
  });
});

test("without version rolling in a later configuration the whole mask is allowed, as for those who never asked", async () => {
  const pool = await aServingPool();
  pool.shares.verdict = "accepted";
  const client = await pool.connect();
  await client.join();
  await client.request("mining.configure", [["version-rolling"], { "version-rolling.mask": "0000e000" }]);
  await client.request("mining.submit", submitParams(user, job10));
  await client.request("mining.configure", [["info"], {}]);
  await client.request("mining.submit", submitParams(user, job10));
  expect(pool.shares.submissions.map(({ versionMask }) => versionMask)).toEqual([0xe000, 0x1fffe000]);
});

test("firmware that takes the mask up only when told again is told before its first job, once", async () => {
  const firmware = [aFirmware({ name: "told", agents: ["told*"], versionMaskMessage: "before-first-job" })];
  const pool = await aServingPool({ firmware, scheme: "solo" });
  const client = await pool.connect();
  await client.request("mining.configure", [["version-rolling"], { "version-rolling.mask": "0000e000" }]);
  await client.request("mining.subscribe", ["told/1"]);
  await client.request("mining.authorize", [user, "x"]);
  await untilJobs(client, 1);
  await client.request("mining.subscribe", ["told/1"]);
  await soon("the job again", () => client.paramsOf("mining.notify").length === 2);
  const methods = client.messages.map(({ method }) => method).filter(Boolean);
  expect(methods.slice(0, 3)).toEqual(["mining.set_version_mask", "mining.set_difficulty", "mining.notify"]);
  expect(client.paramsOf("mining.set_version_mask")).toEqual([["0000e000"]]);
});
