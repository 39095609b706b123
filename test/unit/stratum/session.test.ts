import { afterEach, expect, test } from "vitest";
import { targetFromBits, targetFromDifficulty } from "../../../src/bitcoin/target.ts";
import { coinbaseLength } from "../../../src/jobs/job.ts";
import { networkDifficulty } from "../../../src/stratum/difficulty.ts";
import { until } from "../../support/deadline.ts";
import { aFirmware } from "../../support/firmware.ts";
import { aJob, regtestBits } from "../../support/jobs.ts";
import {
  anAddress,
  aStratum,
  hardBits,
  type RawClient,
  type StratumChanges,
  type StratumUnderTest,
} from "../../support/stratum.ts";
import { recordingLog } from "../node/recording-log.ts";

const opened: StratumUnderTest[] = [];

async function aPool(changes: StratumChanges = {}, withJob = true): Promise<StratumUnderTest> {
  const pool = await aStratum(changes);
  opened.push(pool);
  if (withJob) pool.broadcast(aJob({ number: 10, bits: hardBits }));
  return pool;
}

afterEach(async () => {
  for (const pool of opened.splice(0)) {
    pool.shares.commit("unavailable");
    await pool.stratum.close();
  }
});

const user = `${anAddress}.rig`;
const submitOf = (jobId: string, changes: Record<number, unknown> = {}): unknown[] =>
  Object.assign([user, jobId, "0000000000000001", "000007d0", "0000002a"], changes);
const job10 = "000000000a00";

async function jobIdAfter(client: RawClient, count: number): Promise<string> {
  await until(() => client.paramsOf("mining.notify").length >= count, {
    timeoutMs: 5000,
    what: "a job",
    intervalMs: 2,
  });
  return client.paramsOf("mining.notify")[count - 1][0];
}

/** Accepts what the client submits and gives the answer. */
async function accepted(pool: StratumUnderTest, client: RawClient, params: unknown[]): Promise<unknown> {
  const answer = client.request("mining.submit", params);
  await until(() => pool.shares.waiting.length > 0, { timeoutMs: 5000, what: "the share", intervalMs: 2 });
  pool.shares.commit();
  return (await answer).result;
}

test("the subscription's answer is followed at once by the difficulty and a job, before authorization", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.send('{"id":1,"method":"mining.subscribe","params":[]}\n');
  await client.untilLines(3);
  const [answer, difficulty, notify] = client.messages;
  expect(answer).toMatchObject({
    id: 1,
    result: [expect.anything(), "01000000", 8],
    error: null,
  });
  expect(difficulty).toMatchObject({ id: null, method: "mining.set_difficulty", params: [1024] });
  expect(notify).toMatchObject({ id: null, method: "mining.notify" });
  expect(notify.params[0]).toBe(job10);
  expect(notify.params[8]).toBe(true);
});

test("nothing is sent before the subscription, however many jobs pass", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.request("mining.authorize", [user, "x"]);
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  pool.broadcast(aJob({ number: 12, bits: hardBits }));
  await client.request("mining.subscribe", []);
  await client.untilLines(4);
  expect(client.messages.map(({ id, method }) => id ?? method)).toEqual([
    1,
    2,
    "mining.set_difficulty",
    "mining.notify",
  ]);
});

test("who subscribes before the pool's first job is sent it when it comes", async () => {
  const pool = await aPool({}, false);
  const client = await pool.connect();
  await client.request("mining.subscribe", ["x"]);
  expect(client.lines).toHaveLength(1);
  pool.broadcast(aJob({ number: 10, bits: hardBits }));
  await client.untilLines(3);
  expect(client.messages.slice(1).map(({ method }) => method)).toEqual([
    "mining.set_difficulty",
    "mining.notify",
  ]);
});

