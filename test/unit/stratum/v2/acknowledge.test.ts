import { beforeEach, expect, test } from "vitest";
import { closeChannel } from "../../../../src/protocol/v2/channels.ts";
import { FrameClient } from "../../../support/frame-client.ts";
import { soon, sweeps } from "../../../support/open-stratum.ts";
import type { StratumUnderTest } from "../../../support/stratum.ts";
import { aStandardShare, aV2Pool, hashRateAt, openStandard, portOf } from "../../../support/v2-pool.ts";

let pool: StratumUnderTest;
let client: FrameClient;
let channelId: number;

beforeEach(async () => {
  pool = await aV2Pool();
  client = await FrameClient.setUp(portOf(pool));
  ({ channelId } = await openStandard(client));
});

async function submit(from: number, count: number, to = channelId): Promise<void> {
  const { length } = pool.shares.submissions;
  client.send(
    ...Array.from({ length: count }, (_, index) => aStandardShare(to, { sequenceNumber: from + index })),
  );
  await soon("the shares", () => pool.shares.submissions.length === length + count);
}

function acknowledged() {
  return client.all("SubmitShares.Success");
}

test("nothing is acknowledged before it is durable", async () => {
  await submit(1, 3);
  await sweeps();
  expect(acknowledged()).toEqual([]);
});

test("a lone share is acknowledged as soon as it is durable, with its target's difficulty", async () => {
  await submit(5, 1);
  pool.shares.commit();
  expect(await client.next("SubmitShares.Success")).toEqual({
    channelId,
    lastSequenceNumber: 5,
    newSubmitsAcceptedCount: 1,
    newSharesSum: 4_096n,
  });
});

test("shares of one commit are acknowledged by tens, and the rest together", async () => {
  await submit(1, 25);
  pool.shares.commit();
  await client.untilReceived("SubmitShares.Success", 3);
  expect(acknowledged().map((one) => [one.lastSequenceNumber, one.newSubmitsAcceptedCount])).toEqual([
    [10, 10],
    [20, 10],
    [25, 5],
  ]);
  expect(acknowledged().map(({ newSharesSum }) => newSharesSum)).toEqual([40_960n, 40_960n, 20_480n]);
});

test("shares that come one after the other are acknowledged together, within 50 ms", async () => {
  await submit(1, 1);
  pool.shares.commit();
  await client.untilReceived("SubmitShares.Success", 1);
  for (let share = 2; share <= 4; share++) {
    await submit(share, 1);
    pool.shares.commit();
  }
  await client.untilReceived("SubmitShares.Success", 2);
  expect(acknowledged()[1]).toMatchObject({ lastSequenceNumber: 4, newSubmitsAcceptedCount: 3 });
});

test("refused shares are in no count, and their errors do not wait", async () => {
  await submit(1, 3);
  const [first, second, third] = pool.shares.waiting.splice(0);
  first!.done();
  second!.done("duplicate");
  third!.done();
  const { lastSequenceNumber, newSubmitsAcceptedCount } = await client.next("SubmitShares.Success");
  expect([lastSequenceNumber, newSubmitsAcceptedCount]).toEqual([3, 2]);
  expect(client.all("SubmitShares.Error")).toEqual([
    { channelId, sequenceNumber: 2, errorCode: "duplicate-share" },
  ]);
});

test("each channel has its own", async () => {
  const other = await openStandard(client, { nominalHashRate: hashRateAt(100) });
  await submit(1, 2);
  await submit(1, 3, other.channelId);
  pool.shares.commit();
  await client.untilReceived("SubmitShares.Success", 2);
  expect(acknowledged().map((one) => [one.channelId, one.newSubmitsAcceptedCount, one.newSharesSum])).toEqual(
    [
      [channelId, 2, 8_192n],
      [other.channelId, 3, 300n],
    ],
  );
});

test("sums of difficulties below 1 are never off by one in all", async () => {
  const slow = await openStandard(client, { nominalHashRate: hashRateAt(0.3) });
  await submit(1, 100, slow.channelId);
  pool.shares.commit();
  await client.untilReceived("SubmitShares.Success", 10);
  const sum = acknowledged().reduce((total, { newSharesSum }) => total + newSharesSum, 0n);
  expect(Math.abs(Number(sum) - 30)).toBeLessThanOrEqual(1);
});

test("of a channel that was closed meanwhile nothing is said", async () => {
  await submit(1, 1);
  client.send(closeChannel.encode({ channelId, reasonCode: "" }));
  await soon("the end of the channel", () => pool.stratum.counts.subscribed === 0);
  pool.shares.commit();
  await openStandard(client);
  await sweeps();
  expect(acknowledged()).toEqual([]);
});
