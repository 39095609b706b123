import { expect, test } from "vitest";
import { targetFromDifficulty } from "../../../../src/bitcoin/target.ts";
import { aJob } from "../../../support/jobs.ts";
import {
  aServingPool,
  difficultiesOf,
  job10,
  jobsOf,
  leave,
  soon,
  submitParams,
  sweeps,
  untilJobs,
} from "../../../support/open-stratum.ts";
import {
  anAddress,
  hardBits,
  type Message,
  type RawClient,
  type StratumUnderTest,
} from "../../../support/stratum.ts";

const user = `${anAddress}.rig`;

interface Subscribed {
  readonly sessionId: string;
  readonly extranonce1: string;
}

async function subscribe(client: RawClient, sessionId?: unknown): Promise<Subscribed> {
  const { result } = await client.request("mining.subscribe", ["test/1", sessionId]);
  return { sessionId: result[0][0][1], extranonce1: result[1] };
}

/** A client that was here, has gone, and its session. */
async function whoLeft(pool: StratumUnderTest): Promise<Subscribed> {
  const client = await pool.connect();
  const session = await subscribe(client);
  await client.request("mining.authorize", [user, "x"]);
  await leave(pool, client);
  return session;
}

async function submitted(pool: StratumUnderTest, client: RawClient, jobId: string): Promise<Message> {
  const answer = client.request("mining.submit", submitParams(user, jobId));
  await soon("the share", () => pool.shares.waiting.length > 0);
  pool.shares.commit();
  return (await answer).result;
}

test("who comes back has the same extranonce1, difficulty and jobs, under the same session id", async () => {
  const pool = await aServingPool();
  const first = await pool.connect();
  const before = await subscribe(first);
  await first.request("mining.authorize", [user, "x"]);
  await first.request("mining.suggest_difficulty", [64]);
  await untilJobs(first, 2);
  await leave(pool, first);
  pool.broadcast(aJob({ number: 11, bits: hardBits, clean: false }));
  const again = await pool.connect();
  expect(await subscribe(again, before.sessionId)).toEqual(before);
  await again.request("mining.authorize", [user, "x"]);
  await untilJobs(again, 1);
  expect(difficultiesOf(again)).toEqual([64]);
  expect(jobsOf(again)).toEqual(["000000000b00"]);
  for (const jobId of [job10, "000000000a01", "000000000b00"])
    expect(await submitted(pool, again, jobId)).toBe(true);
  expect(pool.shares.submissions.map(({ target, extranonce1 }) => [target, extranonce1])).toEqual(
    Array(3).fill([targetFromDifficulty(64), Number.parseInt(before.extranonce1, 16)]),
  );
  expect(pool.metrics.count("sessionResumed")).toBe(1);
});

test("a job that was sent before is sent again under a new name", async () => {
  const pool = await aServingPool();
  const { sessionId } = await whoLeft(pool);
  const again = await pool.connect();
  await subscribe(again, sessionId);
  await untilJobs(again, 1);
  expect(jobsOf(again)).toEqual(["000000000a01"]);
});

test("a session is never taken up while it lives", async () => {
  const pool = await aServingPool();
  const first = await pool.connect();
  const living = await subscribe(first);
  const second = await pool.connect();
  const other = await subscribe(second, living.sessionId);
  expect(other.sessionId).not.toBe(living.sessionId);
  expect(other.extranonce1).not.toBe(living.extranonce1);
});

test("of two that come for one session the first has it; it can be taken up again when that one left", async () => {
  const pool = await aServingPool();
  const session = await whoLeft(pool);
  const first = await pool.connect();
  expect(await subscribe(first, session.sessionId)).toEqual(session);
  const second = await pool.connect();
  expect((await subscribe(second, session.sessionId)).extranonce1).not.toBe(session.extranonce1);
  await leave(pool, first);
  const third = await pool.connect();
  expect(await subscribe(third, session.sessionId)).toEqual(session);
});