test("three pipelined requests in one packet are answered in order, with the ids as they were written", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.send(
    [
      '{"id": "a\\u0062" ,"method":"mining.configure","params":[["minimum-difficulty","version-rolling","subscribe-extranonce"],{"minimum-difficulty.value":150000,"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2}]}',
      '{"method":"mining.subscribe","params":[],"id":1.50}',
      `{"id":18446744073709551617,"method":"mining.authorize","params":["${user}"]}\r\n`,
    ].join("\n"),
  );
  await client.untilLines(5);
  expect(client.lines[0]).toBe(
    '{"id":"a\\u0062","result":{"minimum-difficulty":true,"minimum-difficulty.value":262144,"version-rolling":true,"version-rolling.mask":"1fffe000","subscribe-extranonce":true},"error":null}',
  );
  expect(client.lines[1]).toMatch(/^\{"id":1\.50,"result":\[\[/);
  expect(client.lines[4]).toBe('{"id":18446744073709551617,"result":true,"error":null}');
});

test("a share is answered only when it is durable, and answers keep the order of their requests", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  const before = client.lines.length;
  client.send(`{"id":"s1","method":"mining.submit","params":${JSON.stringify(submitOf(job10))}}\n`);
  client.send('{"id":"later","method":"mining.extranonce.subscribe","params":[]}\n');
  client.send(`{"id":"s2","method":"mining.submit","params":${JSON.stringify(submitOf(job10))}}\n`);
  await until(() => pool.shares.waiting.length === 2, {
    timeoutMs: 5000,
    what: "both shares",
    intervalMs: 2,
  });
  const [first, second] = pool.shares.waiting.splice(0);
  second!.done();
  await client.message(() => true);
  expect(client.lines).toHaveLength(before);
  first!.done("duplicate");
  await client.untilLines(before + 3);
  expect(client.messages.slice(before).map(({ id, result }) => [id, result])).toEqual([
    ["s1", null],
    ["later", true],
    ["s2", true],
  ]);
});

test("a submission carries all that its judgement needs", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join(`${anAddress.toUpperCase()}.a%20b.c`);
  const params = [`${anAddress.toUpperCase()}.a%20b.c`, job10, "00000000000000FF", "7d0", "2A", "00002000"];
  expect(await accepted(pool, client, params)).toBe(true);
  expect(pool.shares.submissions[0]).toEqual({
    job: pool.jobs.current,
    extranonce1: 0x01000000,
    extranonce2: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0xff),
    ntime: 0x7d0,
    ntimeMin: 0,
    nonce: 0x2a,
    version: { kind: "bits", bits: 0x2000 },
    versionMask: 0x1fffe000,
    target: targetFromDifficulty(1024),
    stale: false,
    refusal: undefined,
    account: anAddress,
    worker: "a_b.c",
    protocol: "v1",
    scheme: "pplns",
  });
});

test("the mask is what both sides can roll; a second configuration replaces the first", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  const first = await client.request("mining.configure", [
    ["version-rolling"],
    { "version-rolling.mask": "F000" },
  ]);
  expect(first.result).toEqual({ "version-rolling": true, "version-rolling.mask": "0000e000" });
  await accepted(pool, client, submitOf(job10));
  const second = await client.request("mining.configure", [["version-rolling"], {}]);
  expect(second.result).toEqual({ "version-rolling": true, "version-rolling.mask": "1fffe000" });
  await accepted(pool, client, submitOf(job10));
  expect(pool.shares.submissions.map(({ versionMask }) => versionMask)).toEqual([0xe000, 0x1fffe000]);
});

