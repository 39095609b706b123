import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { xOnlyPointFromScalar } from "tiny-secp256k1";
import { afterEach, expect, test, vi } from "vitest";
import { signCertificate } from "../../../../src/protocol/v2/noise/certificate.ts";
import { createEllswiftKey } from "../../../../src/protocol/v2/noise/ellswift.ts";
import {
  finish,
  HandshakeFailure,
  type Response,
  respond,
} from "../../../../src/protocol/v2/noise/handshake.ts";
import {
  type FromHandshakeThread,
  type HandshakeThreadData,
  packResponses,
  type ToHandshakeThread,
  unpackActs,
} from "../../../../src/stratum/v2/handshake-messages.ts";
import { createHandshakes, type Handshakes } from "../../../../src/stratum/v2/handshakes.ts";
import { aClock } from "../../../support/clock.ts";
import { silentLog } from "../../../support/silent-log.ts";

const now = 1_800_000_000;
const authoritySecret = Buffer.alloc(32, 3);
const authorityKey = xOnlyPointFromScalar(authoritySecret);
const open: Handshakes[] = [];

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(open.splice(0).map((handshakes) => handshakes.close()));
});

function anIdentity(secret = authoritySecret) {
  const staticKey = createEllswiftKey(randomBytes);
  const validity = { validFrom: now - 3600, notValidAfter: now + 3600 };
  const staticX = xOnlyPointFromScalar(staticKey.secret);
  return { staticKey, certificate: signCertificate(secret, staticX, validity, Buffer.alloc(32)) };
}

function someHandshakes({
  mostWaiting = 100,
  stock = 0,
  identity = anIdentity(),
  start = undefined as Start,
} = {}) {
  const clock = aClock();
  const seconds: number[] = [];
  const stocks = new EventEmitter<{ stock: [number] }>();
  const handshakes = createHandshakes({
    identity,
    mostWaiting,
    stock,
    clock,
    log: silentLog,
    metrics: { answered: (took) => seconds.push(took), stock: (keys) => stocks.emit("stock", keys) },
    ...(start && { start }),
  });
  open.push(handshakes);
  return { handshakes, clock, seconds, stocks };
}

type Start = ((data: HandshakeThreadData) => FakeThread) | undefined;

/** A thread that answers when it is told to. */
class FakeThread extends EventEmitter<{ message: [FromHandshakeThread]; error: [unknown]; exit: [] }> {
  readonly data: HandshakeThreadData;
  readonly heard: ToHandshakeThread[] = [];
  isEnded = false;

  constructor(data: HandshakeThreadData) {
    super();
    this.data = data;
  }

  postMessage(message: ToHandshakeThread) {
    this.heard.push(message);
  }

  answer(count: number, stock = 0) {
    const acts = this.heard.flatMap((message) =>
      message.kind === "respond" ? unpackActs(message.acts) : [],
    );
    const responses = acts
      .slice(0, count)
      .map((act1) => respond(act1, this.data.identity, createEllswiftKey(randomBytes)));
    this.emit("message", { responses: packResponses(responses), stock });
  }

  async terminate() {
    this.isEnded = true;
  }
}

function fakeThreads() {
  const threads: FakeThread[] = [];
  const start = (data: HandshakeThreadData) => {
    threads.push(new FakeThread(data));
    return threads.at(-1)!;
  };
  return { threads, start };
}

function ask(handshakes: Handshakes, act1: Uint8Array): Promise<Response | undefined> {
  return new Promise((resolve, reject) => {
    if (!handshakes.respond(act1, resolve)) reject(new Error("refused"));
  });
}

function outcome(act2: Buffer, ephemeral: ReturnType<typeof createEllswiftKey>) {
  const keys = finish(act2, ephemeral, authorityKey, now);
  return keys instanceof HandshakeFailure ? keys.sentence : keys;
}

test("the thread answers a crowd, each client its own, from its stock and beyond it", async () => {
  const { handshakes, seconds, stocks } = someHandshakes({ stock: 3 });
  const told: number[] = [];
  stocks.on("stock", (keys) => told.push(keys));
  const first = createEllswiftKey(randomBytes);
  expect(outcome((await ask(handshakes, first.ellswift))!.act2, first)).toHaveProperty("sendKey");
  await vi.waitUntil(() => told.at(-1) === 3, { timeout: 5_000 });
  const clients = Array.from({ length: 40 }, () => createEllswiftKey(randomBytes));
  const responses = await Promise.all(clients.map(({ ellswift }) => ask(handshakes, ellswift)));
  for (const [index, client] of clients.entries()) {
    const { act2, receiveKey, sendKey } = responses[index]!;
    expect(outcome(act2, client)).toEqual({ sendKey: receiveKey, receiveKey: sendKey });
  }
  expect(seconds.length).toBe(41);
  expect(handshakes.waiting).toBe(0);
  const ephemerals = new Set(responses.map((response) => response!.act2.toString("hex", 0, 64)));
  expect(ephemerals.size).toBe(40);
});

