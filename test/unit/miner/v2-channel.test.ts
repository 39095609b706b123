import { expect, test } from "vitest";
import { sha256d } from "../../../src/bitcoin/hash.ts";
import { merkleRoot } from "../../../src/bitcoin/merkle.ts";
import { V2Channel } from "../../../src/miner/v2-channel.ts";
import { makeV2Unit, type V2Job } from "../../../src/miner/v2-work-unit.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { Malformed } from "../../../src/protocol/malformed.ts";

const addon = loadAddon();
const target = Buffer.alloc(32, 1);
const otherTarget = Buffer.alloc(32, 2);
const prefix = Buffer.of(1, 2, 3, 4);
const tip = { channelId: 3, jobId: 7, previousHash: Buffer.alloc(32, 5), minNtime: 1_000, nbits: 0x1d00ffff };

function aChannel({ isExtended = true, isVersionFixed = false } = {}): V2Channel {
  const opened = { requestId: 1, channelId: 3, target, extranoncePrefix: prefix, groupChannelId: 2 };
  return new V2Channel({
    opened: isExtended ? { ...opened, extranonceSize: 8 } : opened,
    isVersionFixed,
    addon,
  });
}

function anExtendedJob(jobId: number, minNtime?: number) {
  return {
    channelId: 3,
    jobId,
    minNtime,
    version: 0x20000000,
    versionRollingAllowed: true,
    merklePath: [Buffer.alloc(32, 8), Buffer.alloc(32, 9)],
    coinbaseTxPrefix: Buffer.of(10),
    coinbaseTxSuffix: Buffer.of(11),
  };
}

function aStandardJob(jobId: number, minNtime?: number) {
  return { channelId: 3, jobId, minNtime, version: 0x20000000, merkleRoot: Buffer.alloc(32, jobId) };
}

/** What begins. */
function begun(job: V2Job | Malformed | undefined): V2Job {
  if (job === undefined || job instanceof Malformed) throw new Error(`nothing begins: ${job?.detail}`);
  return job;
}

test("a job without min_ntime waits for the tip that names it, and has the tip's time", () => {
  const channel = aChannel();
  expect(channel.takeJob(anExtendedJob(6))).toBeUndefined();
  expect(channel.takeJob(anExtendedJob(7))).toBeUndefined();
  expect(channel.takeTip(tip)).toMatchObject({
    jobId: 7,
    minNtime: 1_000,
    previousHash: tip.previousHash,
    nbits: 0x1d00ffff,
    target,
    extranonceSize: 8,
    versionMask: 0x1fffe000,
  });
});

test("a job with min_ntime begins at once, on the tip that is known", () => {
  const channel = aChannel({ isExtended: false });
  channel.takeJob(aStandardJob(7));
  channel.takeTip(tip);
  const job = begun(channel.takeJob(aStandardJob(8, 1_010)));
  expect(job).toMatchObject({ jobId: 8, minNtime: 1_010, previousHash: tip.previousHash, extranonceSize: 0 });
  expect(job.rootOf(Buffer.alloc(0))).toEqual(Buffer.alloc(32, 8));
});

test("an extended job's root is of the coinbase with prefix and extranonce", () => {
  const channel = aChannel();
  channel.takeJob(anExtendedJob(7));
  const extranonce = Buffer.alloc(8, 0xee);
  const coinbase = Buffer.concat([Buffer.of(10), prefix, extranonce, Buffer.of(11)]);
  const root = merkleRoot(sha256d(coinbase), anExtendedJob(7).merklePath);
  expect(Buffer.from(begun(channel.takeTip(tip)).rootOf(extranonce))).toEqual(Buffer.from(root));
});

test("a standard channel that is sent a group's extended job works with its prefix alone", () => {
  const channel = aChannel({ isExtended: false });
  channel.takeJob(anExtendedJob(7));
  const job = begun(channel.takeTip(tip));
  const coinbase = Buffer.concat([Buffer.of(10), prefix, Buffer.of(11)]);
  const root = merkleRoot(sha256d(coinbase), anExtendedJob(7).merklePath);
  expect(job.extranonceSize).toBe(0);
  expect(Buffer.from(job.rootOf(Buffer.alloc(0)))).toEqual(Buffer.from(root));
});