test.each([
  ["no address", "nobody"],
  ["an empty name", ""],
  ["a worker without an address", ".rig"],
  ["a misspelt address", "bcrt1qqurswpc8qurswpc8qurswpc8qurswpc8dxm0gq"],
  ["an address of another chain", "bc1qqurswpc8qurswpc8qurswpc8qurswpc89fe3yv"],
  ["mixed case", "bcrt1QQURSWPC8QURSWPC8QURSWPC8QURSWPC8DXM0GK"],
  ["prototype names", "__proto__"],
  ["a very long name", `${anAddress}.${"x".repeat(1000)}`],
])("authorization with %s is answered false with the reason, and the connection stays", async (_, name) => {
  const pool = await aPool();
  const client = await pool.connect();
  const answer = await client.request("mining.authorize", [name, "x"]);
  expect(answer.result).toBe(false);
  expect(answer.error).toEqual([24, expect.stringMatching(/^unauthorized: \S/), null]);
  expect((await client.request("mining.authorize", [user, "x"])).result).toBe(true);
});

test("a connection may authorize several workers, up to a bound, and the same one again and again", async () => {
  const pool = await aPool({ limits: { workersPerConnection: 2 } });
  const client = await pool.connect();
  const authorize = async (worker: string) =>
    (await client.request("mining.authorize", [`${anAddress}.${worker}`, "x"])).result;
  expect(await authorize("a")).toBe(true);
  expect(await authorize("b")).toBe(true);
  expect(await authorize("c")).toBe(false);
  expect(await authorize("a")).toBe(true);
  expect(pool.stratum.counts.workers).toBe(2);
});

test("a submission under a name that was not authorized is judged all the same, for it may be a block", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.request("mining.subscribe", []);
  const answer = await client.request("mining.submit", submitOf(job10));
  expect(answer.error[0]).toBe(24);
  expect(pool.shares.submissions[0]).toMatchObject({ refusal: "unauthorized", account: "", worker: "" });
});

test("a submission without a subscription is refused as not-subscribed", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  const answer = await client.request("mining.submit", submitOf(job10));
  expect(answer).toMatchObject({
    result: null,
    error: [25, expect.stringMatching(/^not-subscribed: /), null],
  });
});

test.each([
  "000000000a01",
  "000000000900",
  "000000000b00",
  "000000000A00",
  "a00",
  "",
  "__proto__",
  "constructor",
  "0x00000000a00",
  "0000000000000a00",
])("job id %j, which this connection was never sent, is job-not-found", async (jobId) => {
  const pool = await aPool({}, false);
  pool.broadcast(aJob({ number: 9, bits: hardBits }));
  pool.broadcast(aJob({ number: 10, bits: hardBits }));
  pool.jobs.add(aJob({ number: 11, bits: hardBits }));
  pool.jobs.current = pool.jobs.get(10);
  const client = await pool.connect();
  await client.join();
  const answer = await client.request("mining.submit", submitOf(jobId));
  expect(answer.error).toEqual([21, expect.stringMatching(/^job-not-found: /), null]);
  expect(pool.shares.submissions).toHaveLength(0);
});

test("a job that is too old to be judged is job-not-found", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  pool.jobs.forget(10);
  expect((await client.request("mining.submit", submitOf(job10))).error[0]).toBe(21);
});

test("a share on the previous tip counts for the grace after this connection was sent the new one", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  pool.clock.advance(60_000);
  pool.broadcast(aJob({ number: 11, tipNumber: 2, bits: hardBits }));
  await jobIdAfter(client, 2);
  pool.clock.advance(3000);
  await accepted(pool, client, submitOf(job10));
  pool.clock.advance(1);
  await accepted(pool, client, submitOf(job10));
  await accepted(pool, client, submitOf("000000000b00"));
  expect(pool.shares.submissions.map(({ stale }) => stale)).toEqual([false, true, false]);
});

test("a connection that missed the first job on a tip is told to drop earlier work with the next one", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  pool.broadcast(aJob({ number: 11, tipNumber: 1, clean: false, bits: hardBits }));
  pool.broadcast(aJob({ number: 12, tipNumber: 2, clean: false, bits: hardBits }));
  await jobIdAfter(client, 3);
  expect(client.paramsOf("mining.notify").map((params) => params[8])).toEqual([true, false, true]);
});

