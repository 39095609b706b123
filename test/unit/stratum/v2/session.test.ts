import { beforeEach, describe, expect, test } from "vitest";
import { closeChannel } from "../../../../src/protocol/v2/channels.ts";
import { reconnect, setupConnection, setupFlags } from "../../../../src/protocol/v2/common.ts";
import { requestExtensions } from "../../../../src/protocol/v2/extensions.ts";
import { encodeFrameHeader } from "../../../../src/protocol/v2/frame.ts";
import type { StratumMetrics } from "../../../../src/stratum/metrics.ts";
import { aFirmware } from "../../../support/firmware.ts";
import { FrameClient, usualSetup } from "../../../support/frame-client.ts";
import { soon, sweeps } from "../../../support/open-stratum.ts";
import { randomSource } from "../../../support/random.ts";
import type { StratumUnderTest } from "../../../support/stratum.ts";
import { testAuthority, v2Parts } from "../../../support/v2-parts.ts";
import { aStandardShare, aV2Pool, openExtended, openStandard, portOf } from "../../../support/v2-pool.ts";

let pool: StratumUnderTest;

beforeEach(async () => {
  pool = await aV2Pool();
});

async function untilClosedFor(reason: Parameters<StratumMetrics["connectionClosed"]>[0]): Promise<void> {
  await soon(`the end: ${reason}`, () => pool.metrics.count(`connectionClosed ${reason}`) === 1);
}

/** A frame of any kind. */
function frameOf(extensionType: number, messageType: number, payload: Uint8Array, isChannelMessage = false) {
  const payloadLength = payload.length;
  return Buffer.concat([
    encodeFrameHeader({ extensionType, messageType, isChannelMessage, payloadLength }),
    payload,
  ]);
}

describe("the handshake", () => {
  test("shows a certificate of the authority", async () => {
    const client = await FrameClient.connect(portOf(pool), testAuthority);
    client.close();
  });

  test("that does not come to its end in time is no connection", async () => {
    const client = await FrameClient.open(portOf(pool));
    client.sendRaw(randomSource(3).bytes(63));
    await soon("its bytes", () => pool.stratum.counts.connections === 1);
    pool.clock.advance(16_000);
    await client.untilEnded();
  });

  test("that nobody answers ends when its time is up", async () => {
    const silent = { ...v2Parts, handshakes: { respond: () => true } };
    pool = await aV2Pool({ v2: silent });
    const client = await FrameClient.open(portOf(pool));
    client.sendRaw(randomSource(3).bytes(64));
    await sweeps();
    pool.clock.advance(10_000);
    await untilClosedFor("handshake-timeout");
    await client.untilEnded();
  });

  test("is refused when too many wait; V1's miners notice nothing", async () => {
    const full = { ...v2Parts, handshakes: { respond: () => false } };
    pool = await aV2Pool({ v2: full });
    const miner = await pool.connect();
    await miner.join();
    const client = await FrameClient.open(portOf(pool));
    client.sendRaw(randomSource(3).bytes(64));
    await client.untilEnded();
    await untilClosedFor("handshakes-full");
    expect(miner.ended).toBe(false);
  });

  test("that its thread gave up ends the connection, to be tried again", async () => {
    const dying: typeof v2Parts.handshakes = {
      respond: (_, done) => {
        setImmediate(() => done(undefined));
        return true;
      },
    };
    pool = await aV2Pool({ v2: { ...v2Parts, handshakes: dying } });
    const client = await FrameClient.open(portOf(pool));
    client.sendRaw(randomSource(3).bytes(64));
    await client.untilEnded();
    await untilClosedFor("unavailable");
  });

  test("may come byte by byte", async () => {
    const client = await FrameClient.open(portOf(pool));
    await client.secure(testAuthority, async (key) => {
      for (const byte of key) {
        client.sendRaw(Buffer.of(byte));
        await new Promise(setImmediate);
      }
    });
    await client.request(setupConnection.encode(usualSetup), "SetupConnection.Success");
  });

  test("works with whatever key comes, beside V1 on the same port", async () => {
    const miner = await pool.connect();
    await miner.join();
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 20 }, () => FrameClient.setUp(portOf(pool))));
      for (const client of clients) client.close();
    }
    expect(await miner.request("mining.ping")).toMatchObject({ result: "pong" });
  });
});

