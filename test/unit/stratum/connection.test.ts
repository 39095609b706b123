import { afterEach, expect, test } from "vitest";
import { PoolError } from "../../../src/errors.ts";
import { encodeJobId } from "../../../src/protocol/v1/job-id.ts";
import type { ConnectionHandler } from "../../../src/stratum/connection.ts";
import { Flusher } from "../../../src/stratum/flusher.ts";
import { LineConnection } from "../../../src/stratum/line-connection.ts";
import { descriptorOf } from "../../../src/stratum/socket-descriptor.ts";
import { Turns } from "../../../src/stratum/turns.ts";
import { until } from "../../support/deadline.ts";
import { aJob } from "../../support/jobs.ts";
import { freePort } from "../../support/ports.ts";
import { aSocketPair } from "../../support/socket-pair.ts";
import {
  anAddress,
  aStratum,
  hardBits,
  MemoryShares,
  RawClient,
  type StratumChanges,
  type StratumUnderTest,
} from "../../support/stratum.ts";

const opened: StratumUnderTest[] = [];

async function aPool(changes: StratumChanges = {}): Promise<StratumUnderTest> {
  const pool = await aStratum(changes);
  opened.push(pool);
  pool.broadcast(aJob({ number: 10, bits: hardBits }));
  return pool;
}

afterEach(async () => {
  for (const pool of opened.splice(0)) await closed(pool);
});

/** Peers that never read are cut off when the clock says so. */
async function closed(pool: StratumUnderTest): Promise<void> {
  pool.shares.commit("unavailable");
  const closing = pool.stratum.close();
  pool.clock.advance(60_000);
  await closing;
}

const soon = { timeoutMs: 10_000, intervalMs: 2 };
const ping = '{"id":1,"method":"mining.extranonce.subscribe","params":[]}';
const job10 = "000000000a00";
const submission = (id: unknown) =>
  `${JSON.stringify({ id, method: "mining.submit", params: [`${anAddress}.rig`, job10, "0000000000000001", "7d0", "2a"] })}\n`;

async function untilClosed(pool: StratumUnderTest, reason: string): Promise<void> {
  await until(() => pool.metrics.count(`connectionClosed ${reason}`) > 0, {
    ...soon,
    what: `the end: ${reason}`,
  });
}

test("requests cut anywhere and sent byte by byte are understood", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  for (const byte of `\r\n ${ping}\r\n\n{"id":"ä","method":"mining.extranonce.subscribe"}\n`) {
    client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.untilLines(2);
  expect(client.messages.map(({ id }) => id)).toEqual([1, "ä"]);
});

test("500 requests in one packet are answered in order", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.send(
    Array.from({ length: 500 }, (_, i) => ping.replace("1", String(i)))
      .join("\n")
      .concat("\n"),
  );
  await client.untilLines(500);
  expect(client.messages.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, i) => i));
});

test("a last line without a newline is answered before the connection ends", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.socket.end(`${ping}\n${ping.replace("1", "2")}`);
  await client.untilEnded();
  expect(client.messages.map(({ id, result }) => [id, result])).toEqual([
    [1, true],
    [2, true],
  ]);
  await untilClosed(pool, "peer");
});

test("a client that has ended its side still gets the answers of its shares", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  client.socket.end(submission("last"));
  await until(() => pool.shares.waiting.length === 1, { ...soon, what: "the share" });
  pool.shares.commit();
  expect((await client.answer("last")).result).toBe(true);
  await client.untilEnded();
});

test("10 MB without a newline end the connection with a reason, and cost no memory", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.send("{".repeat(1024));
  const block = Buffer.alloc(64 * 1024, "x");
  for (let sent = 0; sent < 160 && !client.ended; sent++) {
    client.send(block);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await untilClosed(pool, "line-too-long");
  await client.untilEnded();
});

test("a line of 16,384 bytes is read, a longer one is refused and ends the connection", async () => {
  const pool = await aPool();
  const lineOf = (bytes: number) =>
    ping
      .slice(0, -1)
      .concat("}".padStart(bytes - ping.length + 1))
      .concat("\n");
  const client = await pool.connect();
  client.send(lineOf(16_384));
  expect((await client.answer(1)).result).toBe(true);
  client.send(lineOf(16_385));
  await client.untilEnded();
  expect(client.messages.at(-1).error).toEqual([20, expect.stringContaining("16384 bytes"), null]);
  expect(pool.metrics.count("connectionClosed line-too-long")).toBe(1);
});