test("a change of difficulty is followed by the same job under a new name, and the easier target holds", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  expect((await client.request("mining.suggest_difficulty", [100])).result).toBe(true);
  expect(await jobIdAfter(client, 2)).toBe("000000000a01");
  pool.clock.advance(10_000);
  await client.request("mining.suggest_difficulty", [4000]);
  expect(await jobIdAfter(client, 3)).toBe("000000000a02");
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  expect(await jobIdAfter(client, 4)).toBe("000000000b00");
  expect(client.paramsOf("mining.set_difficulty")).toEqual([[1024], [128], [4096]]);
  for (const jobId of [job10, "000000000a01", "000000000a02", "000000000b00"]) {
    await accepted(pool, client, submitOf(jobId));
  }
  expect(pool.shares.submissions.map(({ target }) => target)).toEqual(
    [128, 128, 4096, 4096].map(targetFromDifficulty),
  );
  expect((await client.request("mining.submit", submitOf("000000000a03"))).error[0]).toBe(21);
  expect((await client.request("mining.submit", submitOf("000000000b01"))).error[0]).toBe(21);
});

test.each([
  [1e-30, 2 ** -16],
  [0.00015, 2 ** -12],
  [3, 4],
  [1e300, 1_000_000_000],
])("a suggestion of %d becomes %d: a power of two within the pool's bounds", async (suggested, assigned) => {
  const pool = await aPool();
  const client = await pool.connect();
  expect((await client.request("mining.suggest_difficulty", [suggested])).result).toBe(true);
  await client.request("mining.subscribe", []);
  await client.untilLines(4);
  expect(client.paramsOf("mining.set_difficulty")).toEqual([[assigned]]);
});

test("the same suggestion again, or one too soon after the last, is answered true and changes nothing", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  await client.request("mining.suggest_difficulty", [64]);
  pool.clock.advance(30_000);
  await client.request("mining.suggest_difficulty", [64]);
  await client.request("mining.suggest_difficulty", [32]);
  expect((await client.request("mining.suggest_difficulty", [16])).result).toBe(true);
  expect(client.paramsOf("mining.set_difficulty")).toEqual([[1024], [64], [32]]);
});

test("the difficulty assigned never exceeds the network's: its target covers every block", async () => {
  const pool = await aPool({}, false);
  pool.broadcast(aJob({ number: 10, bits: regtestBits }));
  const client = await pool.connect();
  await client.join();
  const [[difficulty]] = client.paramsOf("mining.set_difficulty") as [[number]];
  const network = targetFromBits(regtestBits);
  expect(difficulty).toBe(networkDifficulty(network));
  expect(targetFromDifficulty(difficulty).value).toBeGreaterThanOrEqual(network.value);
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  await jobIdAfter(client, 2);
  expect(client.paramsOf("mining.set_difficulty").at(-1)).toEqual([1024]);
  pool.broadcast(aJob({ number: 12, bits: regtestBits }));
  expect(await jobIdAfter(client, 3)).toBe("000000000c00");
  expect(client.paramsOf("mining.set_difficulty").at(-1)).toEqual([difficulty]);
});

test("a second subscription keeps its extranonce1 and is sent its work again under a new name", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  const extranonce1 = await client.join();
  expect((await client.request("mining.subscribe", [])).result[1]).toBe(extranonce1);
  expect(await jobIdAfter(client, 2)).toBe("000000000a01");
  expect(pool.stratum.counts.subscribed).toBe(1);
});

test("unknown methods are answered with -3 and the connection stays", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  for (const method of ["mining.get_transaction", "client.get_version", "__proto__", "constructor", ""]) {
    const answer = await client.request(method, []);
    expect(answer).toMatchObject({ result: null, error: [-3, "Method not found", null] });
  }
  expect((await client.request("mining.extranonce.subscribe", [])).result).toBe(true);
});