describe("SetupConnection", () => {
  test("is answered with version 2 and no requirements", async () => {
    const client = await FrameClient.connect(portOf(pool));
    const frame = setupConnection.encode({ ...usualSetup, minVersion: 1, maxVersion: 7 });
    const answer = await client.request(frame, "SetupConnection.Success");
    expect(answer).toEqual({ usedVersion: 2, flags: 0 });
    expect(client.names).toEqual(["SetupConnection.Success"]);
  });

  test.each([
    ["unsupported-protocol", { protocol: 1 }, 0],
    ["unsupported-protocol", { protocol: 2 }, 0],
    ["unsupported-protocol", { protocol: 255 }, 0],
    ["protocol-version-mismatch", { minVersion: 3, maxVersion: 5 }, 0],
    ["protocol-version-mismatch", { minVersion: 0, maxVersion: 1 }, 0],
    ["protocol-version-mismatch", { minVersion: 3, maxVersion: 1 }, 0],
    ["unsupported-feature-flags", { flags: setupFlags.requiresWorkSelection }, 2],
    ["unsupported-feature-flags", { flags: 0xffffffff }, 0xfffffffa],
    ["unsupported-feature-flags", { flags: 0x80000001 }, 0x80000000],
  ])("is refused, %s, for %j; then the connection ends", async (errorCode, changes, flags) => {
    const client = await FrameClient.connect(portOf(pool));
    const frame = setupConnection.encode({ ...usualSetup, ...changes });
    expect(await client.request(frame, "SetupConnection.Error")).toEqual({ flags, errorCode });
    await client.untilEnded();
    expect(pool.metrics.events).toContain(`setupAnswered ${errorCode}`);
    await untilClosedFor("setup-refused");
  });

  test("may ask for version rolling and standard jobs", async () => {
    const flags = setupFlags.requiresVersionRolling | setupFlags.requiresStandardJobs;
    await FrameClient.setUp(portOf(pool), { flags });
  });

  test("is told that versions are fixed where the pool has no mask, and refused if it needs to roll", async () => {
    pool = await aV2Pool({ versionMask: 0 });
    const client = await FrameClient.connect(portOf(pool));
    const answer = await client.request(setupConnection.encode(usualSetup), "SetupConnection.Success");
    expect(answer.flags).toBe(1);
    const rolling = await FrameClient.connect(portOf(pool));
    const frame = setupConnection.encode({ ...usualSetup, flags: setupFlags.requiresVersionRolling });
    expect(await rolling.request(frame, "SetupConnection.Error")).toEqual({
      flags: 4,
      errorCode: "unsupported-feature-flags",
    });
  });

  test("tells which device it is", async () => {
    const firmware = [aFirmware({ name: "bitaxe", agents: ["bitaxe/*"], difficultyStart: 512 })];
    pool = await aV2Pool({ firmware });
    const client = await FrameClient.setUp(portOf(pool), { vendor: "bitaxe", firmware: "v2.9" });
    const { target } = await openStandard(client, { nominalHashRate: 0 });
    expect(Buffer.from(target).readUIntLE(22, 6)).toBe(Math.floor((0xffff / 512) * 2 ** 32));
  });

  test("may have any characters in its texts; what shows them leaves control characters out", async () => {
    const firmware = [aFirmware({ name: "odd", agents: ["odd/x"], difficultyStart: 512 })];
    pool = await aV2Pool({ firmware });
    const texts = { vendor: "odd\u0000\u0000", hardwareVersion: "\u0007", firmware: "x", deviceId: "\n" };
    const client = await FrameClient.setUp(portOf(pool), texts);
    const { target } = await openStandard(client, { nominalHashRate: 0 });
    expect(Buffer.from(target).readUIntLE(22, 6)).toBe(Math.floor((0xffff / 512) * 2 ** 32));
  });

  test.each([
    ["a request for extensions", requestExtensions.encode({ requestId: 1, requestedExtensions: [2] })],
    ["a share", aStandardShare(1)],
    ["a server's message", reconnect.encode({ newHost: "", newPort: 0 })],
    ["an unknown message", frameOf(0, 0xff, Buffer.alloc(0))],
    ["SetupConnection of another extension", frameOf(9, 0, Buffer.alloc(0))],
    ["a SetupConnection that is cut off", frameOf(0, 0, Buffer.alloc(5))],
    ["a SetupConnection that is too long", frameOf(0, 0, Buffer.alloc(20_000))],
    ["a long message of another kind", frameOf(0, 0x7f, Buffer.alloc(20_000))],
  ])("%s instead of it ends the connection", async (_, frame) => {
    const client = await FrameClient.connect(portOf(pool));
    client.send(frame);
    await client.untilEnded();
    expect(client.received).toEqual([]);
    expect(pool.metrics.events.some((event) => /connectionClosed (first|garbage|frame)/.test(event))).toBe(
      true,
    );
  });

  test("that does not come in time ends the connection", async () => {
    const client = await FrameClient.connect(portOf(pool));
    pool.clock.advance(9_000);
    await sweeps();
    expect(client.ended).toBe(false);
    pool.clock.advance(1_000);
    await client.untilEnded();
    await untilClosedFor("setup-timeout");
  });
});

