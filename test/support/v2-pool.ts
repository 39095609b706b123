/** A Stratum port in this process as V2 clients see it: jobs with real coinbases, and shares that wait for the test. */
import { buildJob } from "../../src/jobs/build.ts";
import type { CoinbaseSpec } from "../../src/jobs/coinbase.ts";
import type { JobData } from "../../src/jobs/job.ts";
import { loadAddon } from "../../src/native/index.ts";
import { openExtendedMiningChannel, openStandardMiningChannel } from "../../src/protocol/v2/channels.ts";
import { submitSharesExtended, submitSharesStandard } from "../../src/protocol/v2/shares.ts";
import type { FrameClient } from "./frame-client.ts";
import { aTemplate } from "./jobs.ts";
import { aServingPool } from "./open-stratum.ts";
import { anAddress, hardBits, type StratumChanges, type StratumUnderTest } from "./stratum.ts";

const addon = loadAddon();
const spec: CoinbaseSpec = {
  tag: "/test/",
  split: [{ script: Buffer.from(`0014${"11".repeat(20)}`, "hex"), millionths: "rest" }],
};
const txids = Buffer.alloc(3 * 32, 5);

/** A job as the pool makes it, on a network that nobody here can satisfy. */
export function aV2Job(changes: Partial<JobData> = {}): JobData {
  const { number = 10, tipNumber = 1, clean = false, startTime = 1_700_000_000 } = changes;
  const transactions = { count: 3, data: new Uint8Array(), txids, weight: 0, sigops: 0 };
  const template = aTemplate({ bits: hardBits, height: 800_000, transactions });
  return { ...buildJob(template, spec, { number, tipNumber, clean, startTime }, addon), ...changes };
}

/** It has the job 10, and is closed when the test is over. */
export async function aV2Pool(changes: StratumChanges = {}): Promise<StratumUnderTest> {
  const difficulty = { sharesPerMinute: 7.5, ...changes.difficulty };
  return await aServingPool({ ...changes, difficulty }, aV2Job());
}

export function portOf({ stratum }: StratumUnderTest): number {
  return stratum.addresses[0]!.port;
}

/** Any target is easy enough. */
export const anyTarget: Uint8Array = new Uint8Array(32).fill(0xff);

/** Of a device that makes its 7.5 shares a minute at this difficulty, exactly. */
export function hashRateAt(difficulty: number): number {
  return difficulty * 2 ** 29;
}

export const nominalHashRate = hashRateAt(4_096);

export const usualOpen = {
  requestId: 7,
  userIdentity: `${anAddress}.rig`,
  nominalHashRate,
  maxTarget: anyTarget,
};

/** The answer to it. */
export async function openStandard(
  client: FrameClient,
  changes: Partial<typeof usualOpen> = {},
  // biome-ignore lint/suspicious/noExplicitAny: a message of the other side
): Promise<any> {
  const frame = openStandardMiningChannel.encode({ ...usualOpen, ...changes });
  return await client.request(frame, "OpenStandardMiningChannel.Success");
}

/** The answer to it. */
export async function openExtended(
  client: FrameClient,
  changes: Partial<typeof usualOpen & { minExtranonceSize: number }> = {},
  // biome-ignore lint/suspicious/noExplicitAny: a message of the other side
): Promise<any> {
  const frame = openExtendedMiningChannel.encode({ ...usualOpen, minExtranonceSize: 0, ...changes });
  return await client.request(frame, "OpenExtendedMiningChannel.Success");
}

const usualShare = { sequenceNumber: 1, jobId: 1, nonce: 42, ntime: 1_700_000_000, version: 0x20000000 };

export function aStandardShare(channelId: number, changes: Partial<typeof usualShare> = {}): Buffer {
  return submitSharesStandard.encode({ channelId, ...usualShare, ...changes });
}

export function anExtendedShare(
  channelId: number,
  changes: Partial<typeof usualShare & { extranonce: Uint8Array }> = {},
  extra?: Uint8Array,
): Buffer {
  const extranonce = new Uint8Array(8);
  return submitSharesExtended.encode({ channelId, ...usualShare, extranonce, ...changes }, extra);
}
