/**
 * What a hostile or broken peer can do to a pool at work: cost itself its connection. Honest miners mine all the while,
 * in the same worker process, and in the end the ledger has what was accepted and nothing else.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256d } from "../../src/bitcoin/hash.ts";
import { integerLittleEndian } from "../../src/bitcoin/target.ts";
import { encodeFrameHeader } from "../../src/protocol/v2/frame.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { fundWallet, newAddress } from "../support/chain.ts";
import { until } from "../support/deadline.ts";
import { FrameClient } from "../support/frame-client.ts";
import { type LedgerShare, startMiners, type TestMiners } from "../support/miners.ts";
import { startPool, type TestPool } from "../support/pool.ts";
import { randomSource } from "../support/random.ts";
import { RawClient } from "../support/stratum.ts";
import { headerOf, type MadeShare, V1Client } from "../support/v1-client.ts";
import { workerPids } from "../support/worker-pids.ts";

const ping = (id: unknown) =>
  `${JSON.stringify({ id, method: "mining.extranonce.subscribe", params: [] })}\n`;

let node: Bitcoind;
let pool: TestPool;
let honest: TestMiners;
let address: string;
let workersAtStart: readonly number[];
/** Shares of these tests' own that the pool has accepted. */
const accepted: MadeShare[] = [];

beforeAll(async () => {
  node = await startBitcoind({ chain: "signet" });
  await fundWallet(node);
  address = await newAddress(node);
  pool = await startPool({
    nodes: [node],
    address: await newAddress(node),
    difficulty: 1e-8,
    settings: { stratum: { limits: { subscribeSeconds: 2, authorizeSeconds: 3, setupSeconds: 2 } } },
  });
  honest = await startMiners({
    port: () => pool.stratumPort,
    users: [`${address}.honest`],
    connections: 4,
    protocols: ["v1", { kind: "extended" }, "v1", { kind: "standard" }],
    sharesPerSecond: 100,
  });
  workersAtStart = await workerPids(pool);
});

afterAll(async () => {
  await honest?.stop();
  await pool?.dispose();
  await node?.stop();
});

/** Lines that are no request, each between two that are. */
const garbage: readonly (string | Buffer)[] = [
  "{",
  "}",
  "[]",
  "null",
  "42",
  '"mining.submit"',
  "{]",
  '{"id":1,}',
  "{'id':1}",
  '{"id":1 "method":"mining.submit"}',
  '{"id":NaN,"method":"x"}',
  '{"id":1,"method":"x"}{"id":2}',
  '{"method":1}',
  '{"method":null}',
  '{"id":"x"}',
  '{"id":{"toString":1},"method":{},"params":[]}',
  '{"id":1,"method":"mining.submit","params":"all of them"}',
  '{"id":1,"method":"mining.submit","params":{"length":6}}',
  '{"__proto__":{"method":"mining.submit"},"constructor":{"prototype":{"polluted":true}}}',
  `{"id":"${"x".repeat(10_000)}","method":"mining.submit"}`,
  `{"id":1,"params":${"[".repeat(8_000)}`,
  `{"id":1,"params":${'{"a":'.repeat(1_500)}1${"}".repeat(1_500)}}`,
  `{"id":${"9".repeat(10_000)},"method":"x"}`,
  '{"id":1,"method":"\\ud800"',
  Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x80, 0x7d]),
  Buffer.from('{"id":1,"method":"\0mining.submit"}'),
  Buffer.alloc(16_000, 0),
];

test("a line that is no request is answered with an error or ignored, and the session goes on", async () => {
  for (const line of garbage) {
    const client = await RawClient.connect(pool.stratumPort);
    client.send(
      Buffer.concat([Buffer.from(ping("before")), Buffer.from(line), Buffer.from(`\n${ping("after")}`)]),
    );
    expect(await client.answer("after"), String(line).slice(0, 80)).toMatchObject({ result: true });
    const [, said] = client.messages;
    expect(said.result, String(line).slice(0, 80)).not.toBe(true);
    client.socket.destroy();
  }
});