describe("a connection that is set up", () => {
  test("ends when no channel is opened within a minute", async () => {
    const client = await FrameClient.setUp(portOf(pool));
    pool.clock.advance(59_000);
    await sweeps();
    expect(client.ended).toBe(false);
    pool.clock.advance(1_000);
    await client.untilEnded();
    await untilClosedFor("channel-timeout");
  });

  test("ends a minute after its last channel was closed", async () => {
    const client = await FrameClient.setUp(portOf(pool));
    const { channelId } = await openStandard(client);
    pool.clock.advance(300_000);
    await sweeps();
    client.send(closeChannel.encode({ channelId, reasonCode: "" }));
    await soon("the end of the channel", () => pool.stratum.counts.subscribed === 0);
    pool.clock.advance(59_000);
    await sweeps();
    expect(client.ended).toBe(false);
    pool.clock.advance(1_000);
    await client.untilEnded();
  });

  test("ends when its client is silent for an hour", async () => {
    const client = await FrameClient.setUp(portOf(pool));
    await openStandard(client);
    pool.clock.advance(3_599_000);
    await sweeps();
    expect(client.ended).toBe(false);
    pool.clock.advance(600_000);
    await client.untilEnded();
    await untilClosedFor("idle");
  });

  test.each([
    ["a second SetupConnection", setupConnection.encode(usualSetup)],
    ["a server's message", reconnect.encode({ newHost: "evil.example", newPort: 1 })],
    ["an unknown message", frameOf(0, 0xee, Buffer.alloc(10))],
    ["an unknown message of a channel", frameOf(0, 0xee, Buffer.alloc(10), true)],
    ["a message of an unknown extension", frameOf(0x77, 0, Buffer.alloc(60_000))],
  ])("%s is ignored and counted", async (_, frame) => {
    const client = await FrameClient.setUp(portOf(pool));
    client.send(frame);
    await openExtended(client);
    expect(pool.metrics.count("messageIgnored")).toBe(1);
    expect(client.names.slice(0, 2)).toEqual([
      "SetupConnection.Success",
      "OpenExtendedMiningChannel.Success",
    ]);
  });

  test.each([
    ["is cut off", frameOf(0, 0x10, Buffer.alloc(9))],
    ["has a surplus that is no field of an extension", frameOf(0, 0x18, Buffer.alloc(5 + 4), true)],
    ["is longer than its kind can be", frameOf(0, 0x1a, Buffer.alloc(70_000), true)],
    ["is a share that is cut off", frameOf(0, 0x1a, Buffer.alloc(23), true)],
    [
      "has an extranonce of 33 bytes",
      frameOf(0, 0x1b, Buffer.concat([Buffer.alloc(24), Buffer.of(33), Buffer.alloc(33)]), true),
    ],
    ["has a control character in a text", closeChannel.encode({ channelId: 1, reasonCode: "a\u0007" })],
  ])("a message that %s ends the connection, and no other", async (_, frame) => {
    const other = await FrameClient.setUp(portOf(pool));
    const client = await FrameClient.setUp(portOf(pool));
    client.send(frame);
    await client.untilEnded();
    await openStandard(other);
    expect(pool.metrics.count("malformedFrame")).toBe(1);
  });

  test("ends when a byte on the way was changed", async () => {
    const client = await FrameClient.setUp(portOf(pool));
    const sealed = client.seal(requestExtensions.encode({ requestId: 1, requestedExtensions: [] }));
    sealed[sealed.length - 1]! ^= 1;
    client.sendRaw(sealed);
    await client.untilEnded();
    await untilClosedFor("frame-broken");
  });

  test("holds nothing of a message whose length is too long for its kind", async () => {
    const client = await FrameClient.setUp(portOf(pool));
    const whole = client.seal(frameOf(0, 0x16, Buffer.alloc(1_000_000), true));
    client.sendRaw(whole.subarray(0, 22));
    await client.untilEnded();
    await untilClosedFor("frame-too-long");
  });

  test("asks its client to come again when the pool is drained, here or elsewhere", async () => {
    const client = await FrameClient.setUp(portOf(pool));
    await openStandard(client);
    const idle = await FrameClient.setUp(portOf(pool));
    expect(pool.stratum.drain({ host: "b.example", port: 3334, waitSeconds: 0 }, 0)).toBe(1);
    expect(await client.next("Reconnect")).toEqual({ newHost: "b.example", newPort: 3334 });
    pool.stratum.drain(undefined, 0);
    await client.untilReceived("Reconnect", 2);
    expect(client.all("Reconnect")[1]).toEqual({ newHost: "", newPort: 0 });
    expect(idle.all("Reconnect")).toEqual([]);
  });

  test("is not asked to come again where its firmware breaks at that", async () => {
    const firmware = [aFirmware({ agents: ["test"], followsReconnect: "never" })];
    pool = await aV2Pool({ firmware });
    await openStandard(await FrameClient.setUp(portOf(pool)));
    expect(pool.stratum.drain(undefined, 0)).toBe(0);
  });

  test("that floods with requests is slowed down and dropped", async () => {
    const client = await FrameClient.setUp(portOf(pool));
    const flood = Array.from({ length: 600 }, () => closeChannel.encode({ channelId: 99, reasonCode: "" }));
    for (let second = 0; second < 40 && !client.ended; second++) {
      client.send(...flood);
      await sweeps();
      pool.clock.advance(1_000);
    }
    await client.untilEnded();
    await untilClosedFor("penalty");
  });
});
