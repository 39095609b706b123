import { expect, test } from "vitest";
import type { BanNotice } from "../../../src/stratum/bans.ts";
import type { EndedSession } from "../../../src/stratum/session-record.ts";
import { aFirmware } from "../../support/firmware.ts";
import { aJob } from "../../support/jobs.ts";
import {
  aServingPool,
  difficultiesOf,
  job10,
  soon,
  submitParams,
  sweeps,
  untilJobs,
} from "../../support/open-stratum.ts";
import {
  anAddress,
  hardBits,
  type Message,
  type RawClient,
  type StratumChanges,
  type StratumUnderTest,
} from "../../support/stratum.ts";

const user = `${anAddress}.rig`;
const firmware = [
  aFirmware({ name: "display", agents: ["display*"], showsMessages: true, followsReconnect: "anywhere" }),
  aFirmware({ name: "deaf", agents: ["deaf*"], followsReconnect: "never" }),
];

async function join(pool: StratumUnderTest, agent = "test/1"): Promise<RawClient> {
  const client = await pool.connect();
  await client.request("mining.subscribe", [agent]);
  await client.request("mining.authorize", [user, "x"]);
  return client;
}

function named(client: RawClient, method: string): Message[] {
  return client.messages.filter((message) => message.method === method);
}

/** A connection that ends for hostility. */
async function hostile(pool: StratumUnderTest): Promise<void> {
  const client = await pool.connect();
  client.send("SSH-2.0-OpenSSH_9.2\r\n");
  await client.untilEnded();
}

async function aPoolThatBans(changes: StratumChanges = {}) {
  const notices: BanNotice[] = [];
  const pool = await aServingPool({ onBan: (notice) => notices.push(notice), ...changes });
  const beHostile = async (times: number) => {
    for (let i = 0; i < times; i++) await hostile(pool);
    await soon("their end", () => pool.metrics.count("connectionClosed not-stratum") >= times);
  };
  return { pool, notices, beHostile };
}

test("words for people go to devices that can show them, and to nobody before its subscription", async () => {
  const pool = await aServingPool({ firmware });
  const [display, other] = [await join(pool, "display/1"), await join(pool)];
  await (await pool.connect()).request("mining.authorize", [user, "x"]);
  expect(pool.stratum.show("maintenance at noon")).toBe(1);
  await soon("the words", () => named(display, "client.show_message").length === 1);
  expect(display.paramsOf("client.show_message")).toEqual([["maintenance at noon"]]);
  await other.request("mining.extranonce.subscribe", []);
  expect(named(other, "client.show_message")).toEqual([]);
});

test("a drain asks one after the other, spread evenly over its time, and cuts nobody off", async () => {
  const pool = await aServingPool();
  const clients = await Promise.all(Array.from({ length: 10 }, () => join(pool)));
  const asked = () => clients.filter((client) => named(client, "client.reconnect").length === 1).length;
  expect(pool.stratum.drain(undefined, 100)).toBe(10);
  await sweeps();
  expect(asked()).toBe(0);
  pool.clock.advance(10_000);
  await soon("the first", () => asked() === 1);
  pool.clock.advance(45_000);
  await soon("half of them", () => asked() === 5);
  await sweeps();
  expect(asked()).toBe(5);
  pool.clock.advance(500_000);
  await soon("all", () => asked() === 10);
  await sweeps();
  expect(asked()).toBe(10);
  expect(pool.stratum.counts.connections).toBe(10);
});

test("a drain without a time asks all at once; one that has gone meanwhile is passed over", async () => {
  const pool = await aServingPool();
  const [gone, stays] = [await join(pool), await join(pool)];
  expect(pool.stratum.drain(undefined, 0)).toBe(2);
  gone.socket.resetAndDestroy();
  await soon("the question", () => named(stays, "client.reconnect").length === 1);
  expect(pool.metrics.count("sessionFailed")).toBe(0);
});

test("only devices that go elsewhere are sent there, and none that never follows", async () => {
  const pool = await aServingPool({ firmware });
  const [display, other, deaf] = [
    await join(pool, "display/1"),
    await join(pool),
    await join(pool, "deaf/1"),
  ];
  await pool.connect();
  expect(pool.stratum.drain({ host: "other.example", port: 3333, waitSeconds: 0 }, 0)).toBe(1);
  await soon("the question", () => named(display, "client.reconnect").length === 1);
  expect(display.paramsOf("client.reconnect")).toEqual([["other.example", 3333, 0]]);
  expect(pool.stratum.drain(undefined, 0)).toBe(2);
  await soon("the second", () => named(other, "client.reconnect").length === 1);
  await deaf.request("mining.extranonce.subscribe", []);
  expect(named(deaf, "client.reconnect")).toEqual([]);
});

test("who sends what makes no sense is warned, slowed down and dropped, in that order", async () => {
  const pool = await aServingPool({ firmware, limits: { malformedLines: 1000 } });
  const client = await join(pool, "display/1");
  const before = client.lines.length;
  const garbage = "{nonsense\n";
  client.send(garbage.repeat(8));
  await soon("the warning", () => named(client, "client.show_message").length === 1);
  expect(named(client, "client.show_message")[0].params[0]).toContain("malformed-line");
  client.send(garbage.repeat(7));
  await soon("all answers", () => client.lines.length === before + 16);
  expect(pool.metrics.count("penalty slow")).toBe(1);
  client.send(garbage);
  await sweeps();
  expect(client.lines).toHaveLength(before + 16);
  pool.clock.advance(1000);
  await soon("another look", () => client.lines.length === before + 17);
  client.send(garbage.repeat(10));
  pool.clock.advance(1000);
  await client.untilEnded();
  expect(pool.metrics.count("penalty warn")).toBe(1);
  expect(pool.metrics.count("penalty drop")).toBe(1);
  expect(pool.metrics.count("connectionClosed penalty")).toBe(1);
});