test("lines that are no requests are refused with the reason; ten in a row end the connection", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.send(`{"id":7,"method":1}\n[]\n${ping}\n${"{nonsense\n".repeat(9)}`);
  await client.untilLines(12);
  expect(client.messages[0]).toMatchObject({
    id: 7,
    error: [20, expect.stringMatching(/^malformed: method/), null],
  });
  client.send(`${ping}\n`);
  await client.untilLines(13);
  // By now nothing is read from it for a second at a time.
  client.send("{nonsense\n".repeat(11));
  pool.clock.advance(1000);
  await client.untilEnded();
  expect(client.lines).toHaveLength(23);
  expect(pool.metrics.count("connectionClosed garbage")).toBe(1);
  expect(pool.metrics.count("malformedLine")).toBe(21);
});

test("lines that must wait for another turn are all answered, though their sender has ended its side", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.socket.end(`${ping}\n`.repeat(400));
  await client.untilEnded();
  expect(client.lines).toHaveLength(400);
});

test("HTTP is told that this is a mining port, and closed", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  client.send("GE");
  client.send("T / HTTP/1.1\r\nHost: pool\r\n\r\n");
  await client.untilEnded();
  expect(client.received).toMatch(/^HTTP\/1\.1 400 /);
  expect(client.received).toContain("stratum+tcp://");
  await untilClosed(pool, "http");
});

test.each([
  ["a PROXY header", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "proxy-header"],
  ["TLS without a certificate here", Buffer.from("1603010200010001fc0303", "hex"), "tls-not-offered"],
  ["SSH", "SSH-2.0-OpenSSH_9.2\r\n", "not-stratum"],
  ["a JSON array", "[1, 2, 3, 4, 5, 6]\n", "not-stratum"],
  ["more than a V2 key at once", Buffer.alloc(100), "garbage"],
  ["empty lines only", "\n".repeat(100), "not-stratum"],
])("%s is closed without a word", async (_, bytes, reason) => {
  const pool = await aPool();
  const client = await pool.connect();
  client.send(bytes);
  await client.untilEnded();
  expect(client.received).toBe("");
  await untilClosed(pool, reason);
});

test.each([
  ["subscribe", [], 15, "subscribe-timeout"],
  ["authorize", [["mining.subscribe", []]], 60, "authorize-timeout"],
  [
    "say something",
    [
      ["mining.subscribe", []],
      ["mining.authorize", [anAddress]],
    ],
    3600,
    "idle",
  ],
] as const)("a client that does not %s in time is disconnected", async (_, requests, seconds, reason) => {
  const pool = await aPool();
  const client = await pool.connect();
  await until(() => pool.stratum.counts.connections === 1, { ...soon, what: "the connection" });
  for (const [method, params] of requests) await client.request(method, params);
  const before = pool.metrics.events.length;
  pool.clock.advance(seconds * 1000 - 1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(pool.metrics.events.slice(before).filter((event) => event.startsWith("connectionClosed"))).toEqual(
    [],
  );
  pool.clock.advance(1);
  await client.untilEnded();
  await untilClosed(pool, reason);
});

/** Joins, then never reads again. */
async function aDeafClient(pool: StratumUnderTest): Promise<RawClient> {
  const client = await pool.connect();
  await client.join();
  client.socket.pause();
  return client;
}

test("a client that submits and never reads is cut off at the bound, while others go on", async () => {
  const pool = await aPool();
  pool.shares.verdict = "duplicate";
  const deaf = await aDeafClient(pool);
  const other = await pool.connect();
  await other.join();
  const batch = Array.from({ length: 400 }, (_, i) => submission(i)).join("");
  await until(
    () => {
      if (!deaf.socket.destroyed) deaf.send(batch);
      return pool.metrics.count("connectionClosed slow-reader") === 1;
    },
    { ...soon, timeoutMs: 60_000, what: "the end of the deaf client" },
  );
  expect((await other.request("mining.extranonce.subscribe", [])).result).toBe(true);
  deaf.socket.destroy();
});

test("a client that never reads is spared further jobs and cut off by the write time-out", async () => {
  const pool = await aPool();
  const deaf = await aDeafClient(pool);
  const other = await pool.connect();
  await other.join();
  const coinbase2 = new Uint8Array(30_000);
  // More than the kernel's buffers hold: what does not fit is left out, not queued.
  for (let number = 11; number < 400; number++) {
    pool.broadcast(aJob({ number, bits: hardBits, clean: false, coinbase2 }));
    const id = encodeJobId(number, 0);
    await until(() => other.lines.at(-1)?.includes(id), { ...soon, what: "the job" });
  }
  expect(pool.stratum.counts.connections).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 60));
  pool.clock.advance(30_000);
  await untilClosed(pool, "write-timeout");
  expect(pool.stratum.counts.connections).toBe(1);
  deaf.socket.destroy();
});