test.each([
  ["mining.submit", []],
  ["mining.submit", submitOf(job10, { 0: 7 })],
  ["mining.submit", submitOf(job10, { 1: null })],
  ["mining.submit", submitOf(job10, { 2: "00000000000001" })],
  ["mining.submit", submitOf(job10, { 2: "000000000000000001" })],
  ["mining.submit", submitOf(job10, { 2: "0x00000000000001" })],
  ["mining.submit", submitOf(job10, { 2: "000000000000000g" })],
  ["mining.submit", submitOf(job10, { 2: ["0000000000000001"] })],
  ["mining.submit", submitOf(job10, { 3: "" })],
  ["mining.submit", submitOf(job10, { 3: "0000007d0" })],
  ["mining.submit", submitOf(job10, { 3: 2000 })],
  ["mining.submit", submitOf(job10, { 4: "zz" })],
  ["mining.submit", submitOf(job10, { 4: " 2a" })],
  ["mining.submit", submitOf(job10, { 4: "-1" })],
  ["mining.submit", submitOf(job10, { 5: "1fffe00000" })],
  ["mining.submit", submitOf(job10, { 5: 0x2000 })],
  ["mining.subscribe", { agent: "x" }],
  ["mining.authorize", []],
  ["mining.authorize", [null, "x"]],
  ["mining.authorize", [[anAddress]]],
  ["mining.configure", []],
  ["mining.configure", ["version-rolling"]],
  ["mining.configure", [[1]]],
  ["mining.configure", [["version-rolling"], []]],
  ["mining.configure", [Array(17).fill("x")]],
  ["mining.configure", [["x".repeat(65)]]],
  ["mining.suggest_difficulty", []],
  ["mining.suggest_difficulty", ["0x1"]],
  ["mining.suggest_difficulty", [0]],
  ["mining.suggest_difficulty", [-1]],
  ["mining.suggest_difficulty", [null]],
])("%s with parameters %j is malformed, and the connection stays", async (method, params) => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  const answer = await client.request(method, params);
  expect(answer.result).toBeNull();
  expect(answer.error).toEqual([20, expect.stringMatching(/^malformed: \S/), null]);
  expect(pool.shares.submissions).toHaveLength(0);
  expect((await client.request("mining.extranonce.subscribe", [])).result).toBe(true);
});

test("different spellings of one share are one share: the bytes decide", async () => {
  const pool = await aPool();
  pool.shares.verdict = "accepted";
  const client = await pool.connect();
  await client.join();
  for (const spelling of [
    ["00000000000000ab", "000007d0", "0000002a"],
    ["00000000000000AB", "7D0", "2A"],
    ["00000000000000aB", "0007d0", "0002a"],
  ]) {
    await client.request("mining.submit", [user, job10, ...spelling]);
  }
  const [first, ...others] = pool.shares.submissions;
  for (const other of others) expect(other).toEqual(first);
});

test("shares that cannot be made durable are answered unavailable and the connection ends", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  pool.shares.verdict = "unavailable";
  const answer = await client.request("mining.submit", submitOf(job10));
  expect(answer.error).toEqual([20, expect.stringMatching(/^unavailable: /), null]);
  await client.untilEnded();
});

