import { beforeEach, expect, test } from "vitest";
import { closeChannel } from "../../../../src/protocol/v2/channels.ts";
import { setCustomMiningJob } from "../../../../src/protocol/v2/custom-jobs.ts";
import { FrameClient } from "../../../support/frame-client.ts";
import { soon } from "../../../support/open-stratum.ts";
import type { StratumUnderTest } from "../../../support/stratum.ts";
import { aV2Job, aV2Pool, openExtended, openStandard, portOf } from "../../../support/v2-pool.ts";

let pool: StratumUnderTest;
let client: FrameClient;

beforeEach(async () => {
  pool = await aV2Pool();
  client = await FrameClient.setUp(portOf(pool));
});

function close(channelId: number): void {
  client.send(closeChannel.encode({ channelId, reasonCode: "done" }));
}

test("a closed channel gets no work any more, the others do", async () => {
  const first = await openExtended(client);
  const second = await openExtended(client);
  close(first.channelId);
  await soon("one channel", () => pool.stratum.counts.workers === 1);
  pool.broadcast(aV2Job({ number: 11 }));
  await client.untilReceived("NewExtendedMiningJob", 3);
  expect(client.all("NewExtendedMiningJob")[2].channelId).toBe(second.channelId);
});

test("a group's id closes all of its channels, and no others", async () => {
  const { groupChannelId } = await openExtended(client);
  await openStandard(client);
  await openExtended(client, { minExtranonceSize: 12 });
  close(groupChannelId);
  await soon("one channel", () => pool.stratum.counts.workers === 1);
  expect(pool.stratum.counts.subscribed).toBe(1);
});

test("an id that is nobody's is nothing", async () => {
  await openExtended(client);
  close(99);
  close(0);
  await openExtended(client);
  expect(pool.stratum.counts.workers).toBe(2);
});

test("ids of closed channels are not used again", async () => {
  const { channelId } = await openExtended(client);
  close(channelId);
  expect((await openExtended(client)).channelId).not.toBe(channelId);
});

test("work that the client selects itself is refused, with the number of its request", async () => {
  const { channelId } = await openExtended(client);
  const answer = await client.request(
    setCustomMiningJob.encode({
      channelId,
      requestId: 5,
      miningJobToken: Buffer.alloc(8),
      version: 0x20000000,
      previousHash: new Uint8Array(32),
      minNtime: 0,
      nbits: 0,
      coinbaseTxVersion: 2,
      coinbasePrefix: Buffer.alloc(4),
      coinbaseTxInputSequence: 0,
      coinbaseTxOutputs: Buffer.alloc(1),
      coinbaseTxLocktime: 0,
      merklePath: [],
    }),
    "SetCustomMiningJob.Error",
  );
  expect(answer).toEqual({ channelId, requestId: 5, errorCode: "jd-not-supported" });
});