test("connections beyond the bounds are refused and counted; one that ends makes room", async () => {
  const pool = await aPool({ limits: { connectionsPerAddress: 2 } });
  const first = await pool.connect();
  const second = await pool.connect();
  await until(() => pool.stratum.counts.connections === 2, { ...soon, what: "both" });
  const third = await pool.connect();
  await third.untilEnded();
  expect(pool.metrics.count("connectionRefused connections-per-address")).toBe(1);
  first.socket.destroy();
  await until(() => pool.stratum.counts.connections === 1, { ...soon, what: "the room" });
  expect((await (await pool.connect()).request("mining.extranonce.subscribe", [])).result).toBe(true);
  expect((await second.request("mining.extranonce.subscribe", [])).result).toBe(true);
});

test("an exception in one session closes that session only, and is counted", async () => {
  const shares = new MemoryShares();
  const pool = await aPool({
    shares: {
      submit(submission, done) {
        if (submission.worker === "bad") throw new Error("a bug");
        shares.submit(submission, done);
      },
    },
  });
  shares.verdict = "accepted";
  const good = await pool.connect();
  await good.join();
  const bad = await pool.connect();
  await bad.join(`${anAddress}.bad`);
  bad.send(submission(1).replace(".rig", ".bad"));
  await bad.untilEnded();
  expect(pool.metrics.count("sessionFailed")).toBe(1);
  good.send(submission("x"));
  expect((await good.answer("x")).result).toBe(true);
});

test("suspending ends all connections and refuses new ones; resuming serves again", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  const { port } = pool.stratum.addresses[0]!;
  await pool.stratum.suspend("the disk is full");
  await client.untilEnded();
  expect(pool.stratum.counts).toEqual({ connections: 0, subscribed: 0, workers: 0 });
  expect(pool.stratum.addresses).toEqual([]);
  await expect(RawClient.connect(port)).rejects.toThrow("ECONNREFUSED");
  await pool.stratum.resume();
  await (await pool.connect()).join();
});

test("closing answers what is pending first", async () => {
  const pool = await aPool();
  const client = await pool.connect();
  await client.join();
  client.send(submission("pending"));
  await until(() => pool.shares.waiting.length === 1, { ...soon, what: "the share" });
  const closing = pool.stratum.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(client.ended).toBe(false);
  pool.shares.commit();
  await closing;
  expect((await client.answer("pending")).result).toBe(true);
  await client.untilEnded();
});

