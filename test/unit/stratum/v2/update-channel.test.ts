import { beforeEach, expect, test } from "vitest";
import { targetFromDifficulty } from "../../../../src/bitcoin/target.ts";
import { updateChannel } from "../../../../src/protocol/v2/channels.ts";
import { FrameClient } from "../../../support/frame-client.ts";
import type { StratumUnderTest } from "../../../support/stratum.ts";
import {
  anyTarget,
  aV2Job,
  aV2Pool,
  hashRateAt,
  nominalHashRate,
  openExtended,
  portOf,
} from "../../../support/v2-pool.ts";

let pool: StratumUnderTest;
let client: FrameClient;
let channelId: number;

beforeEach(async () => {
  pool = await aV2Pool();
  client = await FrameClient.setUp(portOf(pool));
  ({ channelId } = await openExtended(client));
  await client.untilReceived("SetNewPrevHash", 1);
});

function update(changes: {
  nominalHashRate?: number;
  maximumTarget?: Uint8Array;
  channelId?: number;
}): Buffer {
  return updateChannel.encode({ channelId, nominalHashRate, maximumTarget: anyTarget, ...changes });
}

function targetOf(difficulty: number): Buffer {
  return Buffer.from(targetFromDifficulty(difficulty).bytes);
}

test("another speed brings another target, and a job with it", async () => {
  const from = client.names.length;
  const answer = await client.request(update({ nominalHashRate: hashRateAt(10_000) }), "SetTarget");
  expect(answer).toEqual({ channelId, maximumTarget: targetOf(10_000) });
  await client.untilReceived("NewExtendedMiningJob", 2);
  expect(client.names.slice(from)).toEqual(["SetTarget", "NewExtendedMiningJob"]);
});

test("the same is answered with the same target, and no job", async () => {
  const from = client.names.length;
  const answer = await client.request(update({}), "SetTarget");
  expect(answer.maximumTarget).toEqual(targetOf(4_096));
  await client.request(update({ channelId: 99 }), "UpdateChannel.Error");
  expect(client.names.slice(from)).toEqual(["SetTarget", "UpdateChannel.Error"]);
});

test("a maximum target that is harder than the present one is followed at once", async () => {
  const maximumTarget = targetOf(8_000.5);
  expect((await client.request(update({ maximumTarget }), "SetTarget")).maximumTarget).toEqual(maximumTarget);
});

test("who names no speed keeps what was found, as far as the maximum target allows", async () => {
  expect((await client.request(update({ nominalHashRate: 0 }), "SetTarget")).maximumTarget).toEqual(
    targetOf(4_096),
  );
});

test("a flood of changes costs no job its name: they wait for the next job", async () => {
  for (let round = 1; round <= 100; round++)
    await client.request(update({ nominalHashRate: hashRateAt(4_096 + round) }), "SetTarget");
  expect(client.all("NewExtendedMiningJob").length).toBeLessThanOrEqual(64);
  const maximumTarget = targetOf(1_000_000);
  expect((await client.request(update({ maximumTarget }), "SetTarget")).maximumTarget).toEqual(maximumTarget);
  const from = client.names.length;
  pool.broadcast(aV2Job({ number: 11 }));
  await client.next("NewExtendedMiningJob", from);
  expect(client.names.slice(from)).toEqual(["NewExtendedMiningJob"]);
});

test("before the pool has a job a change is told, and the first job comes with it", async () => {
  pool.jobs.current = undefined;
  const waiting = await FrameClient.setUp(portOf(pool));
  const opened = await openExtended(waiting);
  const frame = updateChannel.encode({
    channelId: opened.channelId,
    nominalHashRate: hashRateAt(10_000),
    maximumTarget: anyTarget,
  });
  expect((await waiting.request(frame, "SetTarget")).maximumTarget).toEqual(targetOf(10_000));
  const from = waiting.names.length;
  pool.broadcast(aV2Job({ number: 11 }));
  await waiting.untilReceived("SetNewPrevHash", 1);
  expect(waiting.names.slice(from)).toEqual(["NewExtendedMiningJob", "SetNewPrevHash"]);
});

test.each([
  ["invalid-channel-id", { channelId: 0 }],
  ["invalid-channel-id", { channelId: 1 }],
  ["invalid-channel-id", { channelId: 77 }],
  ["invalid-nominal-hashrate", { nominalHashRate: Number.NaN }],
  ["invalid-nominal-hashrate", { nominalHashRate: -5 }],
  ["max-target-out-of-range", { maximumTarget: new Uint8Array(32) }],
])("%s is the answer to %j, and nothing changes", async (errorCode, changes) => {
  expect(await client.request(update(changes), "UpdateChannel.Error")).toEqual({
    channelId: (changes as { channelId?: number }).channelId ?? channelId,
    errorCode,
  });
  expect((await client.request(update({}), "SetTarget")).maximumTarget).toEqual(targetOf(4_096));
});
