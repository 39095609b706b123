/**
 * V2's floor: a Node server that shakes hands, opens channels and then does nothing but open frames, count shares and answer
 * them, ten at a time as the pool does, with one write for each read. What a pool costs above this is its own doing; the cipher
 * is the pool's. Prints its port, serves until its standard input ends. A line there is a new block: everybody is sent a job
 * on a new tip, then its moment is printed, CLOCK_MONOTONIC.
 */
import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createNativeTransports, type NativeFrameTransport } from "../src/native/frame-transport.ts";
import { loadAddon } from "../src/native/index.ts";
import {
  openExtendedMiningChannel,
  openExtendedMiningChannelSuccess,
  openStandardMiningChannel,
  openStandardMiningChannelSuccess,
} from "../src/protocol/v2/channels.ts";
import { setupConnection, setupConnectionSuccess } from "../src/protocol/v2/common.ts";
import { frameHeaderBytes } from "../src/protocol/v2/frame.ts";
import { newExtendedMiningJob, newMiningJob, setNewPrevHash } from "../src/protocol/v2/jobs.ts";
import { signCertificate } from "../src/protocol/v2/noise/certificate.ts";
import { createEllswiftKey, decodeEllswift } from "../src/protocol/v2/noise/ellswift.ts";
import { act1Bytes, respond } from "../src/protocol/v2/noise/handshake.ts";
import { submitSharesSuccessBytes, writeSubmitSharesSuccess } from "../src/protocol/v2/submit-shares.ts";

const mostShares = 10;
const shareBytesAtLeast = frameHeaderBytes + 24;
const anyTarget = Buffer.alloc(32, 0xff);

const transports = createNativeTransports({ addon: loadAddon(), longPayload: 1 << 20 });
const staticKey = createEllswiftKey(randomBytes);
const validity = { validFrom: 0, notValidAfter: 2 ** 32 - 1 };
const certificate = signCertificate(
  createEllswiftKey(randomBytes).secret,
  decodeEllswift(staticKey.ellswift),
  validity,
  randomBytes(32),
);
const identity = { staticKey, certificate };

const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
process.stdin.on("data", sendNewTip).on("end", () => process.exit(0));

interface Client {
  readonly socket: Socket;
  readonly transport: NativeFrameTransport;
  readonly channels: { readonly id: number; readonly isExtended: boolean }[];
}

const clients = new Set<Client>();
let tips = 0;
let jobs = 0;

function sendNewTip(): void {
  const announcedMs = Number(process.hrtime.bigint()) / 1e6;
  tips += 1;
  for (const { socket, transport, channels } of clients) {
    const frames = channels.map(({ id, isExtended }) => workOf(id, isExtended));
    if (frames.length > 0) socket.write(transport.seal(Buffer.concat(frames)));
  }
  process.stdout.write(`${JSON.stringify({ announcedMs })}\n`);
}

/** A future job as long as the pool's for a template with 12 branches, and the tip that has it begin. */
function workOf(channelId: number, isExtended: boolean): Buffer {
  jobs += 1;
  const head = { channelId, jobId: jobs, minNtime: undefined, version: 0x20000000 };
  const job = isExtended
    ? newExtendedMiningJob.encode({
        ...head,
        versionRollingAllowed: true,
        merklePath: Array.from({ length: 12 }, () => Buffer.alloc(32)),
        coinbaseTxPrefix: Buffer.alloc(70),
        coinbaseTxSuffix: Buffer.alloc(80),
      })
    : newMiningJob.encode({ ...head, merkleRoot: Buffer.alloc(32) });
  const previousHash = Buffer.alloc(32);
  previousHash.writeUInt32LE(tips);
  const tip = { channelId, jobId: jobs, previousHash, minNtime: 0x60000000, nbits: 0x17024a71 };
  return Buffer.concat([job, setNewPrevHash.encode(tip)]);
}

function serve(socket: Socket): void {
  let before = Buffer.alloc(0);
  let client: Client | undefined;
  socket.on("error", () => socket.destroy());
  socket.on("close", () => client && clients.delete(client));
  socket.on("data", (chunk: Buffer) => {
    if (client !== undefined) {
      take(client, chunk);
      return;
    }
    before = Buffer.concat([before, chunk]);
    if (before.length < act1Bytes) return;
    const { act2, receiveKey, sendKey } = respond(
      before.subarray(0, act1Bytes),
      identity,
      createEllswiftKey(randomBytes),
    );
    client = { socket, transport: transports({ receive: receiveKey, send: sendKey }), channels: [] };
    clients.add(client);
    socket.write(act2);
    if (before.length > act1Bytes) take(client, before.subarray(act1Bytes));
  });
}

function take(client: Client, chunk: Buffer): void {
  const { frames, problem } = client.transport.open(chunk, () => 1 << 20);
  if (problem !== undefined) {
    client.socket.destroy();
    return;
  }
  const answers: Buffer[] = [];
  const batches = new Map<number, { count: number; last: number }>();
  for (let at = 0; at < frames.length; ) {
    const payload = at + frameHeaderBytes;
    const end = payload + frames.readUIntLE(at + 3, 3);
    const messageType = frames[at + 2]!;
    if (messageType === 0x1a || messageType === 0x1b) countShare(frames, payload, batches, answers);
    else answers.push(...answerOf(client, messageType, frames.subarray(payload, end)));
    at = end;
  }
  for (const [channelId, batch] of batches) if (batch.count > 0) answers.push(successOf(channelId, batch));
  if (answers.length > 0) client.socket.write(client.transport.seal(Buffer.concat(answers)));
}

function countShare(
  frames: Buffer,
  payload: number,
  batches: Map<number, { count: number; last: number }>,
  answers: Buffer[],
): void {
  if (frames.length < payload + shareBytesAtLeast - frameHeaderBytes) return;
  const channelId = frames.readUInt32LE(payload);
  let batch = batches.get(channelId);
  if (batch === undefined) {
    batch = { count: 0, last: 0 };
    batches.set(channelId, batch);
  }
  batch.count += 1;
  batch.last = frames.readUInt32LE(payload + 4);
  if (batch.count < mostShares) return;
  answers.push(successOf(channelId, batch));
  batch.count = 0;
}

function successOf(channelId: number, { count, last }: { readonly count: number; readonly last: number }) {
  const frame = Buffer.allocUnsafe(submitSharesSuccessBytes);
  writeSubmitSharesSuccess(frame, 0, {
    channelId,
    lastSequenceNumber: last,
    newSubmitsAcceptedCount: count,
    newSharesSum: 0n,
  });
  return frame;
}

function answerOf({ channels }: Client, messageType: number, payload: Buffer): Buffer[] {
  const isExtended = messageType === openExtendedMiningChannel.messageType;
  if (messageType === setupConnection.messageType)
    return [setupConnectionSuccess.encode({ usedVersion: 2, flags: 0 })];
  if (!isExtended && messageType !== openStandardMiningChannel.messageType) return [];
  const channelId = channels.length + 2;
  channels.push({ id: channelId, isExtended });
  const answer = {
    requestId: payload.readUInt32LE(0),
    channelId,
    target: anyTarget,
    extranoncePrefix: Buffer.alloc(isExtended ? 4 : 12),
    groupChannelId: 1,
  };
  return [
    isExtended
      ? openExtendedMiningChannelSuccess.encode({ ...answer, extranonceSize: 8 })
      : openStandardMiningChannelSuccess.encode(answer),
    workOf(channelId, isExtended),
  ];
}