test("a port that is taken is a PoolError that names it, and leaves no other port open", async () => {
  const pool = await aPool();
  const { port } = pool.stratum.addresses[0]!;
  const free = await freePort();
  const listen = [free, port].map((number) => ({ host: "127.0.0.1", port: number }));
  const error = await aStratum({ listen }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(PoolError);
  expect(error).toMatchObject({
    code: "STRATUM_PORT_TAKEN",
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
  await expect(RawClient.connect(free)).rejects.toThrow("ECONNREFUSED");
});

test("an address of another machine cannot be listened on, and the error says so", async () => {
  const failed = aStratum({ listen: [{ host: "192.0.2.1", port: 3333 }] });
  await expect(failed).rejects.toMatchObject({ code: "STRATUM_LISTEN_FAILED" });
});

test("a job reaches 1,000 sessions, each once, and a newer one overtakes it", async () => {
  const pool = await aPool({ limits: { newConnectionsPerAddressPerSecond: 5000 } });
  const clients = await Promise.all(Array.from({ length: 1000 }, () => pool.connect()));
  await Promise.all(clients.map((client) => client.request("mining.subscribe", [])));
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  pool.broadcast(aJob({ number: 12, bits: hardBits }));
  await until(() => clients.every((client) => client.received.includes("000000000c00")), {
    timeoutMs: 20_000,
    what: "the newest job",
  });
  for (const client of clients) {
    const ids = client.paramsOf("mining.notify").map(([id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.at(-1)).toBe("000000000c00");
    client.socket.destroy();
  }
});

/** A connection by itself on a real socket, with what its handler heard. */
async function aConnection({ queuedBytes = 65_536 } = {}) {
  const { near, far } = await aSocketPair();
  far.setEncoding("latin1");
  const heard: string[] = [];
  const received = { text: "" };
  far.on("data", (text: string) => {
    received.text += text;
  });
  const handler: ConnectionHandler = {
    messages: (_, from) => from,
    message: (bytes) => {
      heard.push(bytes.toString("latin1"));
      if (heard.at(-1) === "stop") connection.finish("garbage", 0);
    },
    unreadable: () => heard.push("too long"),
    ended: () => heard.push("ended"),
    drained: () => heard.push("drained"),
    closed: (reason) => heard.push(`closed ${reason}`),
    failed: () => heard.push("failed"),
  };
  const connection = new LineConnection(near, "192.0.2.1", new Flusher(), new Turns(), {
    lineBytes: 100,
    queuedBytes,
  });
  connection.start(handler, Buffer.alloc(0));
  return { connection, near, far, heard, received };
}

const untilHeard = (heard: readonly string[], what: string) =>
  until(() => heard.includes(what), { ...soon, what });

test("reading goes on only when no reason to pause is left", async () => {
  const { connection, near, far, heard } = await aConnection();
  connection.pauseReading("answers");
  connection.pauseReading("penalty");
  connection.pauseReading("answers");
  connection.resumeReading("answers");
  expect(near.isPaused()).toBe(true);
  far.write("later\n");
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(heard).toEqual([]);
  connection.resumeReading("answers");
  expect(near.isPaused()).toBe(true);
  connection.resumeReading("penalty");
  await untilHeard(heard, "later");
});

test.each([
  ["is paused", true],
  ["reads", false],
])("one that finishes while it %s reads on, whatever comes, and is paused no more", async (_, isPaused) => {
  const { connection, near, far, heard, received } = await aConnection();
  if (isPaused) connection.pauseReading("answers");
  else connection.data(Buffer.from("stop\n"));
  far.write("unread\n".repeat(100_000));
  await new Promise((resolve) => setTimeout(resolve, 20));
  connection.send("last words\n");
  connection.finish("garbage", 0);
  connection.pauseReading("penalty");
  expect(near.isPaused()).toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  connection.end();
  await untilHeard(heard, "closed garbage");
  await until(() => received.text === "last words\n", { ...soon, what: "the last words" });
  expect(heard.filter((line) => line !== "stop")).toEqual(["closed garbage"]);
});

test("what is sent within a turn and what is shared keep their order", async () => {
  const { connection, received } = await aConnection();
  connection.send("a");
  connection.send("b");
  connection.sendShared(Buffer.from("c"));
  connection.send("d");
  await until(() => received.text === "abcd", { ...soon, what: "the text" });
});

test("bytes are written past the stream only while nothing waits in it or for it", async () => {
  const { connection, near } = await aConnection({ queuedBytes: 2 ** 30 });
  const direct = () => connection.directDescriptor;
  const descriptor = direct();
  expect(descriptor).toBeGreaterThan(0);
  expect(connection.descriptor).toBe(descriptor);
  connection.send("a");
  expect(direct()).toBe(-1);
  connection.flush();
  expect(direct()).toBe(descriptor);
  connection.sendShared(Buffer.alloc(64 * 2 ** 20));
  expect(near.writableLength).toBeGreaterThan(0);
  expect(direct()).toBe(-1);
  connection.close("failed");
  expect([direct(), connection.descriptor]).toEqual([-1, -1]);
});

test("a socket that was destroyed has no descriptor, though its end was not heard of yet", async () => {
  const { connection, near } = await aConnection();
  near.destroy();
  expect([connection.directDescriptor, connection.descriptor]).toEqual([-1, -1]);
});

test("under TLS nothing is ever written past the stream; the TCP connection's descriptor is known", async () => {
  const [secure, tcp] = [await aSocketPair(), await aSocketPair()];
  const limits = { lineBytes: 100, queuedBytes: 65_536 };
  const connection = new LineConnection(
    secure.near,
    "192.0.2.1",
    new Flusher(),
    new Turns(),
    limits,
    tcp.near,
  );
  expect(connection.isEncrypted).toBe(true);
  expect(connection.directDescriptor).toBe(-1);
  expect(connection.descriptor).toBe(descriptorOf(tcp.near));
  expect(connection.descriptor).toBeGreaterThan(0);
});

test("after the end nothing is sent, nothing heard, and the first reason stays", async () => {
  const { connection, far, heard, received } = await aConnection();
  connection.send("dropped");
  connection.close("failed");
  connection.close("idle");
  connection.finish("shutdown", 0);
  connection.send("late");
  connection.sendShared(Buffer.from("late"));
  connection.data(Buffer.from("line\n"));
  connection.drained();
  connection.ended();
  await untilHeard(heard, "closed failed");
  await until(() => far.destroyed || far.readableEnded, { ...soon, what: "the peer's end" });
  expect(heard).toEqual(["closed failed"]);
  expect(received.text).toBe("");
});

test("lines behind the one that ended the connection are not read", async () => {
  const { connection, heard } = await aConnection();
  connection.data(Buffer.from("go\nstop\nnever\nsto"));
  connection.data(Buffer.from("p\n"));
  expect(heard).toEqual(["go", "stop"]);
});

test("one that finishes is cut after five seconds, if its answers are not known or not read by then", async () => {
  const { connection, heard } = await aConnection();
  connection.finish("shutdown", 1000);
  connection.sweep(5999, 30_000);
  expect(connection.isClosed).toBe(false);
  connection.sweep(6000, 30_000);
  await untilHeard(heard, "closed shutdown");
});