test("who sends nothing but garbage is cut off", async () => {
  const random = randomSource(7);
  for (let i = 0; i < 50; i++) {
    const client = await RawClient.connect(pool.stratumPort);
    const bytes = random.bytes(2_000);
    // Behind "{" it counts as Stratum, else as nothing that is spoken here.
    client.send(
      i % 2 === 0 ? bytes : Buffer.concat([Buffer.from("{"), bytes, Buffer.from("\n{".repeat(20))]),
    );
    await client.untilEnded();
  }
});

const huge = "123456789012345678901234567890e400";
const strange = [
  "null",
  "true",
  "0",
  "-1",
  "1e999",
  "-1e999",
  "1e-999",
  "0.1",
  huge,
  '""',
  '"__proto__"',
  '"constructor"',
  '"\\u0000"',
  `"${"é".repeat(2_000)}"`,
  "[]",
  "[null]",
  "[[[]]]",
  "{}",
  '{"__proto__":{"polluted":true}}',
  '{"length":1e999}',
  '{"version-rolling.mask":"ffffffffffff","version-rolling.min-bit-count":1e999}',
];
const methods = [
  "mining.subscribe",
  "mining.authorize",
  "mining.configure",
  "mining.suggest_difficulty",
  "mining.extranonce.subscribe",
  "mining.submit",
  "mining.notify",
  "mining.set_difficulty",
  "client.reconnect",
  "__proto__",
  "constructor",
  "toString",
  "",
  "mining.submit\\u0000",
];

test("each method takes any value in any place of its parameters, with one answer to each request", async () => {
  // Few enough on a connection that it is not slowed down for what is no request at all.
  const parts = [strange.slice(0, 7), strange.slice(7, 14), strange.slice(14)];
  for (const [method, values] of methods.flatMap((name) => parts.map((part) => [name, part] as const))) {
    const client = await RawClient.connect(pool.stratumPort);
    let id = 0;
    const ask = (params: string) => client.send(`{"id":${++id},"method":"${method}","params":${params}}\n`);
    for (const value of values) {
      ask(value);
      for (let place = 0; place < 6; place++) {
        const good = ['"x"', '"00"', '"0000000000000000"', '"00000000"', '"00000000"', '"00000000"'];
        ask(`[${good.with(place, value).join(",")}]`);
        ask(`[${good.slice(0, place).concat(value).join(",")}]`);
      }
    }
    client.send(ping("last"));
    await client.answer("last");
    const answers = client.messages.filter((message) => message.method === undefined).slice(0, -1);
    expect(
      answers.map((answer) => answer.id),
      method,
    ).toEqual(Array.from({ length: id }, (_, i) => i + 1));
    client.socket.destroy();
  }
  expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
});

test("job ids that this connection was never sent credit nobody: invented, misspelt and another connection's", async () => {
  const [one, other] = await Promise.all([join("one"), join("other")]);
  const share = one.makeShare();
  const [own, ...rest] = share.params;
  const number = Number.parseInt(own.slice(0, 10), 16);
  const invented = [
    (number + 1_000).toString(16).padStart(10, "0") + own.slice(10),
    `${own.slice(0, 10)}ee`,
    "ffffffffffff",
    "000000000000",
    own.toUpperCase().replace(/^0/, "O"),
    ` ${own}`,
    `0x${own}`,
    `${own}00`,
    own.slice(2),
    "",
    "__proto__",
    "constructor",
    "hasOwnProperty",
  ];
  for (const id of invented) {
    const answer = await one.request("mining.submit", [one.user, id, ...rest]);
    expect(answer, id).toMatchObject({ error: [21, expect.stringContaining("job-not-found"), null] });
  }
  // The same numbers make another header there; this one misses the target.
  const foreign = foreignShare(other, one);
  expect((await submitAs(one, { ...foreign, user: one.user })).error).toMatchObject([
    23,
    expect.stringContaining("low-difficulty"),
    null,
  ]);
  await acceptedShare(one, share);
  await acceptedShare(other, foreign);
  expect((await submitAs(one, { ...share, user: other.user })).error).toMatchObject([
    24,
    expect.anything(),
    null,
  ]);
  one.close();
  other.close();
});

