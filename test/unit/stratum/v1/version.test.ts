import { expect, test } from "vitest";
import { aFirmware } from "../../../support/firmware.ts";
import {
  aServingPool,
  difficultiesOf,
  job10,
  soon,
  submitParams,
  sweeps,
} from "../../../support/open-stratum.ts";
import { anAddress } from "../../../support/stratum.ts";

const user = `${anAddress}.rig`;
const firmware = [aFirmware({ name: "big", agents: ["big*"], difficultyMin: 4096, showsMessages: true })];

async function aMiner(agent: string) {
  const pool = await aServingPool({ firmware });
  pool.shares.verdict = "accepted";
  const client = await pool.connect();
  await client.request("mining.subscribe", [agent]);
  await client.request("mining.authorize", [user, "x"]);
  const versionRequests = () => client.messages.filter(({ method }) => method === "client.get_version");
  return { pool, client, versionRequests };
}

test("a device that has mined for a minute and did not say what it is, is asked once", async () => {
  const { pool, client, versionRequests } = await aMiner("");
  await client.request("mining.submit", submitParams(user, job10));
  pool.clock.advance(59_999);
  await sweeps();
  expect(versionRequests()).toEqual([]);
  pool.clock.advance(1);
  await soon("the question", () => versionRequests().length > 0);
  pool.clock.advance(60_000);
  await sweeps();
  expect(versionRequests()).toEqual([{ id: 2_000_000_001, method: "client.get_version", params: [] }]);
});

test.each(["", "other/1"])("agent %j that did not mine, or named itself, is not asked", async (agent) => {
  const { pool, client, versionRequests } = await aMiner(agent);
  if (agent !== "") await client.request("mining.submit", submitParams(user, job10));
  pool.clock.advance(60_000);
  await sweeps();
  expect(versionRequests()).toEqual([]);
});

test("its answer decides what is known of it: difficulty and messages follow", async () => {
  const { pool, client, versionRequests } = await aMiner("");
  await client.request("mining.submit", submitParams(user, job10));
  expect(pool.stratum.show("hello")).toBe(0);
  pool.clock.advance(60_000);
  await soon("the question", () => versionRequests().length > 0);
  client.send('{"id":2000000001,"result":"big/2","error":null}\n');
  await soon("the difficulty", () => difficultiesOf(client).length > 1);
  expect(difficultiesOf(client)).toEqual([1024, 4096]);
  expect(pool.stratum.show("hello")).toBe(1);
});

test.each([
  ['{"id":2000000001,"result":7,"error":null}'],
  ['{"id":2000000001,"result":null,"error":[-3,"Method not found",null]}'],
  ['{"id":2000000001,"result":"","error":null}'],
  ['{"id":7,"result":"big/2","error":null}'],
])("the answer %s changes nothing and costs nothing", async (answer) => {
  const { pool, client, versionRequests } = await aMiner("");
  await client.request("mining.submit", submitParams(user, job10));
  pool.clock.advance(60_000);
  await soon("the question", () => versionRequests().length > 0);
  client.send(`${answer}\n`);
  expect((await client.request("mining.extranonce.subscribe", [])).result).toBe(true);
  expect(difficultiesOf(client)).toEqual([1024]);
  expect(pool.metrics.count("malformedLine")).toBe(0);
});

test("an answer that nobody asked for changes nothing", async () => {
  const { client } = await aMiner("");
  client.send('{"id":2000000001,"result":"big/2","error":null}\n');
  expect((await client.request("mining.extranonce.subscribe", [])).result).toBe(true);
  expect(difficultiesOf(client)).toEqual([1024]);
});
