/**
 * Miners' own programs on a pool with vardiff and blocks every few seconds, for twenty seconds; ten minutes of it are
 * `npm run campaign:real-miner`.
 */
import { expect, test } from "vitest";
import {
  cpuminer,
  type MinerProgram,
  type MiningRun,
  minerdOnPath,
  mineWith,
  ownMiner,
} from "../support/real-miner.ts";

const seconds = 20;

async function expectHonestMining(programs: readonly MinerProgram[]): Promise<void> {
  const run = await mineWith(programs, { seconds });
  expect(reasonsBut("stale", run), run.lines.slice(-20).join("\n")).toEqual([]);
  expect(run.blocksInChain).toBeGreaterThan(0);
  expect(run.blocksRefused).toBe(0);
  expect(run.connections).toBe(programs.length);
  expect(run.malformedLines).toBe(0);
  expect(run.malformedFrames).toBe(0);
  // The last answers may still be on their way when a miner ends.
  expect(run.said!.accepted).toBeGreaterThan(0);
  expect(run.said!.accepted).toBeLessThanOrEqual(run.accepted);
}

function reasonsBut(honest: string, { refused }: MiningRun): string[] {
  return [...refused.keys()].filter((reason) => reason !== honest);
}

test(`the pool's own miner mines blocks for ${seconds} s, over V1 and both kinds of V2's channels at once, and nothing but stale shares is refused`, async () => {
  await expectHonestMining([ownMiner(), ownMiner("standard"), ownMiner("extended")]);
});

const minerd = minerdOnPath();
test.skipIf(minerd === undefined)(`minerd, where it is on PATH, does the same`, async () => {
  await expectHonestMining([cpuminer(minerd!)]);
});