test("one share is credited once, however it is spelt", async () => {
  const client = await join("speller");
  const share = shareWithShortNonce(client);
  const [job, extranonce2, ntime, nonce] = share.params;
  await acceptedShare(client, share);
  const short = nonce.replace(/^0+/, "");
  const same: readonly (readonly string[])[] = [
    [job, extranonce2, ntime, nonce],
    [job, extranonce2.toUpperCase(), ntime.toUpperCase(), nonce.toUpperCase()],
    [job, extranonce2, ntime, short],
    [job, extranonce2, ntime, `0${short}`],
    [job, extranonce2, ntime, short.toUpperCase()],
    [job, extranonce2, ntime, nonce, "00000000"],
    [job, extranonce2, ntime, nonce, "0"],
    [job, extranonce2, ntime, nonce, "00000000", "and", "more"],
  ];
  for (const params of same) {
    const answer = await client.request("mining.submit", [client.user, ...params]);
    expect(answer, params.join(" ")).toMatchObject({
      error: [22, expect.stringContaining("duplicate"), null],
    });
  }
  const unreadable: readonly (readonly string[])[] = [
    [job, extranonce2, ntime, `0${nonce}`],
    [job, extranonce2, ntime, `0x${short}`],
    [job, extranonce2, ntime, ` ${short}`],
    [job, extranonce2, ntime, `${short} `],
    [job, extranonce2, ntime, `+${short}`],
    [job, extranonce2, ntime, `${short}\0`],
    [job, extranonce2, ntime, `${short}g`],
    [job, `0x${extranonce2}`, ntime, nonce],
    [job, `${extranonce2}00`, ntime, nonce],
    [job, extranonce2.slice(2), ntime, nonce],
    [job, extranonce2, `${ntime}00`, nonce],
    [job, extranonce2, ntime, nonce.replace(/./, "０")],
  ];
  for (const params of unreadable) {
    const answer = await client.request("mining.submit", [client.user, ...params]);
    expect(answer, params.join(" ")).toMatchObject({
      error: [20, expect.stringContaining("malformed"), null],
    });
  }
  // Another name on the same connection makes the same header.
  const second = `${address}.second`;
  expect(await client.request("mining.authorize", [second, "x"])).toMatchObject({ result: true });
  expect((await submitAs(client, { ...share, user: second })).error).toMatchObject([
    22,
    expect.anything(),
    null,
  ]);
  client.close();
});

test("10 MB without a newline end the connection after 16 KiB", async () => {
  const client = await RawClient.connect(pool.stratumPort);
  client.send(ping(1).trimEnd().slice(0, -1));
  const block = Buffer.alloc(64 * 1024, " ");
  for (let sent = 0; sent < 160 && !client.ended; sent++) {
    client.send(block);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.untilEnded();
  expect(await pool.metric("penstock_stratum_disconnects_total", { cause: "line-too-long" })).toBe(1);
});

test("a browser on the mining port gets a sentence, other protocols get nothing", async () => {
  const response = await fetch(`http://127.0.0.1:${pool.stratumPort}/`);
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("stratum+tcp://");
  for (const hello of [
    Buffer.from("1603010200010001fc0303", "hex"),
    "SSH-2.0-OpenSSH_9.9\r\n",
    "\0\0\0\0\0\0\0\0\0",
  ]) {
    const client = await RawClient.connect(pool.stratumPort);
    client.send(hello);
    await client.untilEnded();
    expect(client.received).toBe("");
  }
});

test("who says nothing, or subscribes and then says nothing, is let go in time", async () => {
  const before = await cutOff("subscribe-timeout");
  const silent = await RawClient.connect(pool.stratumPort);
  const halfOpen = await RawClient.connect(pool.stratumPort);
  await halfOpen.request("mining.subscribe", []);
  await Promise.all([silent.untilEnded(), halfOpen.untilEnded()]);
  expect(await cutOff("subscribe-timeout")).toBe(before + 1);
  expect(await cutOff("authorize-timeout")).toBe(1);
});

test("V2's peers that go no further than the handshake, change bytes or announce megabytes are let go", async () => {
  const random = randomSource(11);
  const silent = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const client = await FrameClient.open(pool.stratumPort);
      client.sendRaw(random.bytes(64));
      return client;
    }),
  );
  for (let round = 0; round < 20; round++) {
    const client = await FrameClient.setUp(pool.stratumPort);
    const payload = random.bytes(round * 1_000);
    const header = { extensionType: 0, messageType: 0x16, isChannelMessage: true };
    const sealed = client.seal(
      Buffer.concat([encodeFrameHeader({ ...header, payloadLength: payload.length }), payload]),
    );
    if (round % 2 === 0) sealed[random.integer(0, sealed.length - 1)]! ^= 1 << random.integer(0, 7);
    client.sendRaw(sealed);
    await client.untilEnded();
  }
  for (const client of silent) await client.untilEnded();
});

