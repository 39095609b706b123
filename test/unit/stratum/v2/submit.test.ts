import { beforeEach, describe, expect, test } from "vitest";
import { closeChannel } from "../../../../src/protocol/v2/channels.ts";
import { requestExtensions } from "../../../../src/protocol/v2/extensions.ts";
import { encodeTlvs } from "../../../../src/protocol/v2/tlv.ts";
import { encodeUserIdentity } from "../../../../src/protocol/v2/worker-tracking.ts";
import { FrameClient } from "../../../support/frame-client.ts";
import { soon, sweeps } from "../../../support/open-stratum.ts";
import { anAddress, type StratumUnderTest } from "../../../support/stratum.ts";
import {
  anExtendedShare,
  aStandardShare,
  aV2Job,
  aV2Pool,
  openExtended,
  openStandard,
  portOf,
} from "../../../support/v2-pool.ts";

let pool: StratumUnderTest;
let client: FrameClient;

beforeEach(async () => {
  pool = await aV2Pool();
  client = await FrameClient.setUp(portOf(pool));
});

async function errorOf(share: Uint8Array): Promise<string> {
  const { errorCode } = await client.request(share, "SubmitShares.Error");
  return errorCode;
}

async function submitted(share: Uint8Array) {
  const { length } = pool.shares.submissions;
  client.send(share);
  await soon("the share", () => pool.shares.submissions.length > length);
  return pool.shares.submissions.at(-1)!;
}

describe("what is judged", () => {
  test("of a standard channel: its header's fields, and the extranonce that it was given", async () => {
    const { channelId, extranoncePrefix } = await openStandard(client);
    const share = { nonce: 0xdeadbeef, ntime: 1_700_000_009, version: 0x3fffffff };
    const submission = await submitted(aStandardShare(channelId, share));
    expect(submission).toMatchObject({
      job: pool.jobs.current,
      extranonce1: extranoncePrefix.readUInt32BE(),
      ntime: 1_700_000_009,
      ntimeMin: 1_700_000_000,
      nonce: 0xdeadbeef,
      version: { kind: "whole", version: 0x3fffffff },
      versionMask: 0x1fffffe0,
      stale: false,
      refusal: undefined,
      account: anAddress,
      worker: "rig",
      protocol: "v2",
      scheme: "pplns",
    });
    expect(Buffer.from(submission.extranonce2)).toEqual(Buffer.alloc(8));
  });

  test("of an extended channel: the extranonce that comes with the share", async () => {
    const { channelId } = await openExtended(client);
    const extranonce = Buffer.from("0102030405060708", "hex");
    const submission = await submitted(anExtendedShare(channelId, { extranonce }));
    expect(Buffer.from(submission.extranonce2)).toEqual(extranonce);
  });

  test("of a channel with a longer extranonce: the wide form of the job", async () => {
    const { channelId } = await openExtended(client, { minExtranonceSize: 16 });
    const extranonce = Buffer.alloc(16, 3);
    const submission = await submitted(anExtendedShare(channelId, { extranonce }));
    expect(submission.job.data.extranonce2Length).toBe(16);
    expect(Buffer.from(submission.extranonce2)).toEqual(extranonce);
  });

  test("with no bit of the version free where the pool has no mask", async () => {
    pool = await aV2Pool({ versionMask: 0 });
    client = await FrameClient.setUp(portOf(pool));
    const { channelId } = await openStandard(client);
    expect((await submitted(aStandardShare(channelId))).versionMask).toBe(0);
    pool.shares.commit("version-bits-not-allowed");
    expect((await client.next("SubmitShares.Error")).errorCode).toBe("version-rolling-not-allowed");
  });

  test("though its tip was replaced a while ago: as stale, since it may hold a block", async () => {
    const { channelId } = await openStandard(client);
    pool.broadcast(aV2Job({ number: 11, tipNumber: 2, clean: true }));
    await client.untilReceived("SetNewPrevHash", 2);
    pool.clock.advance(2_000);
    expect((await submitted(aStandardShare(channelId))).stale).toBe(false);
    pool.clock.advance(2_000);
    expect((await submitted(aStandardShare(channelId))).stale).toBe(true);
    expect((await submitted(aStandardShare(channelId, { jobId: 2 }))).stale).toBe(false);
  });

  test("for whom each channel was opened", async () => {
    const first = await openExtended(client);
    const second = await openStandard(client, { userIdentity: `${anAddress}.other` });
    expect((await submitted(aStandardShare(second.channelId))).worker).toBe("other");
    expect((await submitted(anExtendedShare(first.channelId))).worker).toBe("rig");
  });

  test("on a solo port: the job that pays the channel's account", async () => {
    pool = await aV2Pool({ scheme: "solo" });
    client = await FrameClient.setUp(portOf(pool));
    const { channelId } = await openStandard(client);
    const { job, scheme } = await submitted(aStandardShare(channelId));
    expect(scheme).toBe("solo");
    expect(String(job.data.coinbase2)).toBe(anAddress);
  });
});