test("a session is kept for its time and not longer", async () => {
  const pool = await aServingPool({ resumeSeconds: 60 });
  const early = await whoLeft(pool);
  const late = await whoLeft(pool);
  pool.clock.advance(59_999);
  expect(await subscribe(await pool.connect(), early.sessionId)).toEqual(early);
  pool.clock.advance(1);
  expect((await subscribe(await pool.connect(), late.sessionId)).extranonce1).not.toBe(late.extranonce1);
});

test("only as many sessions are kept as the bound says; the oldest of those without a share go first", async () => {
  const pool = await aServingPool({ limits: { resumableSessions: 8 } });
  const [oldest, middle, newest] = [await whoLeft(pool), await whoLeft(pool), await whoLeft(pool)];
  expect(pool.stratum.kept.size).toBe(2);
  expect((await subscribe(await pool.connect(), oldest.sessionId)).extranonce1).not.toBe(oldest.extranonce1);
  expect(await subscribe(await pool.connect(), middle.sessionId)).toEqual(middle);
  expect(await subscribe(await pool.connect(), newest.sessionId)).toEqual(newest);
});

test.each([
  ["unknown", "01".padEnd(24, "a")],
  ["empty", ""],
  ["of another kind", 7],
  ["null", null],
  ["far too long", "0".repeat(10_000)],
  ["a name of every object", "__proto__"],
])("a session id that is %s is passed over: the client begins anew", async (_, sessionId) => {
  const pool = await aServingPool();
  const client = await pool.connect();
  const { extranonce1 } = await subscribe(client, sessionId);
  expect(extranonce1).toBe("01000000");
  await untilJobs(client, 1);
  expect(pool.metrics.count("sessionResumed")).toBe(0);
});

test("a session of a port that shares rewards is taken up by no port that mines solo", async () => {
  const pplns = await aServingPool();
  const solo = await aServingPool({ scheme: "solo" });
  const { sessionId, extranonce1 } = await whoLeft(pplns);
  const state = pplns.stratum.kept.take(sessionId, "pplns")!;
  solo.stratum.kept.keep(sessionId, state);
  const client = await solo.connect();
  expect((await subscribe(client, sessionId)).sessionId).not.toBe(sessionId);
  expect(solo.stratum.kept.take(sessionId, "pplns")?.extranonce1).toBe(Number.parseInt(extranonce1, 16));
});

test("solo, a session that is taken up is sent its difficulty and job once it is known for whom", async () => {
  const pool = await aServingPool({ scheme: "solo" });
  const session = await whoLeft(pool);
  const client = await pool.connect();
  expect(await subscribe(client, session.sessionId)).toEqual(session);
  expect(client.lines).toHaveLength(1);
  await client.request("mining.authorize", [user, "x"]);
  await untilJobs(client, 1);
  expect(difficultiesOf(client)).toEqual([1024]);
});

test("a client that comes back again and again within one job is told difficulty and job each time", async () => {
  const pool = await aServingPool({ limits: { newConnectionsPerAddressPerSecond: 5000 } });
  const { sessionId } = await whoLeft(pool);
  for (let times = 1; times <= 80; times++) {
    const client = await pool.connect();
    expect((await subscribe(client, sessionId)).sessionId).toBe(sessionId);
    await untilJobs(client, 1);
    expect(difficultiesOf(client)).toEqual([1024]);
    await leave(pool, client);
  }
});

test("when a job has no name left the next one comes with its difficulty", async () => {
  const pool = await aServingPool({ limits: { newConnectionsPerAddressPerSecond: 5000 } });
  const { sessionId } = await whoLeft(pool);
  const state = pool.stratum.kept.take(sessionId, "pplns")!;
  const { difficulty, target } = state.work.assignment!;
  for (let variant = 1; variant <= 255; variant++)
    state.work.assigned({ number: 10, variant, difficulty, target });
  pool.stratum.kept.keep(sessionId, state);
  const client = await pool.connect();
  await subscribe(client, sessionId);
  expect(client.lines).toHaveLength(1);
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  await untilJobs(client, 1);
  expect(difficultiesOf(client)).toEqual([1024]);
});

