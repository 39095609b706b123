import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { createNativeTransports } from "../../../../src/native/frame-transport.ts";
import { loadAddon } from "../../../../src/native/index.ts";
import { reconnect, setupConnectionSuccess } from "../../../../src/protocol/v2/common.ts";
import type { FrameTransport } from "../../../../src/protocol/v2/frame-transport.ts";
import { signCertificate } from "../../../../src/protocol/v2/noise/certificate.ts";
import { createEllswiftKey, decodeEllswift } from "../../../../src/protocol/v2/noise/ellswift.ts";
import { act2Bytes, finish, HandshakeFailure, respond } from "../../../../src/protocol/v2/noise/handshake.ts";
import { mostPayload } from "../../../../src/protocol/v2/registry.ts";
import type { ConnectionHandler } from "../../../../src/stratum/connection.ts";
import { Flusher } from "../../../../src/stratum/flusher.ts";
import { Turns } from "../../../../src/stratum/turns.ts";
import { FrameConnection } from "../../../../src/stratum/v2/frame-connection.ts";
import { until } from "../../../support/deadline.ts";
import { randomSource } from "../../../support/random.ts";
import { aSocketPair } from "../../../support/socket-pair.ts";

const addon = loadAddon();
const transports = createNativeTransports({ addon, longPayload: 2_048 });
const random = randomSource(5);
const draw = (length: number) => random.bytes(length);
const staticKey = createEllswiftKey(draw);
const authoritySecret = Buffer.alloc(32, 9);
const certificate = signCertificate(
  authoritySecret,
  decodeEllswift(staticKey.ellswift),
  { validFrom: 0, notValidAfter: 100 },
  draw(32),
);
let closedTransports = 0;
const soon = { timeoutMs: 5_000, intervalMs: 2 };

async function aConnection() {
  closedTransports = 0;
  const { near, far } = await aSocketPair();
  const heard: string[] = [];
  const connection = new FrameConnection(near, "192.0.2.1", new Flusher(), new Turns(), {
    queuedBytes: 65_536,
  });
  const handler: ConnectionHandler = {
    messages: (_, from) => from,
    message: (bytes) => {
      if (connection.isSecured) {
        heard.push(bytes.toString("hex"));
        return;
      }
      const { act2, receiveKey, sendKey } = respond(
        bytes,
        { staticKey, certificate },
        createEllswiftKey(draw),
      );
      const transport = transports({ receive: receiveKey, send: sendKey });
      connection.secured(act2, countingCloses(transport), mostPayload);
    },
    unreadable: () => {
      heard.push(`unreadable ${connection.problem}`);
      connection.close("garbage");
    },
    ended: () => heard.push("ended"),
    drained: () => {},
    closed: (reason) => heard.push(`closed ${reason}`),
    failed: (error) => heard.push(`failed ${String(error)}`),
  };
  connection.start(handler, Buffer.alloc(0));
  return { connection, far, heard };
}

function countingCloses(transport: FrameTransport): FrameTransport {
  return {
    open: (chunk, most) => transport.open(chunk, most),
    seal: (frames) => transport.seal(frames),
    close: () => {
      closedTransports++;
      transport.close();
    },
  };
}

/** The client's part of the handshake, over its socket. */
async function secure(far: Socket) {
  const ephemeral = createEllswiftKey(draw);
  far.write(ephemeral.ellswift);
  const act2 = await read(far, act2Bytes);
  const keys = finish(act2, ephemeral, undefined, 50);
  if (keys instanceof HandshakeFailure) throw new Error(keys.sentence);
  return transports({ receive: keys.receiveKey, send: keys.sendKey });
}

async function read(far: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const found = far.read(bytes) as Buffer | null;
    if (found !== null) return found;
    await once(far, "readable");
  }
}

const frame = reconnect.encode({ newHost: "", newPort: 1 });

test("behind the handshake frames come and go, sealed", async () => {
  const { connection, far, heard } = await aConnection();
  const client = await secure(far);
  far.write(client.seal(Buffer.concat([frame, frame])));
  await until(() => heard.length === 2, { ...soon, what: "both frames" });
  expect(heard).toEqual([frame.toString("hex"), frame.toString("hex")]);

  const answer = setupConnectionSuccess.encode({ usedVersion: 2, flags: 0 });
  connection.send(answer);
  connection.send(frame);
  const sealed = await read(far, answer.length + frame.length + 4 * 16);
  expect(client.open(sealed, mostPayload).frames).toEqual(Buffer.concat([answer, frame]));
});

test("bytes behind the key, before the handshake is done, make no sense to anybody", async () => {
  const { far, heard } = await aConnection();
  far.write(Buffer.alloc(65));
  await until(() => heard.length > 1, { ...soon, what: "the end" });
  expect(heard).toEqual(["unreadable undefined", "closed garbage"]);
});

test("one changed bit ends the connection, behind the frames before it", async () => {
  const { far, heard } = await aConnection();
  const client = await secure(far);
  const sealed = Buffer.concat([client.seal(frame), client.seal(frame), client.seal(frame)]);
  sealed[(sealed.length / 3) * 2 - 1]! ^= 1;
  far.write(sealed);
  await until(() => heard.includes("closed garbage"), { ...soon, what: "the end" });
  expect(heard).toEqual([frame.toString("hex"), "unreadable broken", "closed garbage"]);
});

test("nothing that is said before the handshake is done goes out in the clear", async () => {
  const { connection, far } = await aConnection();
  connection.send(frame);
  const client = await secure(far);
  connection.send(frame);
  const sealed = await read(far, frame.length + 2 * 16);
  expect(client.open(sealed, mostPayload).frames).toEqual(frame);
});

test("what is queued when a connection closes is dropped", async () => {
  const { connection, far } = await aConnection();
  await secure(far);
  connection.send(frame);
  connection.close("garbage");
  await once(far.resume(), "end");
  expect(far.read()).toBeNull();
});

test("what has come of a frame is freed when the connection is gone", async () => {
  const { connection, far, heard } = await aConnection();
  const client = await secure(far);
  far.write(client.seal(frame));
  await until(() => heard.length === 1, { ...soon, what: "the frame" });
  expect(closedTransports).toBe(0);
  connection.close("garbage");
  await until(() => heard.length === 2, { ...soon, what: "the end" });
  expect(closedTransports).toBe(1);
});
