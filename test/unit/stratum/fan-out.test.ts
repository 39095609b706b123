import { expect, test } from "vitest";
import { encodeJobId } from "../../../src/protocol/v1/job-id.ts";
import { FanOut, type SocketWriter } from "../../../src/stratum/fan-out.ts";
import type { LineConnection } from "../../../src/stratum/line-connection.ts";
import type { NativeSockets } from "../../../src/stratum/stratum.ts";
import { aJob } from "../../support/jobs.ts";
import { aServingPool, jobsOf, soon } from "../../support/open-stratum.ts";
import { hardBits, type StratumChanges } from "../../support/stratum.ts";
import { currentBinding } from "../native/binding.ts";

/** What a connection would write: to its stream, since `descriptor` is where others write directly. */
class RecordedConnection {
  directDescriptor: number;
  stream = "";

  constructor(descriptor: number) {
    this.directDescriptor = descriptor;
  }

  sendShared(bytes: Buffer): void {
    this.stream += bytes.toString("latin1");
  }
}

/** @param taken how much of the bytes each descriptor takes, or its error; all if left out. */
function aWriter(taken: Record<number, number> = {}) {
  const calls: { readonly descriptors: number[]; readonly bytes: string }[] = [];
  const writer: SocketWriter = {
    sendToMany(descriptors, count, bytes, sent) {
      const used = [...descriptors.subarray(0, count)];
      calls.push({ descriptors: used, bytes: Buffer.from(bytes).toString("latin1") });
      for (const [i, descriptor] of used.entries()) sent[i] = taken[descriptor] ?? bytes.length;
    },
  };
  return { writer, calls };
}

function connections(...descriptors: readonly number[]) {
  const recorded = descriptors.map((descriptor) => new RecordedConnection(descriptor));
  return { recorded, added: recorded as unknown as readonly LineConnection[] };
}

const bytes = Buffer.from("shared");

test("connections with the same bytes are written to in one call, when all are known", () => {
  const { writer, calls } = aWriter();
  const fanOut = new FanOut(writer);
  const { recorded, added } = connections(5, 6, 7);
  for (const connection of added) fanOut.add(connection, bytes);
  expect(calls).toEqual([]);
  fanOut.flush();
  fanOut.flush();
  expect(calls).toEqual([{ descriptors: [5, 6, 7], bytes: "shared" }]);
  expect(recorded.map(({ stream }) => stream)).toEqual(["", "", ""]);
});

test("what a socket did not take goes on in its stream; after an error the stream has all of it", () => {
  const { writer } = aWriter({ 5: 2, 6: 0, 7: -32 });
  const fanOut = new FanOut(writer);
  const { recorded, added } = connections(5, 6, 7, 8);
  for (const connection of added) fanOut.add(connection, bytes);
  fanOut.flush();
  expect(recorded.map(({ stream }) => stream)).toEqual(["ared", "shared", "shared", ""]);
});

test("other bytes come behind the first ones, to each connection", () => {
  const { writer, calls } = aWriter();
  const fanOut = new FanOut(writer);
  const { added } = connections(5);
  fanOut.add(added[0]!, bytes);
  fanOut.add(added[0]!, Buffer.from("then"));
  fanOut.flush();
  expect(calls.map((call) => call.bytes)).toEqual(["shared", "then"]);
});

test("more than a batch holds are written to in several calls, each once", () => {
  const { writer, calls } = aWriter();
  const fanOut = new FanOut(writer);
  const all = Array.from({ length: 1025 }, (_, i) => i);
  for (const connection of connections(...all).added) fanOut.add(connection, bytes);
  fanOut.flush();
  expect(calls.map(({ descriptors }) => descriptors.length)).toEqual([512, 512, 1]);
  expect(calls.flatMap(({ descriptors }) => descriptors)).toEqual(all);
});

test("a connection that may not be written to directly has its stream, as one that was closed since it was added", () => {
  const { writer, calls } = aWriter();
  const fanOut = new FanOut(writer);
  const { recorded, added } = connections(-1, 6, 7);
  for (const connection of added) fanOut.add(connection, bytes);
  recorded[1]!.directDescriptor = -1;
  fanOut.flush();
  expect(calls.map(({ descriptors }) => descriptors)).toEqual([[7]]);
  expect(recorded.map(({ stream }) => stream)).toEqual(["shared", "shared", ""]);
});

test("when all have something in their streams nothing is called", () => {
  const { writer, calls } = aWriter();
  const fanOut = new FanOut(writer);
  for (const connection of connections(-1, -1).added) fanOut.add(connection, bytes);
  fanOut.flush();
  expect(calls).toEqual([]);
});

