import { expect, test } from "vitest";
import { encodeFrameHeader, frameHeaderBytes } from "../../src/protocol/v2/frame.ts";
import { type AnyCodec, messages } from "../../src/protocol/v2/registry.ts";
import { FrameClient } from "../support/frame-client.ts";
import { soon } from "../support/open-stratum.ts";
import { type RandomSource, randomSource } from "../support/random.ts";
import type { StratumUnderTest } from "../support/stratum.ts";
import { randomMessage } from "../support/v2-messages.ts";
import { aV2Job, aV2Pool, portOf, usualOpen } from "../support/v2-pool.ts";

const rounds = 60;
const messagesPerRound = 80;
const seed = Number(process.env["PENSTOCK_FUZZ_SEED"] ?? 1);

/** Values that lead somewhere, half of the time: channels and jobs that may exist, users that can be paid. */
function plausible(codec: AnyCodec, random: RandomSource): Record<string, unknown> {
  const message: Record<string, unknown> = { ...(randomMessage(codec, random) as object) };
  const perhaps = (name: string, value: () => unknown) => {
    if (name in message && random.integer(0, 3) > 0) message[name] = value();
  };
  perhaps("channelId", () => random.integer(0, 8));
  perhaps("jobId", () => random.integer(0, 6));
  perhaps("userIdentity", () => usualOpen.userIdentity);
  perhaps("maxTarget", () => usualOpen.maxTarget);
  perhaps("maximumTarget", () => usualOpen.maxTarget);
  perhaps("nominalHashRate", () => random.integer(0, 2 ** 40));
  perhaps("minExtranonceSize", () => random.integer(0, 20));
  perhaps("extranonce", () => random.bytes(random.integer(0, 1) === 0 ? 8 : 16));
  perhaps("reasonCode", () => "");
  perhaps("requestedExtensions", () => [2]);
  return message;
}

/** Now and then not as it was encoded. */
function spoilt(frame: Buffer, random: RandomSource): Buffer {
  if (random.integer(0, 150) > 0) return frame;
  const payload = frame.subarray(frameHeaderBytes, random.integer(frameHeaderBytes, frame.length));
  const [extensionType, messageType] = [random.integer(0, 3), random.integer(0, 255)];
  const isChannelMessage = random.integer(0, 1) === 0;
  const header = { extensionType, messageType, isChannelMessage, payloadLength: payload.length };
  return Buffer.concat([encodeFrameHeader(header), payload]);
}

async function playRound(pool: StratumUnderTest, random: RandomSource, number: number): Promise<void> {
  const client = await FrameClient.setUp(portOf(pool), { flags: random.integer(0, 1) });
  const common = messages.filter(({ name }) =>
    /^Open.*Channel$|^SubmitShares(Standard|Extended)$/.test(name),
  );
  for (let sent = 0; sent < messagesPerRound && !client.ended; sent++) {
    const kinds = random.integer(0, 4) === 0 ? messages : common;
    const codec = kinds[random.integer(0, kinds.length - 1)]!;
    client.send(spoilt(codec.encode(plausible(codec, random) as never), random));
    if (random.integer(0, 19) === 0) {
      const tipNumber = random.integer(1, 2) * number + number;
      pool.broadcast(aV2Job({ number: 1_000 * number + sent, tipNumber, clean: true }));
    }
    if (random.integer(0, 9) === 0) pool.shares.commit(random.integer(0, 3) === 0 ? "duplicate" : undefined);
    if (random.integer(0, 9) === 0) pool.clock.advance(random.integer(0, 5_000));
    await new Promise(setImmediate);
  }
  client.socket.resetAndDestroy();
}

test(`${rounds} connections that say whatever comes to mind break nothing and leave nothing behind`, {
  timeout: 60_000,
}, async () => {
  const random = randomSource(seed);
  const pool = await aV2Pool({
    limits: { requestsPerSecond: 100_000, refusedInARow: 100_000, banSeconds: 0 },
  });
  const miner = await pool.connect();
  await miner.join();
  for (let round = 1; round <= rounds; round++) await playRound(pool, random, round);
  pool.shares.commit();
  await soon("all to have left", () => pool.stratum.counts.connections === 1);
  expect(pool.metrics.count("sessionFailed")).toBe(0);
  expect(pool.stratum.counts).toMatchObject({ workers: 1, subscribed: 1 });
  expect(await miner.request("mining.ping")).toMatchObject({ result: "pong" });
  expect(pool.metrics.count("channelOpenAnswered standard")).toBeGreaterThan(50);
  expect(pool.metrics.count("channelOpenAnswered extended")).toBeGreaterThan(20);
  expect(pool.shares.submissions.length).toBeGreaterThan(20);
});
