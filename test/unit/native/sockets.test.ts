import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { currentBinding } from "./binding.ts";

const addon = (await currentBinding()).addon("");
const badDescriptor = -9;
/** Far above the descriptors that this process may have. */
const neverOpen = 2_000_000_000;

/** Both ends of one connection over loopback. */
interface Pair {
  /** The end that sends. */
  readonly near: Socket;
  readonly far: Socket;
}

const server = createServer();
let pairs: Pair[] = [];

beforeEach(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  for (const { near, far } of pairs) {
    near.destroy();
    far.destroy();
  }
  pairs = [];
  server.close();
  await once(server, "close");
});

async function connected(): Promise<Pair> {
  const accepted = once(server, "connection");
  const far = connect((server.address() as AddressInfo).port, "127.0.0.1").pause();
  const [near] = (await accepted) as [Socket];
  const pair = { near, far };
  pairs.push(pair);
  return pair;
}

async function connectedTimes(count: number): Promise<Pair[]> {
  const made: Pair[] = [];
  for (let i = 0; i < count; i++) made.push(await connected());
  return made;
}

function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

function send(sockets: readonly number[], bytes: Uint8Array): number[] {
  const sent = new Int32Array(sockets.length).fill(7);
  addon.sendToMany(Int32Array.from(sockets), sockets.length, bytes, sent);
  return [...sent];
}

async function read(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= length) break;
  }
  return Buffer.concat(chunks);
}

test("every socket gets all of the bytes", async () => {
  const all = await connectedTimes(50);
  const bytes = Buffer.from("one line for everybody\n".repeat(30));

  const sent = send(
    all.map(({ near }) => descriptorOf(near)),
    bytes,
  );

  expect(new Set(sent)).toEqual(new Set([bytes.length]));
  for (const { far } of all) expect(await read(far, bytes.length)).toEqual(bytes);
});

test("only the first `count` sockets are written to, and nothing is said of the others", async () => {
  const [first, second] = (await connectedTimes(2)) as [Pair, Pair];
  const sent = new Int32Array([7, 7]);

  addon.sendToMany(
    Int32Array.of(descriptorOf(first.near), descriptorOf(second.near)),
    1,
    Buffer.from("a"),
    sent,
  );
  send([descriptorOf(second.near)], Buffer.from("b"));

  expect([...sent]).toEqual([1, 7]);
  expect((await read(first.far, 1)).toString()).toBe("a");
  expect((await read(second.far, 1)).toString()).toBe("b");
});

test("what a reader that does not read leaves no room for is not counted as sent, and stands nowhere in what arrives", async () => {
  const { near, far } = await connected();
  const bytes = Buffer.alloc(1 << 20).map((_, index) => index % 251);
  const taken: number[] = [];

  while (taken.at(-1) !== 0) taken.push(...send([descriptorOf(near)], bytes));

  expect(taken.some((each) => each > 0 && each < bytes.length)).toBe(true);
  near.end();
  const arrived = await read(far, Number.POSITIVE_INFINITY);
  expect(arrived.equals(Buffer.concat(taken.map((each) => bytes.subarray(0, each))))).toBe(true);
});

test("what a socket's owner writes after a send comes behind it", async () => {
  const { near, far } = await connected();
  send([descriptorOf(near)], Buffer.from("sent "));
  near.write("and written");
  expect((await read(far, 16)).toString()).toBe("sent and written");
});

test("a socket that cannot be written to says why, and those behind it are served", async () => {
  const [gone, open] = (await connectedTimes(2)) as [Pair, Pair];
  gone.near.end();
  await once(gone.near, "finish");

  const sent = send([neverOpen, -1, descriptorOf(gone.near), descriptorOf(open.near)], Buffer.from("x"));

  const brokenPipe = -32;
  expect(sent).toEqual([badDescriptor, badDescriptor, brokenPipe, 1]);
  expect((await read(open.far, 1)).toString()).toBe("x");
});

test("nothing to send is sent to everybody", async () => {
  const { near } = await connected();
  expect(send([descriptorOf(near)], Buffer.alloc(0))).toEqual([0]);
  expect(send([], Buffer.from("x"))).toEqual([]);
});

test("the round trip of a connection is its kernel's, alone and for many at once", async () => {
  const { near, far } = await connected();
  near.write("x");
  await read(far, 1);
  const descriptor = descriptorOf(near);
  const microseconds = new Float64Array(3).fill(-7);

  const one = addon.roundTripMicroseconds(descriptor);
  addon.roundTrips(Int32Array.of(descriptor, neverOpen, descriptor), 2, microseconds);

  expect(one).toBeGreaterThan(0);
  expect(one).toBeLessThan(1_000_000);
  expect(microseconds[0]).toBeGreaterThan(0);
  expect([...microseconds.subarray(1)]).toEqual([-1, -7]);
});

test("what is no TCP connection has no round trip", () => {
  expect(addon.roundTripMicroseconds(neverOpen)).toBe(-1);
  const standardError = 2;
  expect(addon.roundTripMicroseconds(standardError)).toBe(-1);
});

test("arguments of a wrong kind are TypeErrors that name them", () => {
  const sockets = new Int32Array(2);
  const bytes = Buffer.alloc(1);
  const sent = new Int32Array(2);
  const refusalOf = (name: "sendToMany" | "roundTripMicroseconds" | "roundTrips", ...args: unknown[]) => {
    try {
      (addon[name] as (...all: unknown[]) => void)(...args);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return (error as TypeError).message;
    }
    return undefined;
  };

  expect(refusalOf("sendToMany", [1], 1, bytes, sent)).toBe("sockets must be an Int32Array");
  expect(refusalOf("sendToMany", new Uint32Array(2), 1, bytes, sent)).toBe("sockets must be an Int32Array");
  expect(refusalOf("sendToMany", sockets, 3, bytes, sent)).toBe("count must be a whole number from 0 to 2");
  expect(refusalOf("sendToMany", sockets, -1, bytes, sent)).toMatch(/^count must be/);
  expect(refusalOf("sendToMany", sockets, 1, "text", sent)).toBe("bytes must be a Uint8Array");
  expect(refusalOf("sendToMany", sockets, 1, bytes)).toBe("sent must be an Int32Array");
  expect(refusalOf("sendToMany", sockets, 2, bytes, new Int32Array(1))).toBe(
    "sent must have at least 2 elements, not 1",
  );
  expect(refusalOf("roundTripMicroseconds", -1)).toMatch(/^socket must be/);
  expect(refusalOf("roundTripMicroseconds", "1")).toMatch(/^socket must be/);
  expect(refusalOf("roundTrips", {}, 1, new Float64Array(1))).toBe("sockets must be an Int32Array");
  expect(refusalOf("roundTrips", sockets, 3, new Float64Array(3))).toMatch(/^count must be/);
  expect(refusalOf("roundTrips", sockets, 1, new Float32Array(2))).toBe(
    "microseconds must be a Float64Array",
  );
  expect(refusalOf("roundTrips", sockets, 2, new Float64Array(1))).toBe(
    "microseconds must have at least 2 elements, not 1",
  );
});