test("an address whose connections are hostile over and over is banned for a time, and told to the others", async () => {
  const { pool, notices, beHostile } = await aPoolThatBans();
  await beHostile(99);
  expect(notices).toEqual([]);
  await beHostile(1);
  const untilMs = pool.clock.wallMs() + 30_000;
  await soon("the ban", () => notices.length === 1);
  expect(notices[0]).toMatchObject({ network: "127.0.0.1", cause: "not-stratum", round: 1, untilMs });
  await (await pool.connect()).untilEnded();
  expect(pool.metrics.count("connectionRefused banned")).toBe(1);
  pool.clock.advance(30_000);
  await (await pool.connect()).join();
});

test("an address in good standing is never banned: behind it may be a farm", async () => {
  const { pool, notices, beHostile } = await aPoolThatBans();
  pool.shares.verdict = "accepted";
  const good = await join(pool);
  expect((await good.request("mining.submit", submitParams(user, job10))).result).toBe(true);
  await beHostile(150);
  expect(notices).toEqual([]);
  expect((await good.request("mining.submit", submitParams(user, job10))).result).toBe(true);
  pool.clock.advance(600_000);
  for (let i = 0; i < 100; i++) await hostile(pool);
  await soon("the ban", () => notices.length === 1);
});

test.each([
  ["that is never banned", { neverBanned: [{ address: "127.0.0.0", prefix: 8 }] }],
  ["of a pool that does not ban", { banSeconds: 0 }],
])("an address %s loses its connections only", async (_, limits) => {
  const { pool, notices, beHostile } = await aPoolThatBans({ limits });
  await beHostile(150);
  expect(notices).toEqual([]);
  await (await pool.connect()).join();
});

test("a ban that was decided elsewhere holds here; who stands well here is named", async () => {
  const pool = await aServingPool();
  pool.shares.verdict = "accepted";
  const good = await join(pool);
  const notice = { network: "127.0.0.1", cause: "not-stratum", round: 1 } as const;
  const untilMs = pool.clock.wallMs() + 30_000;
  expect(pool.stratum.take([{ ...notice, untilMs }])).toEqual([]);
  await (await pool.connect()).untilEnded();
  await good.request("mining.submit", submitParams(user, job10));
  expect(pool.stratum.take([{ ...notice, untilMs }])).toEqual(["127.0.0.1"]);
  expect(pool.stratum.take([{ ...notice, cause: "command", untilMs }])).toEqual([]);
});

test("a ban that others object to is withdrawn, and its address stands well", async () => {
  const { pool, notices, beHostile } = await aPoolThatBans();
  await beHostile(100);
  await soon("the ban", () => notices.length === 1);
  pool.stratum.withdrawBan("127.0.0.1");
  await (await pool.connect()).join();
  await beHostile(150);
  expect(notices).toHaveLength(1);
});

const recorded: EndedSession = {
  sessionId: "01".padEnd(24, "a"),
  extranonce1: 0x0a0b0c0d,
  scheme: "pplns",
  assignments: [
    { number: 9, variant: 0, difficulty: 256 },
    { number: 10, variant: 1, difficulty: 64 },
  ],
  lastJobNumber: 10,
  endedMs: 1,
};

test("a session of the process before is taken up: extranonce1, difficulty, and shares of the jobs it was sent", async () => {
  const pool = await aServingPool();
  pool.shares.verdict = "accepted";
  pool.jobs.add(aJob({ number: 9, bits: hardBits }));
  pool.jobs.add(aJob({ number: 10, bits: hardBits }));
  pool.stratum.restore(recorded, 1000);
  const client = await pool.connect();
  const { result } = await client.request("mining.subscribe", ["test/1", recorded.sessionId]);
  expect(result[1]).toBe("0a0b0c0d");
  await client.request("mining.authorize", [user, "x"]);
  await untilJobs(client, 1);
  expect(difficultiesOf(client)).toEqual([64]);
  expect(client.paramsOf("mining.notify")[0][0]).toBe("000000000a02");
  for (const jobId of ["000000000900", job10, "000000000a01"])
    expect((await client.request("mining.submit", submitParams(user, jobId))).result).toBe(true);
  expect(pool.shares.submissions.map(({ extranonce1 }) => extranonce1)).toEqual(Array(3).fill(0x0a0b0c0d));
});

test("a session of the process before is kept for the rest of its time, then its extranonce1 goes back", async () => {
  const pool = await aServingPool();
  pool.stratum.restore(recorded, 1000);
  pool.clock.advance(1000);
  const client = await pool.connect();
  const { result } = await client.request("mining.subscribe", ["test/1", recorded.sessionId]);
  expect(result[1]).not.toBe("0a0b0c0d");
  await soon("the end of waiting", () => pool.stratum.kept.size === 0);
  pool.broadcast(aJob({ number: 11, tipNumber: 2, bits: hardBits }));
  await soon("the release", () => pool.released.includes(0x0a0b0c0d));
});

test("deadlines of more sessions than are looked after at once are all kept", async () => {
  const pool = await aServingPool({ limits: { newConnectionsPerAddressPerSecond: 5000 } });
  const clients = await Promise.all(Array.from({ length: 1100 }, () => pool.connect()));
  await Promise.all(clients.map((client) => client.request("mining.authorize", [user, "x"])));
  pool.clock.advance(15_000);
  await soon("the end of all", () => pool.metrics.count("connectionClosed subscribe-timeout") === 1100);
  expect(pool.stratum.counts).toEqual({ connections: 0, subscribed: 0, workers: 0 });
});