describe("a refused share", () => {
  test.each([
    ["stale", "stale-share"],
    ["duplicate", "duplicate-share"],
    ["low-difficulty", "difficulty-too-low"],
    ["job-not-found", "invalid-job-id"],
    ["ntime-out-of-range", "invalid-share"],
    ["version-bits-not-allowed", "invalid-non-rollable-version-bit"],
  ] as const)("%s, is told %s with its channel and number", async (reason, errorCode) => {
    pool.shares.verdict = reason;
    const { channelId } = await openStandard(client);
    const answer = await client.request(
      aStandardShare(channelId, { sequenceNumber: 77 }),
      "SubmitShares.Error",
    );
    expect(answer).toEqual({ channelId, sequenceNumber: 77, errorCode });
    expect(pool.metrics.events).toContain(`sharesRefused default ${reason} 1`);
  });

  test("that could not be stored is told so, and the client sent away", async () => {
    const { channelId } = await openStandard(client);
    await submitted(aStandardShare(channelId));
    pool.shares.commit("unavailable");
    expect((await client.next("SubmitShares.Error")).errorCode).toBe("invalid-share");
    await client.untilEnded();
    await soon("the end", () => pool.metrics.count("connectionClosed unavailable") === 1);
  });

  test("of a channel that is not open has an invalid channel id: never opened, closed, a group, another connection's", async () => {
    const { channelId, groupChannelId } = await openStandard(client);
    const other = await FrameClient.setUp(portOf(pool));
    await openStandard(other);
    await openStandard(other);
    const foreign = (await openStandard(other)).channelId;
    for (const id of [0, 99, 0xffffffff, groupChannelId, foreign])
      expect(await errorOf(aStandardShare(id))).toBe("invalid-channel-id");
    client.send(closeChannel.encode({ channelId, reasonCode: "" }));
    expect(await errorOf(aStandardShare(channelId))).toBe("invalid-channel-id");
    expect(pool.shares.submissions).toEqual([]);
    expect(pool.metrics.count("submissionRefused v2 not-subscribed")).toBe(6);
  });

  test("of the other kind than its channel has an invalid channel id", async () => {
    const standard = await openStandard(client);
    const extended = await openExtended(client);
    expect(await errorOf(anExtendedShare(standard.channelId))).toBe("invalid-channel-id");
    expect(await errorOf(aStandardShare(extended.channelId))).toBe("invalid-channel-id");
  });

  test.each([0, 2, 0xffffffff])(
    "for the job %d, which was never sent, has an invalid job id",
    async (jobId) => {
      const { channelId } = await openStandard(client);
      expect(await errorOf(aStandardShare(channelId, { jobId }))).toBe("invalid-job-id");
    },
  );

  test("for a job that only another channel was sent has an invalid job id", async () => {
    const first = await openStandard(client);
    pool.broadcast(aV2Job({ number: 11 }));
    await client.untilReceived("NewMiningJob", 2);
    const second = await openStandard(client);
    expect(await errorOf(aStandardShare(second.channelId, { jobId: 1 }))).toBe("invalid-job-id");
    await submitted(aStandardShare(first.channelId, { jobId: 1 }));
    await submitted(aStandardShare(second.channelId, { jobId: 2 }));
  });

  test("for a job that is long gone has an invalid job id", async () => {
    const { channelId } = await openStandard(client);
    pool.broadcast(aV2Job({ number: 11 }));
    await client.untilReceived("NewMiningJob", 2);
    pool.jobs.forget(10);
    expect(await errorOf(aStandardShare(channelId, { jobId: 1 }))).toBe("invalid-job-id");
  });

  test.each([0, 7, 9, 16, 32])("with %d bytes of extranonce for 8 has a bad size", async (size) => {
    const { channelId } = await openExtended(client);
    expect(await errorOf(anExtendedShare(channelId, { extranonce: Buffer.alloc(size) }))).toBe(
      "bad-extranonce-size",
    );
  });

  test("is one of many that slow the sender down, and cost it the connection in the end", async () => {
    const { channelId } = await openStandard(client);
    pool.shares.verdict = "low-difficulty";
    for (let round = 0; round < 60 && !client.ended; round++) {
      client.send(...Array.from({ length: 200 }, () => aStandardShare(channelId)));
      await sweeps();
      pool.clock.advance(5_000);
    }
    await client.untilEnded();
  });
});