test("a new target is for jobs that have not begun: future ones and later ones, not the present one", () => {
  const channel = aChannel();
  channel.takeJob(anExtendedJob(6));
  const first = begun(channel.takeTip({ ...tip, jobId: 6 }));
  channel.takeJob(anExtendedJob(7));
  channel.setTarget(otherTarget);
  expect(first.target).toEqual(target);
  expect(begun(channel.takeTip(tip)).target).toEqual(otherTarget);
  expect(begun(channel.takeJob(anExtendedJob(8, 1_001))).target).toEqual(otherTarget);
});

test("a new prefix is for jobs that are sent later", () => {
  const channel = aChannel();
  channel.takeJob(anExtendedJob(7));
  channel.setPrefix(Buffer.of(9, 9));
  const rootWith = (bytes: Buffer) =>
    Buffer.from(
      merkleRoot(
        sha256d(Buffer.concat([Buffer.of(10), bytes, Buffer.alloc(8), Buffer.of(11)])),
        anExtendedJob(7).merklePath,
      ),
    );
  expect(Buffer.from(begun(channel.takeTip(tip)).rootOf(Buffer.alloc(8)))).toEqual(rootWith(prefix));
  const later = begun(channel.takeJob(anExtendedJob(8, 1_001)));
  expect(Buffer.from(later.rootOf(Buffer.alloc(8)))).toEqual(rootWith(Buffer.of(9, 9)));
});

test("versions stay where the pool or the job says so", () => {
  const fixed = aChannel({ isVersionFixed: true });
  fixed.takeJob(anExtendedJob(7));
  expect(begun(fixed.takeTip(tip)).versionMask).toBe(0);
  const channel = aChannel();
  channel.takeJob({ ...anExtendedJob(7), versionRollingAllowed: false });
  expect(begun(channel.takeTip(tip)).versionMask).toBe(0);
});

test("a job that is sent again under another name is not searched from the beginning", () => {
  const channel = aChannel({ isExtended: false, isVersionFixed: true });
  channel.takeJob(aStandardJob(7));
  const first = begun(channel.takeTip(tip));
  const times = [0, 1, 2].map((index) => makeV2Unit(first, index, 0).ntime);
  const again = begun(channel.takeJob({ ...aStandardJob(8, 1_000), merkleRoot: Buffer.alloc(32, 7) }));
  expect(times).toEqual([1_000, 1_001, 1_002]);
  expect(makeV2Unit(again, 3, 0).ntime).toBe(1_003);
  const other = begun(channel.takeJob(aStandardJob(9, 1_000)));
  expect(makeV2Unit(other, 4, 0).ntime).toBe(1_000);
});

test("messages to its group are the channel's, until it is in another group", () => {
  const channel = aChannel();
  expect([1, 2, 3, 4].filter((id) => channel.hears(id))).toEqual([2, 3]);
  channel.joinGroup({ groupChannelId: 9, channelIds: [4, 5] });
  expect(channel.hears(2)).toBe(true);
  channel.joinGroup({ groupChannelId: 9, channelIds: [3, 5] });
  expect([2, 3, 9].filter((id) => channel.hears(id))).toEqual([3, 9]);
});

test("a tip with a job that was never sent, or was forgotten with an earlier tip, makes no sense", () => {
  const channel = aChannel();
  expect(channel.takeTip(tip)).toBeInstanceOf(Malformed);
  channel.takeJob(anExtendedJob(6));
  channel.takeJob(anExtendedJob(7));
  channel.takeTip({ ...tip, jobId: 6 });
  expect(channel.takeTip(tip)).toBeInstanceOf(Malformed);
});

test("a job that begins before there is a tip makes no sense", () => {
  expect(aChannel().takeJob(anExtendedJob(7, 1_000))).toBeInstanceOf(Malformed);
});

test("of future jobs without end the latest are kept", () => {
  const channel = aChannel();
  for (let jobId = 1; jobId <= 100; jobId++) channel.takeJob(anExtendedJob(jobId));
  expect(channel.takeTip({ ...tip, jobId: 36 })).toBeInstanceOf(Malformed);
  expect(begun(channel.takeTip({ ...tip, jobId: 37 })).jobId).toBe(37);
});
