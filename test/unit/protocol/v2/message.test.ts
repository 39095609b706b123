import { expect, test } from "vitest";
import { merkleRoot } from "../../../../src/bitcoin/merkle.ts";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import { openStandardMiningChannel } from "../../../../src/protocol/v2/channels.ts";
import { setupConnection, setupFlags } from "../../../../src/protocol/v2/common.ts";
import { decodeFrameHeader, frameHeaderBytes } from "../../../../src/protocol/v2/frame.ts";
import { newExtendedMiningJob, setNewPrevHash } from "../../../../src/protocol/v2/jobs.ts";
import { messages } from "../../../../src/protocol/v2/registry.ts";
import { submitSharesExtended, submitSharesSuccess } from "../../../../src/protocol/v2/shares.ts";
import { randomSource } from "../../../support/random.ts";
import { randomMessage } from "../../../support/v2-messages.ts";
import merkleVectors from "../../../vectors/merkle_path.json" with { type: "json" };

const bytes = (hex: string) => Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
const payloadOf = (frame: Buffer) => frame.subarray(frameHeaderBytes);

test.each(messages.map((codec) => [codec.name, codec] as const))(
  "%s says again what it was told",
  (_, codec) => {
    const random = randomSource(codec.messageType + 1);
    for (let round = 0; round < 20; round++) {
      const message = randomMessage(codec, random);
      const frame = codec.encode(message);
      const payload = payloadOf(frame);
      expect(decodeFrameHeader(frame)).toEqual({
        extensionType: codec.extensionType,
        isChannelMessage: codec.isChannelMessage,
        messageType: codec.messageType,
        payloadLength: payload.length,
      });
      expect(codec.decode(payload)).toEqual(message);
      expect(payload.length).toBeGreaterThanOrEqual(codec.leastPayload);
      expect(payload.length).toBeLessThanOrEqual(codec.maxPayload);
      expect(codec.encode(codec.decode(payload))).toEqual(frame);
    }
  },
);

test.each(messages.map((codec) => [codec.name, codec] as const))(
  "%s cut anywhere is malformed",
  (_, codec) => {
    const payload = payloadOf(codec.encode(randomMessage(codec, randomSource(7))));
    for (let length = 0; length < payload.length; length++) {
      const decoded = codec.decode(payload.subarray(0, length));
      expect(decoded).toBeInstanceOf(Malformed);
      expect((decoded as Malformed).detail).toMatch(new RegExp(`^${codec.name}: \\w+ is cut short`));
    }
  },
);

test.each(messages.map((codec) => [codec.name, codec] as const))(
  "%s with any byte changed is a message or malformed, never an exception",
  (_, codec) => {
    const payload = payloadOf(codec.encode(randomMessage(codec, randomSource(8))));
    for (let at = 0; at < payload.length; at++) {
      const was = payload[at]!;
      for (const lie of [0x00, 0x7f, 0xff, was + 1, was - 1]) {
        payload[at] = lie;
        expect(codec.decode(payload)).toBeDefined();
      }
      payload[at] = was;
    }
  },
);

test("bytes behind the last field are malformed, unless they are fields of extensions", () => {
  for (const codec of messages) {
    const payload = payloadOf(codec.encode(randomMessage(codec, randomSource(9))));
    expect(codec.decode(Buffer.concat([payload, bytes("00")]))).toBeInstanceOf(Malformed);
    const extra = bytes("0300 07 0200 aabb");
    expect(codec.decode(Buffer.concat([payload, extra]))).toEqual(codec.decode(payload));
    expect(codec.decodeWithExtra(Buffer.concat([payload, extra]))).toMatchObject({ extra });
  }
});