test("who asks much and reads nothing is cut off before the answers fill the memory", async () => {
  const before = await pool.metric("process_resident_memory_bytes", { process: "worker-1" });
  const client = await RawClient.connect(pool.stratumPort);
  await client.join(`${address}.deaf`);
  client.socket.pause();
  const requests = Buffer.from(ping(1).repeat(1_000));
  while (client.socket.writable && (await cutOff("slow-reader")) === 0) {
    for (let i = 0; i < 20; i++) client.socket.write(requests);
  }
  client.socket.resume();
  await client.untilEnded();
  const after = await pool.metric("process_resident_memory_bytes", { process: "worker-1" });
  expect(after - before).toBeLessThan(64 * 2 ** 20);
});

test("1,000 connections that come at once and go at once cost nobody his own", async () => {
  const sockets: Socket[] = Array.from({ length: 1_000 }, () => {
    const socket = connect({ port: pool.stratumPort, host: "127.0.0.1" });
    socket.on("error", () => {});
    return socket;
  });
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
  for (const socket of sockets) socket.destroy();
  await until(async () => (await pool.metric("penstock_stratum_connections")) === 4, {
    timeoutMs: 10_000,
    what: "only the honest miners' connections to be left",
  });
  // The rate of new connections is limited by the second, so it takes one more.
  const late = await until(() => join("late"), { timeoutMs: 5_000, what: "a new miner to be let in" });
  late.close();
});

test("after all of it the honest miners have not lost a share or a connection, and the ledger has what was accepted", async () => {
  expect(honest.acknowledged.size).toBeGreaterThan(0);
  await honest.stop();
  expect(honest.disconnects).toBe(0);
  expect([...honest.refused]).toEqual([]);
  expect(await workerPids(pool)).toEqual(workersAtStart);
  expect(await pool.metric("penstock_worker_restarts_total")).toBe(0);
  expect(await pool.metric("penstock_stratum_session_failures_total")).toBe(0);
  expect(honest.slowestAnswerMs).toBeLessThan(2_000);

  await pool.applied();
  const { stdout } = await pool.cli("ledger", "shares");
  const inLedger = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LedgerShare);
  const expected = [...honest.acknowledged.keys(), ...accepted.map(({ hash }) => hash)];
  expect(inLedger.map(({ hash }) => hash).sort()).toEqual(expected.sort());
  expect(inLedger.every(({ account }) => account === address)).toBe(true);
});

function join(name: string): Promise<V1Client> {
  return V1Client.start(pool.stratumPort, `${address}.${name}`);
}

function submitAs(client: V1Client, share: MadeShare) {
  return client.request("mining.submit", [share.user, ...share.params]);
}

async function acceptedShare(client: V1Client, share: MadeShare): Promise<void> {
  expect(await client.submit(share)).toMatchObject({ result: true });
  accepted.push(share);
}

/** A share of one connection that is none on another. */
function foreignShare(maker: V1Client, other: V1Client): MadeShare {
  for (;;) {
    const share = maker.makeShare();
    const [, extranonce2, , nonce] = share.params;
    const header = headerOf(maker.job, other.extranonce1, extranonce2);
    header.write(nonce, 76, "hex");
    header.subarray(76).reverse();
    if (integerLittleEndian(sha256d(header)) > share.target.value) return { ...share, user: maker.user };
  }
}

/** One whose nonce begins with a zero and has a letter, so that there is more than one way to write it. */
function shareWithShortNonce(client: V1Client): MadeShare {
  for (;;) {
    const share = client.makeShare();
    if (/^0.*[a-f]/.test(share.params[3])) return share;
  }
}

function cutOff(cause: string): Promise<number> {
  return pool.metric("penstock_stratum_disconnects_total", { cause });
}
