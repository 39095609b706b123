import { expect, test } from "vitest";
import { aJob } from "../../../support/jobs.ts";
import { aServingPool, job10, jobsOf, soon, submitParams, sweeps } from "../../../support/open-stratum.ts";
import { anAddress, hardBits } from "../../../support/stratum.ts";

const user = `${anAddress}.rig`;
const ping = '{"id":1,"method":"mining.extranonce.subscribe","params":[]}\n';

test("more requests within a second than the bound are a flood: warned of nothing, then read from once a second", async () => {
  const pool = await aServingPool({ limits: { requestsPerSecond: 10 } });
  const client = await pool.connect();
  await client.join();
  let sent = client.lines.length;
  const flood = async () => {
    client.send(ping.repeat(11));
    sent += 11;
    await soon("the answers", () => client.lines.length >= sent);
    pool.clock.advance(1000);
  };
  await flood();
  expect(pool.metrics.count("penalty warn")).toBe(0);
  await flood();
  expect(pool.metrics.count("penalty warn")).toBe(1);
  await flood();
  expect(pool.metrics.count("penalty slow")).toBe(0);
  await flood();
  expect(pool.metrics.count("penalty slow")).toBe(1);
  await flood();
  client.send(ping.repeat(11));
  await client.untilEnded();
  expect(pool.metrics.count("connectionClosed penalty")).toBe(1);
});

test.each([
  ["refused", (i: number) => `nobody${i}`],
  ["repeated", () => user],
])("authorizations that are %s count as requests", async (_, name) => {
  const pool = await aServingPool({ limits: { requestsPerSecond: 10 } });
  const client = await pool.connect();
  await client.join();
  for (let second = 0; second < 5; second++) {
    for (let i = 0; i < 11; i++)
      client.send(`${JSON.stringify({ id: i, method: "mining.authorize", params: [name(i), "x"] })}\n`);
    await sweeps();
    pool.clock.advance(1000);
  }
  await soon("the penalty", () => pool.metrics.count("penalty slow") > 0);
});

test("thousands of workers that are authorized at once are no flood", async () => {
  const pool = await aServingPool({ limits: { requestsPerSecond: 10 } });
  const client = await pool.connect();
  await client.request("mining.subscribe", []);
  const lines = Array.from({ length: 2000 }, (_, i) =>
    JSON.stringify({ id: i, method: "mining.authorize", params: [`${anAddress}.w${i}`, "x"] }),
  );
  client.send(`${lines.join("\n")}\n`);
  await soon("all", () => pool.stratum.counts.workers === 2000);
  expect(pool.metrics.count("authorizeAnswered true")).toBe(2000);
  expect(pool.metrics.events.filter((event) => event.startsWith("penalty"))).toEqual([]);
});

test("submissions refused without end slow a connection down and then end it; an accepted one begins the count anew", async () => {
  const pool = await aServingPool({ limits: { refusedInARow: 10 } });
  const client = await pool.connect();
  await client.join();
  const submit = async (verdict: "duplicate" | "accepted", times: number) => {
    pool.shares.verdict = verdict;
    for (let i = 0; i < times; i++) await client.request("mining.submit", submitParams(user, job10));
  };
  const refuseFor10Seconds = async () => {
    await submit("duplicate", 9);
    pool.clock.advance(10_000);
    await submit("duplicate", 1);
  };
  await submit("duplicate", 9);
  pool.clock.advance(10_000);
  await submit("accepted", 1);
  await submit("duplicate", 9);
  expect(pool.metrics.events.filter((event) => event.startsWith("penalty"))).toEqual([]);
  await submit("accepted", 1);
  await refuseFor10Seconds();
  expect(pool.metrics.count("penalty warn")).toBe(1);
  await refuseFor10Seconds();
  await refuseFor10Seconds();
  expect(pool.metrics.count("penalty slow")).toBe(1);
  pool.clock.advance(1000);
  await refuseFor10Seconds();
  pool.clock.advance(1000);
  pool.shares.verdict = "duplicate";
  for (let i = 0; i < 10; i++)
    client.send(
      `${JSON.stringify({ id: "x", method: "mining.submit", params: submitParams(user, job10) })}\n`,
    );
  await sweeps();
  pool.clock.advance(10_000);
  for (let i = 0; i < 10; i++)
    client.send(
      `${JSON.stringify({ id: "x", method: "mining.submit", params: submitParams(user, job10) })}\n`,
    );
  await client.untilEnded();
  expect(pool.metrics.count("connectionClosed penalty")).toBe(1);
});

test("silence is longer at difficulties where a share takes a slow device long", async () => {
  const pool = await aServingPool();
  const [easy, hard] = [await pool.connect(), await pool.connect()];
  await easy.join();
  await hard.request("mining.subscribe", []);
  await hard.request("mining.authorize", [user, "d=16384"]);
  pool.clock.advance(3_600_000);
  await easy.untilEnded();
  await sweeps();
  expect(hard.ended).toBe(false);
  pool.clock.advance(86_400_000);
  await hard.untilEnded();
  await soon("both ends", () => pool.metrics.count("connectionClosed idle") === 2);
});

test("any line is a sign of life, also an answer and a pong", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  await client.join();
  const lines = ['{"id":7,"result":true}', '{"id":8,"method":"mining.pong"}', ping.trim()];
  for (const [id, line] of lines.entries()) {
    pool.clock.advance(3_000_000);
    client.send(`${line}\n${ping.replace("1", `"${id}"`)}`);
    await client.answer(`${id}`);
  }
  expect(client.ended).toBe(false);
});

test("a device that does not read is sent the newest job, and no other, as soon as it reads again", async () => {
  const pool = await aServingPool({ limits: { queuedBytes: 16_384 } });
  const client = await pool.connect();
  await client.join();
  client.socket.pause();
  // Jobs of 10 kB until the kernel takes no more: what waits is less than what makes a stream tell that it is empty.
  const coinbase2 = new Uint8Array(5000);
  let number = 11;
  for (; number < 2000; number++) {
    pool.broadcast(aJob({ number, bits: hardBits, clean: false, coinbase2 }));
    if (number % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const last = (number - 1).toString(16).padStart(10, "0");
  client.socket.resume();
  await soon("the newest job", () => jobsOf(client).at(-1) === `${last}00`);
  const ids = jobsOf(client);
  expect(ids.length).toBeLessThan(1990);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
});

test("the last words reach a client that is ended while it floods", async () => {
  const pool = await aServingPool({ limits: { malformedLines: 20 } });
  const client = await pool.connect();
  await client.join();
  const before = client.lines.length;
  client.send("{nonsense\n".repeat(20).concat("x".repeat(8_000_000)));
  await client.untilEnded();
  expect(client.lines.slice(before)).toHaveLength(20);
  expect(pool.metrics.count("connectionClosed garbage")).toBe(1);
});
