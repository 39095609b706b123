import { beforeEach, describe, expect, test } from "vitest";
import { sha256d } from "../../../../src/bitcoin/hash.ts";
import { targetFromDifficulty } from "../../../../src/bitcoin/target.ts";
import { setupFlags } from "../../../../src/protocol/v2/common.ts";
import { FrameClient } from "../../../support/frame-client.ts";
import { soon } from "../../../support/open-stratum.ts";
import { anAddress, type StratumUnderTest } from "../../../support/stratum.ts";
import { v2Parts } from "../../../support/v2-parts.ts";
import {
  anExtendedShare,
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

/** As a client puts it together from the messages. */
function rootOf(
  // biome-ignore lint/suspicious/noExplicitAny: a message of the other side
  { coinbaseTxPrefix, coinbaseTxSuffix, merklePath }: any,
  extranonce: Uint8Array,
): Buffer {
  let hash: Uint8Array = sha256d(Buffer.concat([coinbaseTxPrefix, extranonce, coinbaseTxSuffix]));
  for (const element of merklePath) hash = sha256d(Buffer.concat([hash, element]));
  return Buffer.from(hash);
}

function targetOf(difficulty: number): Buffer {
  return Buffer.from(targetFromDifficulty(difficulty).bytes);
}

/** Names of all messages from the `from`th on. */
function since(from: number): string[] {
  return client.names.slice(from);
}

describe("at opening", () => {
  test("the answer is followed by a future job and the tip that has it begin, and nothing between", async () => {
    const { channelId } = await openExtended(client);
    await client.untilReceived("SetNewPrevHash", 1);
    expect(since(1)).toEqual(["OpenExtendedMiningChannel.Success", "NewExtendedMiningJob", "SetNewPrevHash"]);
    const [job] = client.all("NewExtendedMiningJob");
    const { data } = pool.jobs.current!;
    expect(job).toMatchObject({
      channelId,
      jobId: 1,
      minNtime: undefined,
      version: data.version,
      versionRollingAllowed: true,
    });
    expect(client.all("SetNewPrevHash")).toEqual([
      {
        channelId,
        jobId: 1,
        previousHash: Buffer.from(data.previousHash),
        minNtime: data.startTime,
        nbits: data.bits,
      },
    ]);
  });

  test("the parts of the coinbase have no witness, and room for the extranonce", async () => {
    await openExtended(client);
    await openExtended(client, { minExtranonceSize: 16 });
    await client.untilReceived("NewExtendedMiningJob", 2);
    const [usual, wide] = client.all("NewExtendedMiningJob");
    const { coinbase1, coinbase2 } = pool.jobs.current!.data;
    expect(usual.coinbaseTxPrefix).toEqual(Buffer.from(coinbase1));
    expect(usual.coinbaseTxSuffix).toEqual(Buffer.from(coinbase2));
    expect(wide.coinbaseTxSuffix).toEqual(Buffer.from(coinbase2));
    // Of version, inputs, the outpoint; then how long the script is.
    expect(wide.coinbaseTxPrefix[41] - usual.coinbaseTxPrefix[41]).toBe(8);
  });

  test("a standard channel gets the root that its extranonce makes", async () => {
    await openExtended(client);
    const { extranoncePrefix } = await openStandard(client);
    await client.untilReceived("NewMiningJob", 1);
    const [extended] = client.all("NewExtendedMiningJob");
    const [standard] = client.all("NewMiningJob");
    expect(standard.merkleRoot).toEqual(rootOf(extended, extranoncePrefix));
    expect(standard).toMatchObject({ minNtime: undefined, version: extended.version });
  });

  test("before the pool has a job the answer comes alone, and the job when it is there", async () => {
    pool.jobs.current = undefined;
    const { channelId } = await openStandard(client);
    pool.broadcast(aV2Job({ number: 11 }));
    await client.untilReceived("SetNewPrevHash", 1);
    expect(since(1)).toEqual(["OpenStandardMiningChannel.Success", "NewMiningJob", "SetNewPrevHash"]);
    expect(client.all("NewMiningJob")[0]).toMatchObject({ channelId });
  });

  test("a first job on a network that is easier than the answer told is followed by its target", async () => {
    pool.jobs.current = undefined;
    await openStandard(client);
    pool.broadcast(aV2Job({ number: 11, bits: 0x1d00ffff }));
    await client.untilReceived("SetNewPrevHash", 1);
    expect(since(1)).toEqual([
      "OpenStandardMiningChannel.Success",
      "NewMiningJob",
      "SetTarget",
      "SetNewPrevHash",
    ]);
    expect(client.all("SetTarget")[0].maximumTarget).toEqual(targetOf(1));
  });

  test("version rolling is not allowed where the pool has no mask", async () => {
    pool = await aV2Pool({ versionMask: 0 });
    client = await FrameClient.setUp(portOf(pool));
    await openExtended(client);
    expect((await client.next("NewExtendedMiningJob")).versionRollingAllowed).toBe(false);
  });
});

describe("a new template on the same tip", () => {
  test("is one active job with a name of its own", async () => {
    const { channelId } = await openExtended(client);
    await client.untilReceived("SetNewPrevHash", 1);
    const from = client.names.length;
    pool.broadcast(aV2Job({ number: 11, startTime: 1_700_000_030 }));
    await client.untilReceived("NewExtendedMiningJob", 2);
    expect(client.all("NewExtendedMiningJob")[1]).toMatchObject({
      channelId,
      jobId: 2,
      minNtime: 1_700_000_030,
    });
    expect(since(from)).toEqual(["NewExtendedMiningJob"]);
  });

  test("goes once to a group of several channels, standard ones among them", async () => {
    const { groupChannelId } = await openExtended(client);
    await openStandard(client);
    await openExtended(client);
    await client.untilReceived("SetNewPrevHash", 3);
    const from = client.names.length;
    pool.broadcast(aV2Job({ number: 11 }));
    await client.untilReceived("NewExtendedMiningJob", 3);
    expect(since(from)).toEqual(["NewExtendedMiningJob"]);
    expect(client.all("NewExtendedMiningJob")[2].channelId).toBe(groupChannelId);
  });

  test("goes to each channel that takes standard jobs only", async () => {
    client = await FrameClient.setUp(portOf(pool), { flags: setupFlags.requiresStandardJobs });
    const channels = [await openStandard(client), await openStandard(client)];
    pool.broadcast(aV2Job({ number: 11, tipNumber: 2, clean: true }));
    await client.untilReceived("SetNewPrevHash", 4);
    const jobs = client.all("NewMiningJob").slice(2);
    expect(jobs.map(({ channelId }) => channelId)).toEqual(channels.map(({ channelId }) => channelId));
    expect(jobs[0].merkleRoot).not.toEqual(jobs[1].merkleRoot);
    expect(client.names).not.toContain("NewExtendedMiningJob");
  });

  test("goes to the channels that have it not, when one was opened with it", async () => {
    await openExtended(client);
    const late = await FrameClient.setUp(portOf(pool));
    await openExtended(late);
    const job = pool.jobs.add(aV2Job({ number: 11 }));
    await openExtended(client);
    pool.stratum.broadcast(job);
    await client.untilReceived("NewExtendedMiningJob", 3);
    expect(client.all("NewExtendedMiningJob").map(({ channelId }) => channelId)).toEqual([2, 3, 2]);
  });
});

describe("a new tip", () => {
  test("is a future job and what has it begin, for each group", async () => {
    const usual = await openExtended(client);
    await openStandard(client);
    const wide = await openExtended(client, { minExtranonceSize: 16 });
    await client.untilReceived("SetNewPrevHash", 3);
    const from = client.names.length;
    const previousHash = new Uint8Array(32).fill(9);
    pool.broadcast(aV2Job({ number: 11, tipNumber: 2, clean: true, previousHash }));
    await client.untilReceived("SetNewPrevHash", 5);
    expect(since(from)).toEqual([
      "NewExtendedMiningJob",
      "SetNewPrevHash",
      "NewExtendedMiningJob",
      "SetNewPrevHash",
    ]);
    const jobs = client.all("NewExtendedMiningJob").slice(2);
    const tips = client.all("SetNewPrevHash").slice(3);
    const addressees = [usual.groupChannelId, wide.channelId];
    expect(jobs.map(({ channelId }) => channelId)).toEqual(addressees);
    expect(tips.map(({ channelId }) => channelId)).toEqual(addressees);
    expect(jobs.every(({ minNtime }) => minNtime === undefined)).toBe(true);
    expect(tips.map(({ jobId }) => jobId)).toEqual(jobs.map(({ jobId }) => jobId));
    expect(tips[0].previousHash).toEqual(Buffer.from(previousHash));
  });

  test("whose coinbase has no room for a channel's extranonce closes that channel, and no other", async () => {
    let hasRoom = true;
    const { wideJob } = v2Parts;
    pool = await aV2Pool({ v2: { ...v2Parts, wideJob: (job) => (hasRoom ? wideJob(job) : undefined) } });
    client = await FrameClient.setUp(portOf(pool));
    const { channelId } = await openExtended(client, { minExtranonceSize: 16 });
    await openExtended(client);
    hasRoom = false;
    pool.broadcast(aV2Job({ number: 11, tipNumber: 2, clean: true }));
    expect(await client.next("CloseChannel")).toMatchObject({ channelId });
    await client.untilReceived("SetNewPrevHash", 3);
    expect(pool.stratum.counts.workers).toBe(1);
  });

  test("that is too easy for a channel's target brings it another one, before the job", async () => {
    await openExtended(client);
    await client.untilReceived("SetNewPrevHash", 1);
    const from = client.names.length;
    pool.broadcast(aV2Job({ number: 11, tipNumber: 2, clean: true, bits: 0x1d00ffff }));
    await client.untilReceived("SetNewPrevHash", 2);
    expect(since(from)).toEqual(["SetTarget", "NewExtendedMiningJob", "SetNewPrevHash"]);
    expect(client.all("SetTarget")[0].maximumTarget).toEqual(targetOf(1));
  });
});

describe("another difficulty", () => {
  test("is a target, and behind it the job under another name, for times that nobody has searched", async () => {
    const { channelId, extranoncePrefix } = await openExtended(client);
    await client.untilReceived("SetNewPrevHash", 1);
    pool.shares.verdict = "accepted";
    const shares = Array.from({ length: 40 }, (_, index) =>
      anExtendedShare(channelId, { sequenceNumber: index }),
    );
    client.send(...shares);
    await soon("the shares", () => pool.shares.submissions.length === 40);
    const from = client.names.length;
    pool.clock.advance(2_000);
    await client.untilReceived("SetTarget", 1);
    await client.untilReceived("NewExtendedMiningJob", 2);
    expect(since(from).filter((name) => !name.startsWith("SubmitShares"))).toEqual([
      "SetTarget",
      "NewExtendedMiningJob",
    ]);
    const [first, again] = client.all("NewExtendedMiningJob");
    const nowSeconds = Math.floor(pool.clock.wallMs() / 1000);
    expect(again).toMatchObject({ channelId, jobId: 2, minNtime: nowSeconds + 1 });
    expect(rootOf(again, extranoncePrefix)).toEqual(rootOf(first, extranoncePrefix));
    expect(client.all("SetTarget")[0].channelId).toBe(channelId);
    // What was sent before keeps its target.
    client.send(anExtendedShare(channelId, { jobId: 1, sequenceNumber: 41 }));
    client.send(anExtendedShare(channelId, { jobId: 2, sequenceNumber: 42, ntime: nowSeconds + 1 }));
    await soon("both", () => pool.shares.submissions.length === 42);
    const [before, after] = pool.shares.submissions.slice(40);
    expect(Buffer.from(before!.target.bytes)).toEqual(targetOf(4_096));
    expect(Buffer.from(after!.target.bytes)).toEqual(client.all("SetTarget")[0].maximumTarget);
    expect(before!.ntimeMin).toBe(1_700_000_000);
    expect(after!.ntimeMin).toBe(nowSeconds + 1);
  });
});

describe("solo work", () => {
  test("is each channel's own, though they are of one group", async () => {
    pool = await aV2Pool({ scheme: "solo" });
    client = await FrameClient.setUp(portOf(pool));
    const other = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    await openExtended(client);
    await openExtended(client, { userIdentity: other });
    pool.broadcast(aV2Job({ number: 11 }));
    await client.untilReceived("NewExtendedMiningJob", 4);
    const suffixes = client
      .all("NewExtendedMiningJob")
      .map(({ coinbaseTxSuffix }) => String(coinbaseTxSuffix));
    expect(suffixes).toEqual([anAddress, other, anAddress, other]);
  });
});

describe("a client that reads too slowly", () => {
  test("is sent the newest job when it has caught up, and not all those between", async () => {
    await openExtended(client);
    client.socket.pause();
    const newest = 3_000;
    for (let number = 11; number <= newest; number++) {
      // More together than sockets hold.
      const coinbase2 = Buffer.alloc(8_000);
      coinbase2.writeUInt32LE(number);
      pool.broadcast(aV2Job({ number, coinbase2 }));
      pool.jobs.forget(number - 2);
      await new Promise(setImmediate);
    }
    client.socket.resume();
    const jobs = () => client.all("NewExtendedMiningJob");
    await soon("the newest job", () => jobs().at(-1).coinbaseTxSuffix.readUInt32LE() === newest);
    expect(jobs().length).toBeLessThan(newest - 11);
    expect(client.ended).toBe(false);
  });
});
