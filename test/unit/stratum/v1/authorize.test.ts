import { expect, test } from "vitest";
import { RememberedDifficulties } from "../../../../src/stratum/remembered-difficulties.ts";
import { aFirmware } from "../../../support/firmware.ts";
import {
  aServingPool,
  difficultiesOf,
  jobsOf,
  leave,
  sweeps,
  untilJobs,
} from "../../../support/open-stratum.ts";
import { anAddress, type RawClient } from "../../../support/stratum.ts";

const another = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const user = `${anAddress}.rig`;

const authorize = (client: RawClient, name: string, password: unknown = "x") =>
  client.request("mining.authorize", [name, password]);

test("solo, a second address on one connection is refused with the reason; another worker of the first is not", async () => {
  const pool = await aServingPool({ scheme: "solo" });
  const client = await pool.connect();
  expect((await authorize(client, user)).result).toBe(true);
  const refused = await authorize(client, `${another}.rig`);
  expect(refused.result).toBe(false);
  expect(refused.error).toEqual([24, expect.stringContaining("mines solo for another address"), null]);
  expect((await authorize(client, `${anAddress}.other`)).result).toBe(true);
  expect(pool.stratum.counts.workers).toBe(2);
});

test("where rewards are shared several addresses may be on one connection", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  expect((await authorize(client, user)).result).toBe(true);
  expect((await authorize(client, `${another}.rig`)).result).toBe(true);
});

test("a user name that the device would cut is refused, naming the device and its bound", async () => {
  const firmware = [aFirmware({ name: "short", agents: ["short*"], userNameBytes: user.length })];
  const pool = await aServingPool({ firmware });
  const client = await pool.connect();
  await client.request("mining.subscribe", ["short/1"]);
  const refused = await authorize(client, `${user}s`);
  expect(refused.result).toBe(false);
  expect(refused.error[1]).toContain(`This device (short) handles user names of up to ${user.length} bytes`);
  expect((await authorize(client, user)).result).toBe(true);
});

test("the bound of all workers of a process holds over its connections, and one that ends makes room", async () => {
  const pool = await aServingPool({ limits: { workers: 1 } });
  const first = await pool.connect();
  const second = await pool.connect();
  expect((await authorize(first, user)).result).toBe(true);
  expect((await authorize(second, user)).error[1]).toContain("too many workers on this server");
  await leave(pool, first);
  expect((await authorize(second, user)).result).toBe(true);
});

test.each([
  ["d=5000", 8192],
  ["x,sd=64", 64],
  ["md=2000", 2048],
  ["th=100", 262_144],
  ["d=1e300", 1024],
  ["d=-1", 1024],
  ["anything", 1024],
])("the password %s leads to difficulty %d", async (password, difficulty) => {
  const pool = await aServingPool();
  const client = await pool.connect();
  await authorize(client, user, password);
  await client.request("mining.subscribe", []);
  await untilJobs(client, 1);
  expect(difficultiesOf(client)).toEqual([difficulty]);
});

test("a password's difficulty after the subscription is sent with the job under a new name", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  await client.request("mining.subscribe", []);
  await authorize(client, user, "d=64");
  await untilJobs(client, 2);
  expect(difficultiesOf(client)).toEqual([1024, 64]);
  expect(jobsOf(client)).toEqual(["000000000a00", "000000000a01"]);
});

test("a fixed difficulty does not follow the shares; a start does", async () => {
  const pool = await aServingPool();
  pool.shares.verdict = "accepted";
  const [fixed, start] = [await pool.connect(), await pool.connect()];
  for (const client of [fixed, start]) await client.request("mining.subscribe", []);
  await authorize(fixed, user, "d=64");
  await authorize(start, user, "sd=64");
  for (const client of [fixed, start]) {
    for (let i = 0; i < 40; i++)
      await client.request("mining.submit", [user, "000000000a01", "0000000000000001", "7d0", "2a"]);
  }
  pool.clock.advance(2000);
  await untilJobs(start, 3);
  expect(difficultiesOf(start)[2]).toBeGreaterThan(64);
  expect(difficultiesOf(fixed)).toEqual([1024, 64]);
});

test("who repeats its authorization does not undo the difficulty that was found since", async () => {
  const pool = await aServingPool();
  pool.shares.verdict = "accepted";
  const client = await pool.connect();
  await client.request("mining.subscribe", []);
  await authorize(client, user, "sd=64");
  for (let i = 0; i < 40; i++)
    await client.request("mining.submit", [user, "000000000a01", "0000000000000001", "7d0", "2a"]);
  pool.clock.advance(2000);
  await untilJobs(client, 3);
  expect((await authorize(client, user, "sd=64")).result).toBe(true);
  await sweeps();
  expect(difficultiesOf(client)).toHaveLength(3);
  await authorize(client, user, "sd=128");
  await untilJobs(client, 4);
  expect(difficultiesOf(client)[3]).toBe(128);
});

test("a worker begins where its last connection ended, unless its owner asks for something else", async () => {
  const remembered = new RememberedDifficulties(10);
  remembered.set({ account: anAddress, worker: "rig" }, 65_536);
  const pool = await aServingPool({ remembered });
  const [plain, asking, other] = [await pool.connect(), await pool.connect(), await pool.connect()];
  for (const client of [plain, asking, other]) await client.request("mining.subscribe", []);
  await authorize(plain, user);
  await authorize(asking, user, "sd=64");
  await authorize(other, `${anAddress}.other`);
  await untilJobs(plain, 2);
  await untilJobs(asking, 2);
  expect(difficultiesOf(plain)).toEqual([1024, 65_536]);
  expect(difficultiesOf(asking)).toEqual([1024, 64]);
  expect(difficultiesOf(other)).toEqual([1024]);
});

test("solo, work comes with the first authorization, and pays its address", async () => {
  const pool = await aServingPool({ scheme: "solo" });
  const client = await pool.connect();
  await client.request("mining.subscribe", []);
  expect((await authorize(client, "nobody")).result).toBe(false);
  expect(client.paramsOf("mining.notify")).toEqual([]);
  await authorize(client, user);
  await untilJobs(client, 1);
  expect(client.paramsOf("mining.notify")[0][3]).toBe(Buffer.from(anAddress).toString("hex"));
  await authorize(client, `${anAddress}.second`);
  await sweeps();
  expect(jobsOf(client)).toEqual(["000000000a00"]);
});