test("without a writer everything goes through the streams", () => {
  const fanOut = new FanOut(undefined);
  const { recorded, added } = connections(5, 6);
  for (const connection of added) fanOut.add(connection, bytes);
  fanOut.flush();
  expect(recorded.map(({ stream }) => stream)).toEqual(["shared", "shared"]);
});

async function aNativePool(changes: StratumChanges = {}) {
  const addon = (await currentBinding()).addon("");
  const counts: number[] = [];
  let rest = 0;
  const sockets: NativeSockets = {
    sendToMany(descriptors, count, shared, sent) {
      counts.push(count);
      addon.sendToMany(descriptors, count, shared, sent);
      rest += [...sent.subarray(0, count)].filter((taken) => taken < shared.length).length;
    },
    listenOnSharedPort: (...place) => addon.listenOnSharedPort(...place),
    roundTripMicroseconds: (descriptor) => addon.roundTripMicroseconds(descriptor),
  };
  return { pool: await aServingPool({ sockets, ...changes }), counts, rest: () => rest };
}

test("a job goes to 1,000 real sockets natively, to each once", async () => {
  const { pool, counts } = await aNativePool({ limits: { newConnectionsPerAddressPerSecond: 5000 } });
  const clients = await Promise.all(Array.from({ length: 1000 }, () => pool.connect()));
  await Promise.all(clients.map((client) => client.request("mining.subscribe", [])));
  pool.broadcast(aJob({ number: 11, bits: hardBits, clean: false }));
  await soon("the job", () => clients.every((client) => jobsOf(client).length === 2));
  expect(counts).toEqual([500, 500]);
  const [line] = clients[0]!.lines.slice(-1);
  for (const client of clients) expect(client.lines.at(-1)).toBe(line);
  expect(new Set(clients.map((client) => client.lines.length))).toEqual(new Set([4]));
});

test("a client that does not read is sent every byte in order when it reads again: none is lost or comes twice", async () => {
  const { pool, counts, rest } = await aNativePool({ limits: { queuedBytes: 32 * 2 ** 20 } });
  const deaf = await pool.connect();
  await deaf.join();
  deaf.socket.pause();
  const other = await pool.connect();
  await other.join();
  const coinbase2 = Buffer.alloc(30_000, 7);
  const last = 260;
  for (let number = 11; number <= last; number++) {
    pool.broadcast(aJob({ number, bits: hardBits, clean: false, coinbase2 }));
    await soon(
      "the job",
      () => other.received.endsWith("false]}\n") && other.lines.at(-1)!.includes(encodeJobId(number, 0)),
    );
  }
  // At first both directly, then the rest of one job, then only the one who reads.
  expect(counts[0]).toBe(2);
  expect(counts.at(-1)).toBe(1);
  expect(rest()).toBe(1);
  deaf.socket.resume();
  await soon("the last job", () => deaf.received.length === other.received.length);
  expect(deaf.lines.slice(-250)).toEqual(other.lines.slice(-250));
  expect(jobsOf(deaf).slice(-250)).toEqual(Array.from({ length: 250 }, (_, i) => encodeJobId(11 + i, 0)));
  pool.broadcast(aJob({ number: last + 1, bits: hardBits, clean: false }));
  await soon("one more", () => jobsOf(deaf).length === 252 && jobsOf(other).length === 252);
  expect(counts.at(-1)).toBe(2);
});

test("a client that never reads again is cut off by the write time-out, natively too", async () => {
  const { pool, rest } = await aNativePool();
  const deaf = await pool.connect();
  await deaf.join();
  deaf.socket.pause();
  const coinbase2 = Buffer.alloc(30_000, 7);
  for (let number = 11; rest() === 0; number++) {
    pool.broadcast(aJob({ number, bits: hardBits, clean: false, coinbase2 }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 60));
  pool.clock.advance(30_000);
  await soon("the end", () => pool.metrics.count("connectionClosed write-timeout") === 1);
});

test("one that closes while a job goes out costs nobody else anything", async () => {
  const { pool } = await aNativePool();
  const clients = await Promise.all(Array.from({ length: 50 }, () => pool.connect()));
  await Promise.all(clients.map((client) => client.request("mining.subscribe", [])));
  for (const [i, client] of clients.entries()) if (i % 2 === 0) client.socket.resetAndDestroy();
  for (let number = 11; number < 20; number++) {
    pool.broadcast(aJob({ number, bits: hardBits }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const staying = clients.filter((_, i) => i % 2 === 1);
  await soon("the last job", () => staying.every((client) => jobsOf(client).length === 10));
  await soon("the others' end", () => pool.stratum.counts.connections === 25);
  expect(pool.metrics.count("sessionFailed")).toBe(0);
});