test("SetupConnection is as 3.6.1 says, byte for byte", () => {
  const message = {
    protocol: 0,
    minVersion: 2,
    maxVersion: 2,
    flags: setupFlags.requiresStandardJobs | setupFlags.requiresVersionRolling,
    endpointHost: "pool",
    endpointPort: 3333,
    vendor: "bitaxe",
    hardwareVersion: "BM1370",
    firmware: "",
    deviceId: "",
  };
  const frame = bytes(
    "0000 00 210000  00 0200 0200 05000000 04706f6f6c 050d 06626974617865 06424d31333730 00 00",
  );
  frame.writeUIntLE(frame.length - 6, 3, 3);
  expect(setupConnection.encode(message)).toEqual(frame);
  expect(setupConnection.decode(payloadOf(frame))).toEqual(message);
});

test("OpenStandardMiningChannel is as 5.3.2 says, without the channel bit", () => {
  const message = {
    requestId: 1,
    userIdentity: "a.b",
    nominalHashRate: 1e12,
    maxTarget: Buffer.alloc(32, 0xff),
  };
  const frame = bytes(`0000 10 2c0000  01000000 03612e62 a5d46853 ${"ff".repeat(32)}`);
  expect(openStandardMiningChannel.encode(message)).toEqual(frame);
});

test("SubmitSharesExtended is as 5.3.12 says, with the channel bit", () => {
  const message = {
    channelId: 1,
    sequenceNumber: 2,
    jobId: 3,
    nonce: 0xdeadbeef,
    ntime: 0x65a0b1c2,
    version: 0x20000000,
    extranonce: bytes("0102"),
  };
  const frame = bytes("0080 1b 1b0000  01000000 02000000 03000000 efbeadde c2b1a065 00000020 02 0102");
  expect(submitSharesExtended.encode(message)).toEqual(frame);
  expect(submitSharesExtended.decode(payloadOf(frame))).toEqual(message);
});

test("SubmitShares.Success is as 5.3.13 says", () => {
  const message = {
    channelId: 9,
    lastSequenceNumber: 8,
    newSubmitsAcceptedCount: 7,
    newSharesSum: 1n << 32n,
  };
  const frame = bytes("0080 1c 140000  09000000 08000000 07000000 0000000001000000");
  expect(submitSharesSuccess.encode(message)).toEqual(frame);
});

test("NewExtendedMiningJob and SetNewPrevHash are as 5.3.16 and 5.3.17 say", () => {
  const hash = "11".repeat(32);
  const job = {
    channelId: 1,
    jobId: 2,
    minNtime: undefined,
    version: 0x20000000,
    versionRollingAllowed: true,
    merklePath: [bytes(hash)],
    coinbaseTxPrefix: bytes("aabb"),
    coinbaseTxSuffix: bytes("cc"),
  };
  const jobHex = (minNtime: string) =>
    `0080 1f LENGTH 01000000 02000000 ${minNtime} 00000020 01 01 ${hash} 0200 aabb 0100 cc`;
  expect(newExtendedMiningJob.encode(job)).toEqual(bytes(jobHex("00").replace("LENGTH", "360000")));
  expect(newExtendedMiningJob.encode({ ...job, minNtime: 5 })).toEqual(
    bytes(jobHex("01 05000000").replace("LENGTH", "3a0000")),
  );
  expect(
    setNewPrevHash.encode({
      channelId: 1,
      jobId: 2,
      previousHash: bytes(hash),
      minNtime: 3,
      nbits: 0x1d00ffff,
    }),
  ).toEqual(bytes(`0080 20 300000 01000000 02000000 ${hash} 03000000 ffff001d`));
});

test("a merkle path goes over the wire in the order that folds to the block's root", () => {
  for (const vector of merkleVectors.vectors) {
    const frame = newExtendedMiningJob.encode({
      channelId: 1,
      jobId: 1,
      minNtime: 1,
      version: 1,
      versionRollingAllowed: false,
      merklePath: vector.merkle_path_wire.map(bytes),
      coinbaseTxPrefix: Buffer.alloc(0),
      coinbaseTxSuffix: Buffer.alloc(0),
    });
    const job = newExtendedMiningJob.decode(payloadOf(frame));
    if (job instanceof Malformed) throw new Error(job.detail);
    const root = merkleRoot(bytes(vector.coinbase_txid_wire), job.merklePath);
    expect(root.toString("hex")).toBe(vector.merkle_root_wire);
  }
});