describe("names of workers behind shares", () => {
  async function agree(): Promise<void> {
    const frame = requestExtensions.encode({ requestId: 1, requestedExtensions: [2] });
    await client.request(frame, "RequestExtensions.Success");
  }

  test("count for the worker where that was agreed on", async () => {
    await agree();
    const { channelId } = await openExtended(client);
    const named = await submitted(anExtendedShare(channelId, {}, encodeUserIdentity("north-7")));
    expect(named).toMatchObject({ account: anAddress, worker: "north-7" });
    expect((await submitted(anExtendedShare(channelId))).worker).toBe("rig");
  });

  test.each([
    ["a b\u0001<i>", "a_b__i_"],
    ["%41.b", "A.b"],
    ["", "rig"],
  ])("%j is the worker %j", async (identity, worker) => {
    await agree();
    const { channelId } = await openExtended(client);
    expect((await submitted(anExtendedShare(channelId, {}, encodeUserIdentity(identity)))).worker).toBe(
      worker,
    );
  });

  test("are ignored where that was not agreed on", async () => {
    const { channelId } = await openExtended(client);
    const submission = await submitted(anExtendedShare(channelId, {}, encodeUserIdentity("north-7")));
    expect(submission.worker).toBe("rig");
  });

  test("may come with other fields, which are ignored", async () => {
    await agree();
    const { channelId } = await openExtended(client);
    const extra = encodeTlvs([
      { extensionType: 2, fieldType: 1, value: Buffer.from("north-7") },
      { extensionType: 0x33, fieldType: 9, value: Buffer.alloc(40) },
    ]);
    expect((await submitted(anExtendedShare(channelId, {}, extra))).worker).toBe("north-7");
  });

  test("of more than 32 bytes make the share invalid, though it is judged for a block", async () => {
    await agree();
    const { channelId } = await openExtended(client);
    const extra = encodeTlvs([{ extensionType: 2, fieldType: 1, value: Buffer.alloc(33, 0x61) }]);
    expect(await errorOf(anExtendedShare(channelId, {}, extra))).toBe("invalid-share");
    expect(pool.shares.submissions.at(-1)).toMatchObject({ refusal: "malformed", account: anAddress });
  });

  test("beyond what a connection may have count for the channel's worker", async () => {
    pool = await aV2Pool({ limits: { workersPerConnection: 2 } });
    client = await FrameClient.setUp(portOf(pool));
    await agree();
    const { channelId } = await openExtended(client);
    const workers: string[] = [];
    for (const name of ["a", "b", "c", "a"])
      workers.push((await submitted(anExtendedShare(channelId, {}, encodeUserIdentity(name)))).worker);
    expect(workers).toEqual(["a", "b", "rig", "a"]);
  });
});

describe("shares that wait for the journal", () => {
  test("beyond their bound are left unread until half of them are settled", async () => {
    pool = await aV2Pool({ limits: { pendingAnswers: 4 } });
    client = await FrameClient.setUp(portOf(pool));
    const { channelId } = await openStandard(client);
    for (let sequenceNumber = 0; sequenceNumber < 4; sequenceNumber++)
      await submitted(aStandardShare(channelId, { sequenceNumber }));
    client.send(aStandardShare(channelId, { sequenceNumber: 4 }));
    await sweeps();
    expect(pool.shares.submissions).toHaveLength(4);
    pool.shares.commit();
    await soon("the fifth", () => pool.shares.submissions.length === 5);
  });

  test("of a channel that was closed meanwhile are not spoken of", async () => {
    const { channelId } = await openStandard(client);
    await submitted(aStandardShare(channelId));
    client.send(closeChannel.encode({ channelId, reasonCode: "" }));
    await soon("the end of the channel", () => pool.stratum.counts.subscribed === 0);
    pool.shares.commit("stale");
    await openStandard(client);
    expect(client.names).not.toContain("SubmitShares.Error");
  });

  test("of a connection that has ended are counted all the same", async () => {
    const { channelId } = await openStandard(client);
    await submitted(aStandardShare(channelId));
    client.socket.resetAndDestroy();
    await soon("the end", () => pool.stratum.counts.connections === 0);
    pool.shares.commit();
    expect(pool.metrics.count("sessionFailed")).toBe(0);
  });

  test("are answered before the pool closes", async () => {
    const { channelId } = await openStandard(client);
    await submitted(aStandardShare(channelId, { sequenceNumber: 3 }));
    const closed = pool.stratum.close();
    await sweeps();
    pool.shares.commit();
    await closed;
    expect(await client.next("SubmitShares.Success")).toMatchObject({ lastSequenceNumber: 3 });
    await client.untilEnded();
  });
});