test("a second subscription behind shares that wait is sent its job at once, not behind newer ones", async () => {
  const pool = await aServingPool();
  const client = await pool.connect();
  await client.join();
  const share = client.request("mining.submit", submitParams(user, job10));
  const again = client.request("mining.subscribe", []);
  await untilJobs(client, 2);
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  await untilJobs(client, 3);
  pool.shares.commit();
  await Promise.all([share, again]);
  expect(jobsOf(client)).toEqual([job10, "000000000a01", "000000000b00"]);
});

test("an extranonce1 is nobody else's while its session can be taken up, and rests until the tip changes then", async () => {
  const pool = await aServingPool({ resumeSeconds: 60 });
  const session = await whoLeft(pool);
  const number = Number.parseInt(session.extranonce1, 16);
  pool.broadcast(aJob({ number: 11, tipNumber: 2, bits: hardBits }));
  pool.clock.advance(59_999);
  await sweeps();
  expect(pool.released).toEqual([]);
  const again = await pool.connect();
  expect(await subscribe(again, session.sessionId)).toEqual(session);
  await leave(pool, again);
  pool.broadcast(aJob({ number: 12, tipNumber: 3, bits: hardBits }));
  pool.clock.advance(60_000);
  await soon("the end of waiting", () => pool.stratum.kept.size === 0);
  await sweeps();
  expect(pool.released).toEqual([]);
  pool.broadcast(aJob({ number: 13, tipNumber: 3, bits: hardBits }));
  await sweeps();
  expect(pool.released).toEqual([]);
  pool.broadcast(aJob({ number: 14, tipNumber: 4, bits: hardBits }));
  await soon("the release", () => pool.released.length > 0);
  expect(pool.released).toEqual([number]);
});

test("while one subscription waits for an extranonce another is refused, and takes no session up", async () => {
  const free: number[] = [1];
  const released: number[] = [];
  const pool = await aServingPool({
    extranonces: { take: () => free.shift(), release: (number) => released.push(number) },
  });
  const { sessionId } = await whoLeft(pool);
  const client = await pool.connect();
  client.send('{"id":1,"method":"mining.subscribe","params":[]}\n');
  client.send(`{"id":2,"method":"mining.subscribe","params":["",${JSON.stringify(sessionId)}]}\n`);
  await soon("both", () => pool.metrics.count("malformedLine") === 1);
  free.push(2);
  pool.stratum.extranoncesArrived(false);
  await client.untilLines(4);
  expect((await client.answer(1)).result[1]).toBe("00000002");
  expect((await client.answer(2)).error[0]).toBe(20);
  expect(pool.stratum.counts.subscribed).toBe(1);
  expect(pool.stratum.kept.size).toBe(1);
});

test("a client that has gone while it waited for an extranonce leaves it to the next", async () => {
  const free: number[] = [];
  const pool = await aServingPool({
    extranonces: { take: () => free.shift(), release: (n) => free.push(n) },
  });
  const gone = await pool.connect();
  const subscription = '{"id":1,"method":"mining.subscribe","params":[]}\n';
  gone.send(`${subscription}{"id":2,"method":"mining.authorize","params":["${user}"]}\n`);
  await soon("the subscription", () => pool.stratum.counts.workers === 1);
  const client = await pool.connect();
  client.send(`${subscription}{"id":2,"method":"mining.authorize","params":["${user}"]}\n`);
  await soon("the second", () => pool.stratum.counts.workers === 2);
  await leave(pool, gone);
  free.push(7, 8);
  pool.stratum.extranoncesArrived(false);
  expect((await client.answer(1)).result[1]).toBe("00000008");
  expect(pool.stratum.counts.subscribed).toBe(1);
  pool.broadcast(aJob({ number: 11, tipNumber: 2, bits: hardBits }));
  await soon("the release", () => free.includes(7));
});
