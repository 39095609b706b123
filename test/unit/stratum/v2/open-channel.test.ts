import { beforeEach, describe, expect, test } from "vitest";
import { targetFromDifficulty } from "../../../../src/bitcoin/target.ts";
import {
  openExtendedMiningChannel,
  openStandardMiningChannel,
  updateChannel,
} from "../../../../src/protocol/v2/channels.ts";
import { setupFlags } from "../../../../src/protocol/v2/common.ts";
import { RememberedDifficulties } from "../../../../src/stratum/remembered-difficulties.ts";
import { FrameClient } from "../../../support/frame-client.ts";
import { leave, soon } from "../../../support/open-stratum.ts";
import { anAddress, type StratumUnderTest } from "../../../support/stratum.ts";
import {
  anyTarget,
  aV2Job,
  aV2Pool,
  hashRateAt,
  nominalHashRate,
  openExtended,
  openStandard,
  portOf,
  usualOpen,
} from "../../../support/v2-pool.ts";

let pool: StratumUnderTest;
let client: FrameClient;

beforeEach(async () => {
  pool = await aV2Pool();
  client = await FrameClient.setUp(portOf(pool));
});

async function refusalOf(changes: Partial<typeof usualOpen>, from = client): Promise<string> {
  const frame = openStandardMiningChannel.encode({ ...usualOpen, ...changes });
  const { requestId, errorCode } = await from.request(frame, "OpenMiningChannel.Error");
  expect(requestId).toBe(7);
  return errorCode;
}

function targetOf(difficulty: number): Buffer {
  return Buffer.from(targetFromDifficulty(difficulty).bytes);
}

describe("what a channel is given", () => {
  test("an extended one has 4 bytes of the pool's extranonce and 8 of its own", async () => {
    const channel = await openExtended(client);
    expect(channel).toMatchObject({ requestId: 7, extranonceSize: 8 });
    expect(channel.extranoncePrefix).toHaveLength(4);
  });

  test.each([
    [0, 8],
    [8, 8],
    [9, 16],
    [16, 16],
  ])("who asks for %d bytes of extranonce gets %d", async (minExtranonceSize, extranonceSize) => {
    expect(await openExtended(client, { minExtranonceSize })).toMatchObject({ extranonceSize });
  });

  test("more than 16 bytes of extranonce are refused", async () => {
    const frame = openExtendedMiningChannel.encode({ ...usualOpen, minExtranonceSize: 17 });
    const { errorCode } = await client.request(frame, "OpenMiningChannel.Error");
    expect(errorCode).toBe("unsupported-min-extranonce-size");
  });

  test("a standard one has no extranonce of its own: the pool's, as long as in the group's extended ones", async () => {
    const { extranoncePrefix } = await openStandard(client);
    expect(extranoncePrefix).toHaveLength(12);
    expect(extranoncePrefix.subarray(4)).toEqual(Buffer.alloc(8));
  });

  test("no two channels have the same extranonces, on whatever connection", async () => {
    const other = await FrameClient.setUp(portOf(pool));
    const channels = [
      await openExtended(client),
      await openStandard(client),
      await openExtended(other),
      await openStandard(other),
    ];
    const prefixes = channels.map(({ extranoncePrefix }) => extranoncePrefix.toString("hex", 0, 4));
    expect(new Set(prefixes).size).toBe(4);
  });

  test("ids of channels and groups are never the same, and not used again", async () => {
    const channels = [await openExtended(client), await openStandard(client), await openExtended(client)];
    const groups = new Set(channels.map(({ groupChannelId }) => groupChannelId));
    const ids = new Set([...channels.map(({ channelId }) => channelId), ...groups]);
    expect(groups.size).toBe(1);
    expect(ids.size).toBe(4);
    expect(ids).not.toContain(0);
  });

  test("channels with longer extranonces are a group of their own", async () => {
    const usual = await openExtended(client);
    const wide = await openExtended(client, { minExtranonceSize: 16 });
    expect(wide.groupChannelId).not.toBe(usual.groupChannelId);
  });
});

describe("the first target", () => {
  test("is the one at which the named speed makes the wished number of shares", async () => {
    const { target } = await openStandard(client);
    expect(target).toEqual(targetOf(4_096));
  });

  test("is exact, no power of two", async () => {
    const { target } = await openStandard(client, { nominalHashRate: hashRateAt(10_000) });
    expect(target).toEqual(targetOf(10_000));
  });

  test("is the port's for who names no speed", async () => {
    expect((await openStandard(client, { nominalHashRate: 0 })).target).toEqual(targetOf(1_024));
  });

  test("is what the worker came to before, for who names no speed", async () => {
    const remembered = new RememberedDifficulties(10);
    remembered.set({ account: anAddress, worker: "rig" }, 65_536);
    const knowing = await FrameClient.setUp(portOf(await aV2Pool({ remembered })));
    expect((await openStandard(knowing, { nominalHashRate: 0 })).target).toEqual(targetOf(65_536));
    expect((await openStandard(knowing)).target).toEqual(targetOf(4_096));
  });

  test("is never easier than max_target", async () => {
    const maxTarget = targetOf(5_000.7);
    const { target } = await openStandard(client, { maxTarget });
    expect(target).toEqual(maxTarget);
  });

  test("keeps within the port's bounds", async () => {
    const bounded = await FrameClient.setUp(
      portOf(await aV2Pool({ difficulty: { min: 2_000, max: 3_000 } })),
    );
    expect((await openStandard(bounded)).target).toEqual(targetOf(3_000));
    expect((await openStandard(bounded, { nominalHashRate: 1 })).target).toEqual(targetOf(2_000));
  });

  test("is difficulty.start where difficulties do not follow the device", async () => {
    const fixed = await FrameClient.setUp(portOf(await aV2Pool({ difficulty: { vardiff: false } })));
    expect((await openStandard(fixed)).target).toEqual(targetOf(1_024));
  });

  test("is that of a device with a slow CPU, too", async () => {
    const { target } = await openStandard(client, { nominalHashRate: hashRateAt(0.001953125) });
    expect(target).toEqual(targetOf(0.001953125));
  });
});