test("a renewed identity is shown from then on", async () => {
  const other = anIdentity(Buffer.alloc(32, 9));
  const { handshakes } = someHandshakes({ identity: other });
  const client = createEllswiftKey(randomBytes);
  expect(outcome((await ask(handshakes, client.ellswift))!.act2, client)).toMatch(/another authority/);
  handshakes.renew(anIdentity());
  expect(outcome((await ask(handshakes, client.ellswift))!.act2, client)).toHaveProperty("sendKey");
});

test("nobody's handshakes take no thread", async () => {
  const { threads, start } = fakeThreads();
  const { handshakes } = someHandshakes({ start });
  handshakes.renew(anIdentity());
  expect(threads.length).toBe(0);
  handshakes.respond(randomBytes(64), () => {});
  handshakes.respond(randomBytes(64), () => {});
  expect(threads.length).toBe(1);
});

test("one bound more than may wait is refused, and one answered makes room", async () => {
  const { threads, start } = fakeThreads();
  const { handshakes } = someHandshakes({ mostWaiting: 2, start });
  const answers: unknown[] = [];
  const ask = () => handshakes.respond(randomBytes(64), (response) => answers.push(response));
  expect([ask(), ask(), ask()]).toEqual([true, true, false]);
  expect(handshakes.waiting).toBe(2);
  await turn();
  threads[0]!.answer(1);
  expect(answers.length).toBe(1);
  expect([ask(), ask()]).toEqual([true, false]);
});

test("what is asked within a turn of the event loop goes in one message, copied", async () => {
  const { threads, start } = fakeThreads();
  const { handshakes } = someHandshakes({ start });
  const act1 = randomBytes(64);
  const sent = Buffer.from(act1);
  for (let count = 0; count < 5; count++) handshakes.respond(act1, () => {});
  act1.fill(0);
  await turn();
  expect(threads[0]!.heard).toEqual([{ kind: "respond", acts: Buffer.concat(Array(5).fill(sent)) }]);
});

test("the time from question to answer and the stock are reported", async () => {
  const { threads, start } = fakeThreads();
  const { handshakes, clock, seconds, stocks } = someHandshakes({ start });
  const told: number[] = [];
  stocks.on("stock", (keys) => told.push(keys));
  handshakes.respond(randomBytes(64), () => {});
  await turn();
  clock.advance(250);
  threads[0]!.answer(1, 17);
  expect(seconds).toEqual([0.25]);
  expect(told).toEqual([17]);
});

test("a thread that dies answers nobody; another takes its place after a pause that grows", () => {
  vi.useFakeTimers();
  const { threads, start } = fakeThreads();
  const { handshakes } = someHandshakes({ start });
  const answers: unknown[] = [];
  const renewed = anIdentity();
  handshakes.respond(randomBytes(64), (response) => answers.push(response));
  threads[0]!.emit("error", new Error("out of memory"));
  threads[0]!.emit("exit");
  expect(answers).toEqual([undefined]);
  expect(handshakes.waiting).toBe(0);
  expect(handshakes.respond(randomBytes(64), () => {})).toBe(false);
  handshakes.renew(renewed);
  vi.advanceTimersByTime(99);
  expect(threads.length).toBe(1);
  vi.advanceTimersByTime(1);
  expect(threads.length).toBe(2);
  expect(threads[1]!.data.identity).toBe(renewed);
  expect(handshakes.respond(randomBytes(64), () => {})).toBe(true);

  threads[1]!.emit("exit");
  vi.advanceTimersByTime(199);
  expect(threads.length).toBe(2);
  vi.advanceTimersByTime(1);
  threads[2]!.emit("message", { responses: new Uint8Array(), stock: 64 });
  threads[2]!.emit("exit");
  vi.advanceTimersByTime(100);
  expect(threads.length).toBe(4);
});

test("what a dead thread still had to say is not taken for another's answer", async () => {
  const { threads, start } = fakeThreads();
  const { handshakes } = someHandshakes({ start });
  handshakes.respond(randomBytes(64), () => {});
  await turn();
  threads[0]!.emit("exit");
  await vi.waitFor(() => expect(threads.length).toBe(2));
  let isAnswered = false;
  handshakes.respond(randomBytes(64), () => {
    isAnswered = true;
  });
  threads[0]!.answer(1);
  expect(isAnswered).toBe(false);
});

test("closing answers nobody, starts no other thread and may be done twice", async () => {
  const { threads, start } = fakeThreads();
  const { handshakes } = someHandshakes({ start });
  const answers: unknown[] = [];
  handshakes.respond(randomBytes(64), (response) => answers.push(response));
  await handshakes.close();
  await handshakes.close();
  expect(answers).toEqual([undefined]);
  expect(threads[0]!.isEnded).toBe(true);
  threads[0]!.emit("exit");
  await turn();
  expect(threads.length).toBe(1);
  expect(handshakes.respond(randomBytes(64), () => {})).toBe(false);
});
