/**
 * A worker thread: answers the first messages of clients, and makes ephemeral keys ahead while none waits, since making
 * a key takes longer than using it. It does so at leisure: the processor is the miners'.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { createEllswiftKey, type EllswiftKey } from "../../protocol/v2/noise/ellswift.ts";
import { respond } from "../../protocol/v2/noise/handshake.ts";
import {
  type FromHandshakeThread,
  type HandshakeThreadData,
  packResponses,
  type ToHandshakeThread,
  unpackActs,
} from "./handshake-messages.ts";

/** Answered together, some milliseconds' work: a crowd costs the owner few messages, and the first of it waits little. */
const batch = 16;
/** Between two keys made ahead: a tenth of a processor at most, and the stock is there within a quarter of a minute. */
const leisureMs = 12;
/** The owner hears of the growing stock this often. */
const newsEvery = 64;

const port = parentPort!;
const settings = workerData as HandshakeThreadData;
let { identity } = settings;
const stock: EllswiftKey[] = [];
let waiting: Buffer[] = [];
let wake = (): void => {};

port.on("message", (message: ToHandshakeThread) => {
  if (message.kind === "renew") identity = message.identity;
  else waiting = waiting.concat(unpackActs(message.acts));
  wake();
});

for (;;) {
  if (waiting.length > 0) answer(waiting.splice(0, batch));
  else if (stock.length < settings.stock) {
    makeAhead();
    await Promise.race([news(), pause(leisureMs)]);
  } else await news();
  await turn();
}

function answer(acts: readonly Buffer[]): void {
  const responses = acts.map((act1) => {
    const ephemeral = stock.pop() ?? createEllswiftKey(randomBytes);
    const response = respond(act1, identity, ephemeral);
    ephemeral.secret.fill(0);
    return response;
  });
  tell({ responses: packResponses(responses), stock: stock.length });
}

function makeAhead(): void {
  stock.push(createEllswiftKey(randomBytes));
  if (stock.length % newsEvery === 0 || stock.length === settings.stock)
    tell({ responses: new Uint8Array(), stock: stock.length });
}

function tell(message: FromHandshakeThread): void {
  port.postMessage(message);
}

function news(): Promise<void> {
  return new Promise((resolve) => {
    wake = resolve;
  });
}