describe("what is refused", () => {
  test.each(["", "nobody", "rig", ".rig", `${anAddress.slice(0, -1)}x.rig`, "\u0000", "é".repeat(120)])(
    "the user %j, who cannot be paid",
    async (userIdentity) => {
      expect(await refusalOf({ userIdentity })).toBe("unknown-user");
    },
  );

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1])(
    "a speed of %d",
    async (speed) => {
      expect(await refusalOf({ nominalHashRate: speed })).toBe("invalid-nominal-hashrate");
    },
  );

  test.each([
    ["0", new Uint8Array(32)],
    ["harder than the port's hardest", targetOf(1_000_000_001)],
    ["of more than 2^128 hashes", Buffer.concat([Buffer.alloc(15, 0xff), Buffer.alloc(17)])],
  ])("a max_target that is %s", async (_, maxTarget) => {
    expect(await refusalOf({ maxTarget })).toBe("max-target-out-of-range");
  });

  test("an extended channel where the client takes standard jobs only", async () => {
    const standard = await FrameClient.setUp(portOf(pool), { flags: setupFlags.requiresStandardJobs });
    const frame = openExtendedMiningChannel.encode({ ...usualOpen, minExtranonceSize: 0 });
    const { errorCode } = await standard.request(frame, "OpenMiningChannel.Error");
    expect(errorCode).toBe("extended-channels-not-supported-for-standard-jobs");
  });

  test("more channels than a connection may have, until one is closed", async () => {
    const small = await aV2Pool({ limits: { channelsPerConnection: 2 } });
    const full = await FrameClient.setUp(portOf(small));
    await openStandard(full);
    await openExtended(full);
    expect(await refusalOf({}, full)).toBe("channel-capacity-exhausted");
    expect(small.stratum.counts.workers).toBe(2);
  });

  test("more channels than an address may have on all of its connections; who leaves makes room", async () => {
    const small = await aV2Pool({ limits: { channelsPerAddress: 1 } });
    const [first, second] = [await FrameClient.setUp(portOf(small)), await FrameClient.setUp(portOf(small))];
    await openStandard(first);
    expect(await refusalOf({}, second)).toBe("channel-capacity-exhausted");
    await leave(small, first);
    await openStandard(second);
  });

  test("more channels than the process may have workers, V1's among them", async () => {
    const small = await aV2Pool({ limits: { workers: 1 } });
    await (await small.connect()).join();
    expect(await refusalOf({}, await FrameClient.setUp(portOf(small)))).toBe("channel-capacity-exhausted");
  });

  test("costs nobody the connection", async () => {
    await refusalOf({ userIdentity: "nobody" });
    await openStandard(client);
    expect(pool.metrics.events).toContain("channelOpenAnswered unknown-user");
    expect(pool.metrics.events).toContain("channelOpenAnswered standard");
  });
});

describe("extranonces", () => {
  test("are given back when a connection ends, once the tip has changed", async () => {
    await openStandard(client);
    const { extranoncePrefix } = await openExtended(client);
    await leave(pool, client);
    expect(pool.released).toEqual([]);
    pool.broadcast(aV2Job({ number: 11, tipNumber: 2, clean: true }));
    await soon("both", () => pool.released.length === 2);
    expect(pool.released).toContain(extranoncePrefix.readUInt32BE());
  });

  test("are waited for when there is none on hand; other channels go on meanwhile", async () => {
    const stock: number[] = [1];
    const extranonces = { take: () => stock.shift(), release: () => {} };
    const short = await aV2Pool({ extranonces });
    const waiting = await FrameClient.setUp(portOf(short));
    await openStandard(waiting);
    waiting.send(openStandardMiningChannel.encode({ ...usualOpen, requestId: 8 }));
    const update = { nominalHashRate, maximumTarget: anyTarget };
    await waiting.request(updateChannel.encode({ channelId: 99, ...update }), "UpdateChannel.Error");
    stock.push(2);
    short.stratum.extranoncesArrived(false);
    await waiting.untilReceived("OpenStandardMiningChannel.Success", 2);
    expect(waiting.all("OpenStandardMiningChannel.Success")[1]).toMatchObject({ requestId: 8 });
  });

  test("that there are no more of are no channel", async () => {
    const none = await aV2Pool({ extranonces: { take: () => undefined, release: () => {} } });
    const late = await FrameClient.setUp(portOf(none));
    late.send(openStandardMiningChannel.encode(usualOpen));
    await soon("the request", () => none.stratum.counts.workers === 1);
    none.stratum.extranoncesArrived(true);
    expect(await late.next("OpenMiningChannel.Error")).toMatchObject({
      errorCode: "channel-capacity-exhausted",
    });
    expect(none.stratum.counts.workers).toBe(0);
  });
});