test("a subscription waits for the next extranonces, and is refused as unavailable when there will be none", async () => {
  const free: number[] = [];
  const pool = await aPool({ extranonces: { take: () => free.shift(), release: () => {} } });
  const [first, second, third] = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  const [one, two, three] = [first, second, third].map((client) => client.request("mining.subscribe", []));
  for (const client of [first, second, third]) void client.request("mining.authorize", [user, "x"]);
  await until(() => pool.stratum.counts.workers === 3, {
    timeoutMs: 5000,
    what: "all requests",
    intervalMs: 2,
  });
  // Answers keep the order of their requests.
  expect([first, second, third].flatMap(({ lines }) => lines)).toEqual([]);
  free.push(7, 8);
  // In the order in which they came in, whatever that was: two get one, the third none.
  pool.stratum.extranoncesArrived(false);
  pool.stratum.extranoncesArrived(true);
  const answers = await Promise.all([one, two, three]);
  expect(answers.map(({ result }) => result?.[1]).sort()).toEqual(["00000007", "00000008", undefined]);
  expect(answers.find(({ result }) => result === null).error).toEqual([
    20,
    expect.stringMatching(/^unavailable: /),
    null,
  ]);
  await until(() => [first, second, third].filter(({ ended }) => ended).length === 1, {
    timeoutMs: 5000,
    what: "the end of the one without",
    intervalMs: 2,
  });
});

test("an extranonce is given back only when nobody comes for its session, and its tip is gone", async () => {
  const pool = await aPool({ resumeSeconds: 60 });
  const client = await pool.connect();
  await client.join();
  client.socket.destroy();
  await until(() => pool.stratum.counts.connections === 0, {
    timeoutMs: 5000,
    what: "the end",
    intervalMs: 2,
  });
  const another = await pool.connect();
  expect(await another.join()).toBe("01000001");
  expect(pool.released).toEqual([]);
  pool.clock.advance(60_000);
  await until(() => pool.stratum.kept.size === 0, {
    timeoutMs: 5000,
    what: "the end of waiting",
    intervalMs: 2,
  });
  expect(pool.released).toEqual([]);
  pool.broadcast(aJob({ number: 11, tipNumber: 2, bits: hardBits }));
  await until(() => pool.released.length > 0, { timeoutMs: 5000, what: "the release", intervalMs: 5 });
  expect(pool.released).toEqual([0x01000000]);
});

test("vardiff raises a flood of shares and leaves the connection's earlier jobs their easier target", async () => {
  const pool = await aPool();
  pool.shares.verdict = "accepted";
  const client = await pool.connect();
  await client.join();
  for (let i = 0; i < 30; i++) await client.request("mining.submit", submitOf(job10));
  pool.clock.advance(1000);
  await jobIdAfter(client, 2);
  const [first, raised] = client.paramsOf("mining.set_difficulty");
  expect(first).toEqual([1024]);
  // The sweeper may come after the first dozen of them.
  expect([[65_536], [131_072]]).toContainEqual(raised);
  await client.request("mining.submit", submitOf(job10));
  expect(pool.shares.submissions.at(-1)!.target).toEqual(targetFromDifficulty(1024));
});

test("without vardiff the difficulty stays where it was started, as an exact double", async () => {
  const pool = await aPool({ difficulty: { start: 1e-9, min: 1e-9, vardiff: false } });
  pool.shares.verdict = "accepted";
  const client = await pool.connect();
  await client.join();
  for (let i = 0; i < 30; i++) await client.request("mining.submit", submitOf(job10));
  pool.clock.advance(600_000);
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  await jobIdAfter(client, 2);
  expect(client.received).toContain('"params":[1e-9]');
  expect(client.paramsOf("mining.set_difficulty")).toEqual([[1e-9]]);
});

test("refused submissions are counted by the firmware of their client and their reason, whoever refused them", async () => {
  const pool = await aPool({ firmware: [aFirmware({ name: "tested", agents: ["test/*"] })] });
  pool.shares.verdict = "low-difficulty";
  const client = await pool.connect();
  await client.request("mining.submit", submitOf(job10));
  await client.join();
  await client.request("mining.submit", submitOf("00000000ff00"));
  await client.request("mining.submit", submitOf(job10));
  await client.request("mining.submit", submitOf(job10, { 4: "not hex" }));
  await client.request("mining.submit", submitOf(job10, { 0: "nobody" }));
  expect(pool.metrics.events.filter((event) => event.startsWith("sharesRefused"))).toEqual([
    "sharesRefused default not-subscribed 1",
    "sharesRefused tested job-not-found 1",
    "sharesRefused tested low-difficulty 1",
    "sharesRefused tested malformed 1",
    "sharesRefused tested unauthorized 1",
  ]);
});

test("a client whose first fifty shares are all too easy is one warning that names it, its firmware and the cause", async () => {
  const { log, events } = recordingLog();
  const pool = await aPool({ log, firmware: [aFirmware({ name: "cutter", agents: ["test/*"] })] });
  pool.shares.verdict = "low-difficulty";
  const client = await pool.connect();
  await client.join();
  for (let share = 0; share < 49; share++) await client.request("mining.submit", submitOf(job10));
  expect(events("client-shares-too-easy")).toEqual([]);
  // Neither a stale share nor more of the same make another line of it.
  await client.request("mining.submit", submitOf("00000000ff00"));
  for (let share = 0; share < 60; share++) await client.request("mining.submit", submitOf(job10));
  expect(events("client-shares-too-easy")).toMatchObject([
    {
      level: "warn",
      agent: "test/1",
      firmware: "cutter",
      difficulty: 1024,
      coinbaseBytes: coinbaseLength(pool.jobs.current!.data),
      sentence: expect.stringMatching(/cut coinbases that are too large/),
    },
  ]);
});

test("an accepted share clears a client of that suspicion; others within a minute are seen at level debug", async () => {
  const { log, events } = recordingLog();
  const pool = await aPool({ log });
  const sendEasy = async () => {
    const client = await pool.connect();
    await client.join();
    pool.shares.verdict = "low-difficulty";
    for (let share = 0; share < 50; share++) await client.request("mining.submit", submitOf(job10));
  };
  const honest = await pool.connect();
  await honest.join();
  pool.shares.verdict = "accepted";
  await honest.request("mining.submit", submitOf(job10));
  pool.shares.verdict = "low-difficulty";
  for (let share = 0; share < 50; share++) await honest.request("mining.submit", submitOf(job10));
  expect(events("client-shares-too-easy")).toEqual([]);

  await sendEasy();
  await sendEasy();
  pool.clock.advance(60_000);
  await sendEasy();
  expect(events("client-shares-too-easy").map(({ level }) => level)).toEqual(["warn", "debug", "warn"]);
});

test("a solo session that is taken up again has its work with the authorization, though it was sent that job before", async () => {
  const pool = await aPool({ scheme: "solo" });
  const before = await pool.connect();
  const { result } = await before.request("mining.subscribe", []);
  await before.request("mining.authorize", [user, "x"]);
  await jobIdAfter(before, 1);
  before.socket.destroy();
  await until(() => pool.stratum.kept.size === 1, {
    timeoutMs: 5000,
    what: "the session to be kept",
    intervalMs: 2,
  });

  const again = await pool.connect();
  const taken = await again.request("mining.subscribe", ["test/1", result[0][0][1]]);
  expect(taken.result[1]).toBe(result[1]);
  expect(again.paramsOf("mining.notify")).toEqual([]);
  await again.request("mining.authorize", [user, "x"]);
  const id = await jobIdAfter(again, 1);
  expect(await accepted(pool, again, submitOf(id))).toBe(true);
});

test("a session that is taken up before there is a job is told its difficulty with the first", async () => {
  const pool = await aPool();
  const before = await pool.connect();
  const { result } = await before.request("mining.subscribe", []);
  before.socket.destroy();
  await until(() => pool.stratum.kept.size === 1, {
    timeoutMs: 5000,
    what: "the session to be kept",
    intervalMs: 2,
  });
  pool.jobs.current = undefined;

  const again = await pool.connect();
  await again.request("mining.subscribe", ["test/1", result[0][0][1]]);
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  await again.untilLines(3);
  expect(again.messages.map(({ method }) => method)).toEqual([
    undefined,
    "mining.set_difficulty",
    "mining.notify",
  ]);
});
